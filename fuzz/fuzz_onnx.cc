/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// A model file: any bytes give a network that runs, or std::runtime_error.

#include "core/network.h"
#include "core/onnx_reader.h"
#include "kernels/kernels.h"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

using namespace gr::speculative;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    constexpr size_t most_work = 1 << 22; // multiply-accumulates: a large network is only slow
    try {
        const auto model =
            onnx::parse(std::string(reinterpret_cast<const char*>(data), size), "fuzz");
        network net(model, reference_kernels(), 1);
        if (net.macs() > most_work || net.fft_size() > most_work)
            return 0;
        const std::vector<float> spectrum(net.fft_size(), 0.5f);
        const float rate = 0.3f;
        std::vector<float> logits(net.classes());
        std::vector<float> features(net.feature_size());
        net.run(spectrum.data(), &rate, 1, logits.data(), features.data());
    } catch (const std::runtime_error&) {
    }
    return 0;
}
