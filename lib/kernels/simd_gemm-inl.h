/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// The network's products, compiled once an instruction set by simd.cc.

#if defined(INCLUDED_SPECULATIVE_SIMD_GEMM_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef INCLUDED_SPECULATIVE_SIMD_GEMM_INL_H
#undef INCLUDED_SPECULATIVE_SIMD_GEMM_INL_H
#else
#define INCLUDED_SPECULATIVE_SIMD_GEMM_INL_H
#endif

#include "kernels.h"
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace gr {
namespace speculative {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using lane_tag = hn::ScalableTag<float>;
using vec = hn::Vec<lane_tag>;
constexpr lane_tag lanes_of;
constexpr size_t vec_lanes = hn::MaxLanes(lane_tag());

// Rows of a register tile two vectors wide: as many as leave room for the two weight
// vectors and the broadcast input in 32 registers (AVX-512, NEON) or in 16.
constexpr size_t tile_rows = HWY_TARGET == HWY_AVX3 || HWY_ARCH_ARM_A64 ? 8 : 4;

template <class D>
HWY_INLINE hn::Vec<D> rectify(D d, hn::Vec<D> v, bool relu)
{
    return relu ? hn::Max(v, hn::Zero(d)) : v;
}

// Stores the first n lanes, all if n >= lanes.
template <class D>
HWY_INLINE void store_first(D d, hn::Vec<D> v, size_t n, hn::TFromD<D>* out)
{
    if (HWY_LIKELY(n >= hn::MaxLanes(d)))
        hn::StoreU(v, d, out);
    else
        hn::BlendedStore(v, hn::FirstN(d, n), d, out);
}

template <size_t n>
struct size {
    static constexpr size_t value = n;
};

// tile(d, rows, vectors, row, column) over all rows of `vectors` vectors of columns: in
// tiles of R rows and the rest in smaller ones.
template <size_t R, size_t V, class D, class function>
HWY_INLINE void tile_columns(
    D d, const gemm_shape& s, size_t column, const function& tile, size_t row = 0)
{
    for (; row + R <= s.rows; row += R)
        tile(d, size<R>(), size<V>(), row, column);
    if constexpr (R > 1)
        tile_columns<R / 2, V>(d, s, column, tile, row);
}

template <class function>
HWY_INLINE void tile_product(const gemm_shape& s, const function& tile)
{
    size_t column = 0;
    for (; column + vec_lanes < s.columns; column += 2 * vec_lanes)
        tile_columns<tile_rows, 2>(lanes_of, s, column, tile);
    if (column >= s.columns)
        return;
    // Half a register is computed twice as fast by many processors with long ones.
    if constexpr (vec_lanes > 8)
        if (s.columns - column <= vec_lanes / 2)
            return tile_columns<8, 1>(hn::Half<lane_tag>(), s, column, tile);
    tile_columns<8, 1>(lanes_of, s, column, tile);
}

// store(sums, rows, vectors) of a tile: where rows are to be pooled, of each two the larger.
template <size_t R, size_t V, class vector, class function>
HWY_INLINE void
finish_tile(const gemm_shape& s, const vector (&sum)[R][V], const function& store)
{
    if constexpr (R > 1)
        if (s.pair) {
            vector larger[R / 2][V];
            for (size_t r = 0; r < R / 2; r++)
                for (size_t v = 0; v < V; v++)
                    larger[r][v] = hn::Max(sum[2 * r][v], sum[2 * r + 1][v]);
            return store(larger, size<R / 2>(), size<V>());
        }
    store(sum, size<R>(), size<V>());
}

// Row r of a tile, so that all of 8 rows are addressed with four registers.
template <class T>
HWY_INLINE const T* row_of(const T* in, size_t r, size_t lda)
{
    return r < 4 ? in + r * lda : in + 4 * lda + (r - 4) * lda;
}

template <class D>
struct float_rows {
    D d;
    const gemm_shape& s;
    float* HWY_RESTRICT out;
    size_t columns;

    template <size_t R, size_t V>
    HWY_INLINE void operator()(const hn::Vec<D> (&sum)[R][V], size<R>, size<V>) const
    {
        for (size_t r = 0; r < R; r++)
            for (size_t v = 0; v < V; v++)
                store_first(d,
                            rectify(d, sum[r][v], s.relu),
                            columns - v * vec_lanes,
                            out + r * s.ldo + v * vec_lanes);
    }
};

struct float_product {
    const gemm_shape& s;
    const float* HWY_RESTRICT a;
    const float* HWY_RESTRICT weights;
    const float* HWY_RESTRICT bias;
    float* HWY_RESTRICT out;

    // R rows by V vectors, kept in registers
    template <class D, size_t R, size_t V>
    HWY_INLINE void operator()(D d, size<R>, size<V>, size_t row, size_t column) const
    {
        const float* HWY_RESTRICT in = a + row * s.lda;
        const float* HWY_RESTRICT w_at = weights + column * s.depth;
        hn::Vec<D> sum[R][V];
        for (size_t v = 0; v < V; v++) {
            const auto start = hn::LoadU(d, bias + column + v * vec_lanes);
            for (size_t r = 0; r < R; r++)
                sum[r][v] = start;
        }
        for (size_t k = 0; k < s.depth; k++) {
            hn::Vec<D> w[V];
            for (size_t v = 0; v < V; v++)
                w[v] = hn::LoadU(d, w_at + (v * s.depth + k) * vec_lanes);
            for (size_t r = 0; r < R; r++) {
                const auto x = hn::Set(d, row_of(in, r, s.lda)[k]);
                for (size_t v = 0; v < V; v++)
                    sum[r][v] = hn::MulAdd(x, w[v], sum[r][v]);
            }
        }
        finish_tile(s, sum, float_rows<D>{ d, s, at(row, column), s.columns - column });
    }

    HWY_INLINE float* at(size_t row, size_t column) const
    {
        return out + (s.pair ? row / 2 : row) * s.ldo + column;
    }
};

void gemm(const gemm_shape& s,
          const float* a,
          const float* weights,
          const float* bias,
          float* out)
{
    tile_product(s, float_product{ s, a, weights, bias, out });
}

} // namespace
} // namespace HWY_NAMESPACE
} // namespace speculative
} // namespace gr
HWY_AFTER_NAMESPACE();

#endif
