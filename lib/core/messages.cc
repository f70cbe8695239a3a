/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/messages.h"

#include <array>
#include <stdexcept>
#include <utility>

namespace gr {
namespace speculative {

namespace {
constexpr std::array<std::pair<verdict_status, const char*>, 5> status_words{
    { { verdict_status::ok, "ok" },
      { verdict_status::busy, "busy" },
      { verdict_status::expired, "expired" },
      { verdict_status::error, "error" },
      { verdict_status::unreachable, "unreachable" } }
};
} // namespace

const char* to_string(verdict_status status)
{
    for (const auto& [value, word] : status_words) {
        if (value == status)
            return word;
    }
    return "error";
}

verdict_status verdict_status_from(const std::string& word)
{
    for (const auto& [value, known] : status_words) {
        if (word == known)
            return value;
    }
    throw std::invalid_argument("status is '" + word +
                                "', expected ok, busy, expired, error or unreachable");
}

} // namespace speculative
} // namespace gr
