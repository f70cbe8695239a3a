/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// What the tests of the network share.

#ifndef INCLUDED_SPECULATIVE_CORE_TEST_NETWORK_H
#define INCLUDED_SPECULATIVE_CORE_TEST_NETWORK_H

#include "network.h"
#include "test_models.h"
#include "test_naive_network.h"

#include <boost/test/unit_test.hpp>

namespace test {

using namespace gr::speculative;

inline std::vector<float> noise(size_t n, std::mt19937& random)
{
    std::normal_distribution<float> normal;
    std::vector<float> values(n);
    for (float& value : values)
        value = std::round(normal(random) * 256.0f) / 256.0f;
    return values;
}

// Against the naive network, for every instruction set, and row by row to the last bit.
inline void check(const std::string& bytes)
{
    constexpr size_t n = 7; // not a multiple of the batch
    std::mt19937 random(5);
    const auto spectrum = noise(n * bins, random);
    const auto rate = noise(n, random);
    const onnx::model model = onnx::parse(bytes, "some.onnx");
    naive_network naive(model);
    const auto logits = naive.run(spectrum, rate, "logits");
    const auto features = naive.run(spectrum, rate, "features");
    for (const kernel_set* kernels : available_kernels())
        BOOST_TEST_CONTEXT(kernels->name)
        {
            network net(model, *kernels, 4);
            BOOST_TEST_REQUIRE(net.fft_size() == bins);
            BOOST_TEST_REQUIRE(n * net.classes() == logits.size());
            BOOST_TEST_REQUIRE(n * net.feature_size() == features.size());
            std::vector<float> found(logits.size());
            std::vector<float> found_features(features.size());
            net.run(spectrum.data(), rate.data(), n, found.data(), found_features.data());
            for (size_t i = 0; i < found.size(); i++)
                BOOST_TEST_REQUIRE(std::abs(found[i] - logits[i]) <= 3e-5,
                                   "logit " << i << ": " << found[i] << ", expected "
                                            << logits[i]);
            for (size_t i = 0; i < features.size(); i++)
                BOOST_TEST_REQUIRE(std::abs(found_features[i] - features[i]) <= 3e-5,
                                   "feature " << i);

            std::vector<float> alone(net.classes());
            for (size_t b = n; b-- > 0;) { // backwards, over what other rows left behind
                net.run(&spectrum[b * bins], &rate[b], 1, alone.data(), nullptr);
                BOOST_TEST_REQUIRE(
                    std::equal(alone.begin(), alone.end(), &found[b * alone.size()]),
                    "row " << b << " depends on its batch");
            }
        }
}

} // namespace test

#endif /* INCLUDED_SPECULATIVE_CORE_TEST_NETWORK_H */
