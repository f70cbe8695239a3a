/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// Every instruction set of this machine against the reference, over odd sizes.

#include "kernels.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <random>

using namespace gr::speculative;

namespace {

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float untouched = 12345.0f;

std::mt19937 generator(3);

std::vector<float> noise(size_t n)
{
    std::normal_distribution<float> normal;
    std::vector<float> values(n);
    for (float& value : values)
        value = normal(generator);
    return values;
}

// Calls check(kernels) for each set but the reference; at least the calls must be reached
// on a processor that has vector instructions.
template <typename function>
void for_each_simd(function check)
{
    for (const kernel_set* kernels : available_kernels())
        if (kernels != &reference_kernels())
            BOOST_TEST_CONTEXT(kernels->name)
    check(*kernels);
}

void check_close(const std::vector<float>& found,
                 const std::vector<float>& expected,
                 float tolerance)
{
    BOOST_TEST_REQUIRE(found.size() == expected.size());
    for (size_t i = 0; i < found.size(); i++)
        BOOST_TEST_REQUIRE(std::abs(found[i] - expected[i]) <= tolerance,
                           "element " << i << ": " << found[i] << ", expected "
                                      << expected[i]);
}

size_t round_up(size_t value, size_t step) { return (value + step - 1) / step * step; }

// [columns][depth] to the layout that kernels.h asks for
std::vector<float>
pack(const std::vector<float>& w, size_t columns, size_t depth, size_t lanes)
{
    std::vector<float> packed(round_up(columns, lanes) * depth);
    for (size_t c = 0; c < columns; c++)
        for (size_t k = 0; k < depth; k++)
            packed[(c / lanes * depth + k) * lanes + c % lanes] = w[c * depth + k];
    return packed;
}

std::vector<float> pad_rows(const std::vector<float>& w, size_t row, size_t lanes)
{
    std::vector<float> padded(w.size() / row * round_up(row, lanes));
    for (size_t i = 0; i < w.size(); i++)
        padded[i / row * round_up(row, lanes) + i % row] = w[i];
    return padded;
}

std::vector<float> run_gemm(const kernel_set& kernels,
                            const gemm_shape& s,
                            const std::vector<float>& a,
                            const std::vector<float>& w,
                            const std::vector<float>& bias)
{
    std::vector<float> out(s.rows * s.ldo + 1, untouched);
    kernels.gemm(s,
                 a.data(),
                 pack(w, s.columns, s.depth, kernels.lanes).data(),
                 pad_rows(bias, s.columns, kernels.lanes).data(),
                 out.data());
    return out;
}

} // namespace

BOOST_AUTO_TEST_CASE(gemm)
{
    for (const size_t rows : { 0, 1, 2, 3, 7, 8, 13, 33 })
        for (const size_t depth : { 1, 2, 7, 48 })
            for (const size_t columns : { 1, 3, 4, 8, 15, 16, 17, 32, 33, 49 })
                for (const size_t lda : { size_t{ 1 }, depth, depth + 3 }) {
                    const gemm_shape s = { rows, depth,       columns,
                                           lda,  columns + 2, rows % 2 == 0 };
                    const auto a = noise(rows * lda + depth);
                    const auto w = noise(columns * depth);
                    const auto bias = noise(columns);
                    const auto expected = run_gemm(reference_kernels(), s, a, w, bias);
                    for_each_simd([&](const kernel_set& kernels) {
                        check_close(run_gemm(kernels, s, a, w, bias), expected, 2e-5f);
                    });
                }
}

// The same row, computed among others and alone, is the same to the last bit.
BOOST_AUTO_TEST_CASE(gemm_rows_do_not_depend_on_their_neighbours)
{
    const size_t depth = 37;
    const size_t columns = 41;
    const auto a = noise(29 * depth);
    const auto w = noise(columns * depth);
    const auto bias = noise(columns);
    for (const kernel_set* kernels : available_kernels()) {
        const auto all =
            run_gemm(*kernels, { 29, depth, columns, depth, columns, false }, a, w, bias);
        for (size_t row = 0; row < 29; row++) {
            const std::vector<float> one(&a[row * depth], &a[row * depth] + depth);
            const auto alone = run_gemm(
                *kernels, { 1, depth, columns, depth, columns, false }, one, w, bias);
            BOOST_TEST_REQUIRE(
                std::equal(alone.begin(), alone.begin() + columns, &all[row * columns]),
                kernels->name << ", row " << row);
        }
    }
}

BOOST_AUTO_TEST_CASE(windows)
{
    for (const size_t rows : { 0, 1, 3, 4, 9 })
        for (const size_t size : { 1, 2, 5 })
            for (const size_t step : { 1, 2, 3 })
                for (const size_t channels : { 1, 3, 8, 15, 16, 17, 40 }) {
                    const window_shape s = { rows, size, step, channels };
                    // with room to read beyond the last row
                    const auto in = noise((rows * step + size) * channels + 16);
                    const auto w = noise(size * channels);
                    const auto bias = noise(channels);
                    const auto run = [&](const kernel_set& kernels, int which) {
                        std::vector<float> out(rows * channels + 1, untouched);
                        const auto weights = pad_rows(w, channels, kernels.lanes);
                        const auto offsets = pad_rows(bias, channels, kernels.lanes);
                        if (which == 0)
                            kernels.max_pool(s, in.data(), out.data());
                        else if (which == 1)
                            kernels.sum_pool(s, in.data(), 0.3f, out.data());
                        else
                            kernels.depthwise(s,
                                              in.data(),
                                              weights.data(),
                                              offsets.data(),
                                              which == 3,
                                              out.data());
                        return out;
                    };
                    for_each_simd([&](const kernel_set& kernels) {
                        for (const int which : { 0, 1, 2, 3 })
                            check_close(run(kernels, which),
                                        run(reference_kernels(), which),
                                        which == 0 ? 0.0f : 1e-5f);
                    });
                }
}

BOOST_AUTO_TEST_CASE(elementwise)
{
    for (const size_t n : { 0, 1, 3, 4, 5, 8, 15, 16, 17, 31, 64, 100 }) {
        const auto a = noise(n);
        const auto b = noise(n);
        const auto run = [&](const kernel_set& kernels, int which) {
            std::vector<float> out(n + 1, untouched);
            if (which == 0)
                kernels.relu(a.data(), n, out.data());
            else if (which == 1)
                kernels.normalise(a.data(), n, 0.2f, 3.0f, -1.0f, 2.0f, out.data());
            else if (which == 2)
                kernels.softmax(a.data(), n, 1.7f, out.data());
            else
                kernels.add(a.data(), b.data(), n, which == 4, out.data());
            return out;
        };
        for_each_simd([&](const kernel_set& kernels) {
            for (const int which : { 0, 1, 2, 3, 4 })
                check_close(run(kernels, which), run(reference_kernels(), which), 1e-6f);
        });
    }
}

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
                                       2e-6f + 2e-7f * std::abs(expected[i]),
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

BOOST_AUTO_TEST_CASE(choice_by_name)
{
    unsetenv("SPECULATIVE_KERNEL");
    const auto sets = available_kernels();
    BOOST_TEST(&choose_kernels("") == sets.front());
    BOOST_TEST(sets.back() == &reference_kernels());
    for (const kernel_set* set : sets)
        BOOST_TEST(&choose_kernels(set->name) == set);

    setenv("SPECULATIVE_KERNEL", "reference", 1);
    BOOST_TEST(&choose_kernels("") == &reference_kernels());
    BOOST_TEST(&choose_kernels(sets.front()->name) == sets.front());

    setenv("SPECULATIVE_KERNEL", "avx9", 1);
    const auto names_all = [&](const std::invalid_argument& e) {
        const std::string what = e.what();
        bool all = what.find("'avx9' (SPECULATIVE_KERNEL)") != std::string::npos;
        for (const kernel_set* set : sets)
            all = all && what.find(set->name) != std::string::npos;
        return all;
    };
    BOOST_CHECK_EXCEPTION(choose_kernels(""), std::invalid_argument, names_all);
    unsetenv("SPECULATIVE_KERNEL");
    BOOST_CHECK_THROW(choose_kernels("AVX2"), std::invalid_argument);
}
