/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// The network's arithmetic: every instruction set of this machine against the reference, over
// odd sizes.

#include "test_kernels.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

using namespace gr::speculative;
using namespace test;

namespace {

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

// [columns][depth] to byte_weights::values
std::vector<int32_t>
pack_bytes(const std::vector<int>& w, size_t columns, size_t depth, size_t lanes)
{
    const size_t groups = (depth + 3) / 4;
    std::vector<int32_t> packed(round_up(columns, lanes) * groups);
    auto* const bytes = reinterpret_cast<int8_t*>(packed.data());
    for (size_t c = 0; c < columns; c++)
        for (size_t k = 0; k < depth; k++)
            bytes[((c / lanes * groups + k / 4) * lanes + c % lanes) * 4 + k % 4] =
                static_cast<int8_t>(w[c * depth + k]);
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
    for (const size_t rows : { 0, 1, 2, 3, 7, 8, 13, 26, 33 })
        for (const size_t depth : { 1, 2, 7, 48 })
            for (const size_t columns : { 1, 3, 4, 8, 15, 16, 17, 24, 32, 33, 49 })
                for (const size_t lda : { size_t{ 1 }, depth, depth + 3 }) {
                    const gemm_shape s = { rows,        depth,         columns,      lda,
                                           columns + 2, rows % 4 == 0, rows % 8 == 2 };
                    const auto a = noise(rows * lda + depth);
                    const auto w = noise(columns * depth);
                    const auto bias = noise(columns);
                    const auto expected = run_gemm(reference_kernels(), s, a, w, bias);
                    for_each_simd([&](const kernel_set& kernels) {
                        check_close(run_gemm(kernels, s, a, w, bias), expected, 2e-5f);
                    });
                }
}

// Integer products are the same in every kernel set to the last bit, rounded or not.
BOOST_AUTO_TEST_CASE(gemm_of_bytes)
{
    std::uniform_int_distribution<int> byte(0, 255), weight(-64, 64);
    for (const size_t rows : { 0, 1, 2, 7, 13, 26, 33 })
        for (const size_t depth : { 1, 4, 7, 48, 160 })
            for (const size_t columns : { 1, 3, 4, 8, 15, 16, 17, 24, 33, 49 })
                for (const size_t lda : { size_t{ 1 }, depth, depth + 5 }) {
                    const gemm_shape s = { rows,        depth,         columns,      lda,
                                           columns + 2, rows % 4 == 1, rows % 8 == 2 };
                    std::vector<uint8_t> a(rows * lda + depth + 3);
                    for (uint8_t& value : a)
                        value = static_cast<uint8_t>(byte(generator));
                    std::vector<int> w(columns * depth);
                    for (int& value : w)
                        value = weight(generator);
                    if (depth > 1) // the largest sums of two
                        std::fill_n(w.begin(), 2, 64), std::fill_n(a.begin(), 2, 255);
                    const auto bias = noise(columns);
                    auto scale = noise(columns);
                    for (float& value : scale)
                        value = 1e-4f + std::abs(value) / 1000.0f;
                    const auto run = [&](const kernel_set& kernels, float steps) {
                        const auto scales = pad_rows(scale, columns, kernels.lanes);
                        const auto packed = pack_bytes(w, columns, depth, kernels.lanes);
                        std::vector<float> out(rows * s.ldo + 1, untouched);
                        kernels.gemm_bytes(s,
                                           { packed.data(), scales.data() },
                                           a.data(),
                                           pad_rows(bias, columns, kernels.lanes).data(),
                                           steps,
                                           out.data());
                        return out;
                    };
                    for_each_simd([&](const kernel_set& kernels) {
                        for (const float steps : { 0.0f, 20.0f }) {
                            const auto found = run(kernels, steps);
                            const auto expected = run(reference_kernels(), steps);
                            BOOST_TEST_REQUIRE(
                                std::memcmp(found.data(),
                                            expected.data(),
                                            found.size() * sizeof(float)) == 0);
                        }
                    });
                }
}

BOOST_AUTO_TEST_CASE(rounding_to_bytes)
{
    const std::vector<float> in = { -9.0f, -0.5f, 0.5f,  1.5f,   2.5f,   0.49f, 254.4f,
                                    1e9f,  -1e9f, 77.7f, 190.5f, 191.5f, 3.0f,  4.0f,
                                    5.0f,  6.0f,  7.0f,  8.0f,   9.0f };
    const std::vector<int> expected = { 55,  64,  64, 66, 66, 64, 255, 255, 0, 142,
                                        254, 255, 67, 68, 69, 70, 71,  72,  73 };
    for (const kernel_set* kernels : available_kernels())
        for (size_t n = 0; n <= in.size(); n++) {
            std::vector<uint8_t> out(in.size() + 1, 99);
            kernels->quantise(in.data(), n, 1.0f, 64.0f, out.data());
            for (size_t i = 0; i < out.size(); i++)
                BOOST_TEST_REQUIRE(out[i] == (i < n ? expected[i] : 99),
                                   kernels->name << ", element " << i << " of " << n
                                                 << ": " << int(out[i]));
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

BOOST_AUTO_TEST_CASE(largest_of_each_channel)
{
    for (const size_t rows : { 1, 2, 4, 7, 8, 16, 33 })
        for (const size_t channels : { 1, 3, 8, 15, 16, 17, 40 })
            for (size_t k = 1; k <= std::min(rows, kernel_set::most_top); k++) {
                auto in = noise(rows * channels + 16);
                for (size_t i = 0; i < in.size(); i += 3)
                    in[i] = std::max(in[i], 0.0f); // several alike, as Relu leaves them
                const auto run = [&](const kernel_set& kernels) {
                    std::vector<float> out(k * channels + 1, untouched);
                    kernels.top_k(rows, channels, k, in.data(), out.data());
                    return out;
                };
                const auto expected = run(reference_kernels());
                for (size_t i = channels; i < k * channels; i++)
                    BOOST_TEST_REQUIRE(expected[i] <= expected[i - channels]);
                for_each_simd([&](const kernel_set& kernels) {
                    check_close(run(kernels), expected, 0.0f);
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
