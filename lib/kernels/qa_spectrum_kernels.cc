/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// Decibels, noise floor and softmax: every instruction set of this machine against the
// reference, over odd sizes and odd values.

#include "test_kernels.h"

#include <algorithm>
#include <limits>
#include <numeric>

using namespace gr::speculative;
using namespace test;

namespace {

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

} // namespace

BOOST_AUTO_TEST_CASE(softmax_is_a_distribution_at_the_extremes)
{
    for (const kernel_set* kernels : available_kernels())
        for (const float scale : { 1e-3f, 1.0f, 1e3f }) {
            std::vector<float> p = { -3e38f, 3e38f, 0.0f, 1.0f, 3e38f };
            kernels->softmax(p.data(), p.size(), scale, p.data());
            check_close(p, { 0.0f, 0.5f, 0.0f, 0.0f, 0.5f }, 1e-6f);
        }
}

BOOST_AUTO_TEST_CASE(decibels)
{
    // every exponent from the clamp upwards, many mantissas
    std::vector<float> powers = { 0.0f,   -0.0f,  -1.0f, 1e-45f,
                                  1e-38f, 1e-20f, 1.0f,  3.4e38f };
    for (double p = 1e-21; p < 3e38; p *= 1.0097)
        powers.push_back(static_cast<float>(p));
    std::vector<float> expected;
    for (const float p : powers)
        expected.push_back(
            static_cast<float>(10.0 * std::log10(std::max<double>(p, 1e-20))));
    for (const kernel_set* kernels : available_kernels())
        BOOST_TEST_CONTEXT(kernels->name)
        {
            std::vector<float> db(powers.size());
            BOOST_TEST(kernels->power_to_db(powers.data(), powers.size(), db.data()));
            for (size_t i = 0; i < db.size(); i++)
                BOOST_TEST_REQUIRE(std::abs(db[i] - expected[i]) <=
                                       8e-6f + 2e-7f * std::abs(expected[i]),
                                   powers[i] << ": " << db[i] << ", expected "
                                             << expected[i]);
        }
}

BOOST_AUTO_TEST_CASE(spectra)
{
    for (const size_t n : { 0, 1, 3, 4, 7, 16, 17, 33, 100 }) {
        auto in = noise(2 * n);
        const auto run = [&](const kernel_set& kernels, int which) {
            std::vector<float> out(n + 1, untouched);
            const auto to_db = which == 0   ? kernels.complex_to_db
                               : which == 1 ? kernels.power_to_db
                                            : kernels.clamp_db;
            out.push_back(to_db(in.data(), n, out.data()));
            return out;
        };
        const auto check = [&] {
            for_each_simd([&](const kernel_set& kernels) {
                for (const int which : { 0, 1, 2 })
                    check_close(
                        run(kernels, which), run(reference_kernels(), which), 2e-5f);
            });
        };
        check();
        // each place in turn: in a full register, in the rest
        for (size_t i = 0; i < n; i++)
            for (const float odd : { not_a_number,
                                     -not_a_number,
                                     infinity,
                                     -infinity,
                                     3e38f,
                                     1e-42f,
                                     -0.0f }) {
                const float kept = in[i];
                in[i] = odd;
                const bool valid = std::isfinite(odd);
                for_each_simd([&](const kernel_set& kernels) {
                    // 385.318 dB for infinity or, from the vectorised logarithm, near it
                    for (const int which : { 0, 1, 2 }) {
                        const auto found = run(kernels, which);
                        const auto expected = run(reference_kernels(), which);
                        BOOST_TEST(found.back() == expected.back());
                        for (size_t k = 0; k < n; k++)
                            BOOST_TEST_REQUIRE(std::isfinite(found[k]));
                        if (valid)
                            check_close(found, expected, 1e-4f);
                    }
                    BOOST_TEST((run(kernels, 1).back() == 1.0f) == valid);
                    BOOST_TEST((run(kernels, 2).back() == 1.0f) ==
                               (valid || odd == -infinity));
                });
                in[i] = kept;
            }
    }
}

BOOST_AUTO_TEST_CASE(block_means)
{
    for (const size_t blocks : { 1, 5, 32 })
        for (const size_t size : { 1, 3, 16, 32, 65 }) {
            auto in = noise(blocks * size);
            for (float& value : in)
                value = 20.0f * value - 90.0f;
            std::vector<float> expected(blocks + 1, untouched);
            reference_kernels().block_means(in.data(), blocks, size, expected.data());
            for_each_simd([&](const kernel_set& kernels) {
                std::vector<float> found(blocks + 1, untouched);
                kernels.block_means(in.data(), blocks, size, found.data());
                check_close(found, expected, 3e-5f);
            });
        }
}

BOOST_AUTO_TEST_CASE(block_maxima)
{
    for (const size_t blocks : { 1, 5, 32, 64 })
        for (const size_t size : { 1, 3, 16, 32, 48, 65 }) {
            auto in = noise(blocks * size);
            for (size_t b = 0; b < blocks; b++) // each place in turn
                in[b * size + b * 7 % size] += 10.0f;
            std::vector<float> expected(blocks + 1, untouched);
            reference_kernels().block_maxima(in.data(), blocks, size, expected.data());
            BOOST_TEST(expected[blocks - 1] > 5.0f);
            for_each_simd([&](const kernel_set& kernels) {
                std::vector<float> found(blocks + 1, untouched);
                kernels.block_maxima(in.data(), blocks, size, found.data());
                BOOST_TEST(found == expected, boost::test_tools::per_element());
            });
        }
}

BOOST_AUTO_TEST_CASE(levels)
{
    for (const size_t n : { 1, 3, 16, 32, 63, 64, 65, 1024 }) {
        auto in = noise(n);
        for (size_t i = 0; i < n; i += 5)
            in[i] = 0.5f; // just counts
        for (size_t top = 0; top < n; top += n / 7 + 1) {
            in[top] += 10.0f;
            float expected = untouched;
            const size_t count =
                reference_kernels().levels(in.data(), n, 0.5f, &expected);
            for_each_simd([&](const kernel_set& kernels) {
                float found = untouched;
                BOOST_TEST(kernels.levels(in.data(), n, 0.5f, &found) == count);
                BOOST_TEST(found == expected);
            });
        }
    }
}

BOOST_AUTO_TEST_CASE(range_that_grows)
{
    for (const size_t n : { 0, 1, 3, 16, 32, 63, 64, 65, 1024 }) {
        const auto in = noise(n);
        for (const float start : { -9.0f, 0.0f, 9.0f }) {
            float expected[] = { start, start };
            for (const float value : in) {
                expected[0] = std::min(expected[0], value);
                expected[1] = std::max(expected[1], value);
            }
            for (const kernel_set* kernels : available_kernels()) {
                float found[] = { start, start };
                kernels->extend_range(in.data(), n, &found[0], &found[1]);
                BOOST_TEST(found == expected, boost::test_tools::per_element());
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(ranked)
{
    for (const size_t n : { 1, 3, 16, 32, 33, 100 }) {
        auto in = noise(n);
        for (size_t i = 0; i < n; i += 3)
            in[i] = in[0]; // ties
        auto sorted = in;
        std::sort(sorted.begin(), sorted.end());
        std::vector<size_t> ranks(n);
        std::iota(ranks.rbegin(), ranks.rend(), 0); // any order
        for (const kernel_set* kernels : available_kernels())
            BOOST_TEST_CONTEXT(kernels->name)
            {
                std::vector<float> found(n);
                kernels->ranked(in.data(), n, ranks.data(), n, found.data());
                BOOST_TEST(std::equal(found.rbegin(), found.rend(), sorted.begin()));
            }
    }
}
