/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// What a hub sends to a node: any bytes give an answer or std::invalid_argument. Input:
// two bytes, the header's length; the header; the payload.

#include "core/wire.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string_view>
#include <variant>

using namespace gr::speculative;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    if (size < 2)
        return 0;
    const std::string_view all(reinterpret_cast<const char*>(data), size);
    const size_t length = std::min<size_t>(data[0] + 256 * data[1], size - 2);
    const std::string_view payload = all.substr(2 + length);
    try {
        const auto answer = wire::decode(wire::version, all.substr(2, length), payload);
        const auto* v = std::get_if<verdict>(&answer);
        if (v && v->scores.size() * sizeof(float) != payload.size())
            std::abort();
    } catch (const std::invalid_argument&) {
    }
    return 0;
}
