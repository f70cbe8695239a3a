/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// The network's arithmetic besides products, compiled once an instruction set by simd.cc.

#if defined(INCLUDED_SPECULATIVE_SIMD_NETWORK_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef INCLUDED_SPECULATIVE_SIMD_NETWORK_INL_H
#undef INCLUDED_SPECULATIVE_SIMD_NETWORK_INL_H
#else
#define INCLUDED_SPECULATIVE_SIMD_NETWORK_INL_H
#endif

#include "simd_gemm-inl.h"

#include <algorithm>
#include <limits>

HWY_BEFORE_NAMESPACE();
namespace gr {
namespace speculative {
namespace HWY_NAMESPACE {
namespace {

HWY_INLINE vec rectify(vec v, bool relu) { return rectify(lanes_of, v, relu); }

HWY_INLINE void store_first(vec v, size_t n, float* out)
{
    store_first(lanes_of, v, n, out);
}

// R windows at once, `first` to begin with and `update(sum, x, k)` for each row of a
// window.
template <size_t R, typename update, typename finish>
HWY_INLINE void slide_tile(const window_shape& s,
                           const float* HWY_RESTRICT in,
                           vec first,
                           update step,
                           finish last,
                           size_t columns,
                           float* HWY_RESTRICT out)
{
    vec value[R];
    for (size_t r = 0; r < R; r++)
        value[r] = first;
    for (size_t k = 0; k < s.size; k++)
        for (size_t r = 0; r < R; r++) {
            const vec x = hn::LoadU(lanes_of, in + (r * s.step + k) * s.channels);
            value[r] = step(value[r], x, k);
        }
    for (size_t r = 0; r < R; r++)
        store_first(last(value[r]), columns, out + r * s.channels);
}

template <typename start, typename update, typename finish>
HWY_INLINE void slide(const window_shape& s,
                      const float* in,
                      start first,
                      update step,
                      finish last,
                      float* out)
{
    constexpr size_t R = 4;
    for (size_t c = 0; c < s.channels; c += vec_lanes) {
        const auto here = [&](vec value, vec x, size_t k) {
            return step(value, x, k, c);
        };
        const vec begin = first(c);
        size_t row = 0;
        for (; row + R <= s.rows; row += R)
            slide_tile<R>(s,
                          in + row * s.step * s.channels + c,
                          begin,
                          here,
                          last,
                          s.channels - c,
                          out + row * s.channels + c);
        for (; row < s.rows; row++)
            slide_tile<1>(s,
                          in + row * s.step * s.channels + c,
                          begin,
                          here,
                          last,
                          s.channels - c,
                          out + row * s.channels + c);
    }
}

void depthwise(const window_shape& s,
               const float* in,
               const float* weights,
               const float* bias,
               bool relu,
               float* out)
{
    const size_t stride = hwy::RoundUpTo(s.channels, vec_lanes);
    slide(
        s,
        in,
        [=](size_t c) { return hn::LoadU(lanes_of, bias + c); },
        [=](vec sum, vec x, size_t k, size_t c) {
            return hn::MulAdd(x, hn::LoadU(lanes_of, weights + k * stride + c), sum);
        },
        [=](vec sum) { return rectify(sum, relu); },
        out);
}

void max_pool(const window_shape& s, const float* in, float* out)
{
    const vec lowest = hn::Set(lanes_of, -std::numeric_limits<float>::infinity());
    slide(
        s,
        in,
        [=](size_t) { return lowest; },
        [](vec value, vec x, size_t, size_t) { return hn::Max(value, x); },
        [](vec value) { return value; },
        out);
}

void sum_pool(const window_shape& s, const float* in, float scale, float* out)
{
    const vec factor = hn::Set(lanes_of, scale);
    slide(
        s,
        in,
        [=](size_t) { return hn::Zero(lanes_of); },
        [](vec sum, vec x, size_t, size_t) { return hn::Add(sum, x); },
        [=](vec sum) { return hn::Mul(sum, factor); },
        out);
}

// The K largest of each channel of one vector of columns, kept in registers, in order:
// what a value pushes out goes on to push out the next smaller.
template <size_t K>
HWY_INLINE void
top_columns(size_t rows, size_t channels, size_t columns, const float* in, float* out)
{
    vec best[K];
    for (vec& value : best)
        value = hn::Set(lanes_of, -std::numeric_limits<float>::infinity());
    for (size_t row = 0; row < rows; row++) {
        vec x = hn::LoadU(lanes_of, in + row * channels);
        for (vec& value : best) {
            const vec smaller = hn::Min(value, x);
            value = hn::Max(value, x);
            x = smaller;
        }
    }
    for (size_t i = 0; i < K; i++)
        store_first(best[i], columns, out + i * channels);
}

template <size_t K = kernel_set::most_top>
void top_k(size_t rows, size_t channels, size_t k, const float* in, float* out)
{
    if constexpr (K > 1)
        if (k < K)
            return top_k<K - 1>(rows, channels, k, in, out);
    for (size_t c = 0; c < channels; c += vec_lanes)
        top_columns<K>(rows, channels, channels - c, in + c, out + c);
}

// out = f(a, b) elementwise; the rest goes through a full register too, so that every
// element sees the same arithmetic.
template <class D, typename function>
HWY_INLINE void zip(D d, const float* a, const float* b, size_t n, function f, float* out)
{
    constexpr size_t lanes = hn::MaxLanes(d);
    size_t i = 0;
    for (; i + lanes <= n; i += lanes)
        hn::StoreU(f(hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, out + i);
    if (i < n) {
        HWY_ALIGN float rest_a[lanes] = {};
        HWY_ALIGN float rest_b[lanes] = {};
        std::copy(a + i, a + n, rest_a);
        std::copy(b + i, b + n, rest_b);
        hn::Store(f(hn::Load(d, rest_a), hn::Load(d, rest_b)), d, rest_a);
        std::copy(rest_a, rest_a + (n - i), out + i);
    }
}

template <typename function>
HWY_INLINE void zip(const float* a, const float* b, size_t n, function f, float* out)
{
    zip(lanes_of, a, b, n, f, out);
}

void relu(const float* in, size_t n, float* out)
{
    zip(
        in, in, n, [](vec x, vec) { return rectify(x, true); }, out);
}

void add(const float* a, const float* b, size_t n, bool relu, float* out)
{
    zip(
        a, b, n, [=](vec x, vec y) { return rectify(hn::Add(x, y), relu); }, out);
}

} // namespace
} // namespace HWY_NAMESPACE
} // namespace speculative
} // namespace gr
HWY_AFTER_NAMESPACE();

#endif
