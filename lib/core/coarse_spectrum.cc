/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/coarse_spectrum.h"

#include <algorithm>
#include <cstring>

namespace gr {
namespace speculative {

namespace {

// An extension of GCC and Clang. Four lanes, which every processor has, so that the order of
// sums, and with it each decision, is the same on all.
using vec = float __attribute__((vector_size(16)));
constexpr size_t lanes = 4;

vec load(const float* x)
{
    vec v;
    std::memcpy(&v, x, sizeof(v));
    return v;
}

vec larger(vec a, vec b) { return a > b ? a : b; }

} // namespace


void block_maxima(const float* x, size_t width, size_t n, float scale, float* out)
{
    if (width % lanes != 0) {
        for (size_t b = 0; b < n; b++)
            out[b] = scale * *std::max_element(x + b * width, x + (b + 1) * width);
        return;
    }
    for (size_t b = 0; b < n; b += lanes) {
        const float* block = x + b * width;
        vec top[lanes];
        for (size_t k = 0; k < lanes; k++)
            top[k] = load(block + k * width);
        for (size_t i = lanes; i < width; i += lanes)
            for (size_t k = 0; k < lanes; k++)
                top[k] = larger(top[k], load(block + k * width + i));
        const vec ab = larger(__builtin_shufflevector(top[0], top[1], 0, 4, 1, 5),
                              __builtin_shufflevector(top[0], top[1], 2, 6, 3, 7));
        const vec cd = larger(__builtin_shufflevector(top[2], top[3], 0, 4, 1, 5),
                              __builtin_shufflevector(top[2], top[3], 2, 6, 3, 7));
        const vec four = scale * larger(__builtin_shufflevector(ab, cd, 0, 1, 4, 5),
                                        __builtin_shufflevector(ab, cd, 2, 3, 6, 7));
        std::memcpy(out + b, &four, sizeof(four));
    }
}

float square_distance(const float* a, const float* b, size_t n, float limit)
{
    float total = 0.0f;
    for (size_t i = 0; i < n && total <= limit; i += 4 * lanes) {
        vec sum{};
        for (size_t j = i; j < i + 4 * lanes; j += lanes) {
            const vec off = load(a + j) - load(b + j);
            sum += off * off;
        }
        total += (sum[0] + sum[1]) + (sum[2] + sum[3]);
    }
    return total;
}

} // namespace speculative
} // namespace gr
