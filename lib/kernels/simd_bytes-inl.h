/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// Products of bytes, compiled once an instruction set by simd.cc.

#if defined(INCLUDED_SPECULATIVE_SIMD_BYTES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef INCLUDED_SPECULATIVE_SIMD_BYTES_INL_H
#undef INCLUDED_SPECULATIVE_SIMD_BYTES_INL_H
#else
#define INCLUDED_SPECULATIVE_SIMD_BYTES_INL_H
#endif

#include "simd_gemm-inl.h"

#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace gr {
namespace speculative {
namespace HWY_NAMESPACE {
namespace {

template <class D>
using integers = hn::RebindToSigned<D>;
template <class D>
using bytes = hn::Rebind<uint8_t, D>;

// sum[i] += x[4 i] w[4 i] + ... + x[4 i + 3] w[4 i + 3], x unsigned and w signed bytes. No
// intermediate sum overflows 16 bits since |w| <= 64.
template <bool vnni, class D>
HWY_INLINE void dot4(D d, hn::Vec<D>& sum, hn::Vec<D> x, hn::Vec<D> w)
{
#if HWY_TARGET == HWY_AVX3
    if constexpr (vnni) { // not among the instructions that Highway's AVX3 switches on
        auto total = sum.raw; // a scalar of its own, which stays in a register
        asm("vpdpbusd %2, %1, %0" : "+v"(total) : "v"(x.raw), "vm"(w.raw));
        sum.raw = total;
        return;
    }
    if constexpr (hn::MaxLanes(d) == 16) {
        const __m512i pairs = _mm512_maddubs_epi16(x.raw, w.raw);
        sum.raw =
            _mm512_add_epi32(sum.raw, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
        return;
    }
#endif
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
    if constexpr (hn::MaxLanes(d) == 8) {
        const __m256i pairs = _mm256_maddubs_epi16(x.raw, w.raw);
        sum.raw =
            _mm256_add_epi32(sum.raw, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
        return;
    }
#elif HWY_TARGET == HWY_SSE4
    const __m128i pairs = _mm_maddubs_epi16(x.raw, w.raw);
    sum.raw = _mm_add_epi32(sum.raw, _mm_madd_epi16(pairs, _mm_set1_epi16(1)));
    return;
#elif HWY_ARCH_ARM_A64
    const uint8x16_t x8 = vreinterpretq_u8_s32(x.raw);
    const int8x16_t w8 = vreinterpretq_s8_s32(w.raw);
    const int16x8_t low = vmulq_s16(vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(x8))),
                                    vmovl_s8(vget_low_s8(w8)));
    const int16x8_t high =
        vmulq_s16(vreinterpretq_s16_u16(vmovl_high_u8(x8)), vmovl_high_s8(w8));
    sum.raw = vaddq_s32(sum.raw, vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high)));
    return;
#endif
    for (int byte = 0; byte < 4; byte++) {
        x = byte == 0 ? x : hn::ShiftRightSame(x, 8);
        const auto one = hn::And(x, hn::Set(d, 0xff));
        const auto weight = hn::ShiftRight<24>(hn::ShiftLeftSame(w, 24 - 8 * byte));
        sum = hn::Add(sum, hn::Mul(one, weight));
    }
}

// Rounds to the nearest, ties to even, and clamps to 0..255. Where a float's last bit is
// worth 1, adding rounds.
template <class D>
HWY_INLINE hn::Vec<bytes<D>> to_bytes(D d, hn::Vec<D> v)
{
    const hn::RebindToUnsigned<D> bits;
    const auto clamped = hn::Min(hn::Max(v, hn::Zero(d)), hn::Set(d, 255.0f));
    const auto rounded = hn::Add(clamped, hn::Set(d, 8388608.0f));
    return hn::U8FromU32(hn::BitCast(bits, rounded)); // the lowest byte of each
}

// Integer sums to bytes or floats.
template <class D>
struct byte_rows {
    D d;
    const gemm_shape& s;
    const float* HWY_RESTRICT scale;
    const float* HWY_RESTRICT bias;
    float steps;
    void* HWY_RESTRICT out;
    size_t to;
    size_t columns;

    template <size_t R, size_t V>
    HWY_INLINE void
    operator()(const hn::Vec<integers<D>> (&sum)[R][V], size<R>, size<V>) const
    {
        for (size_t v = 0; v < V; v++) {
            const size_t at = v * vec_lanes;
            const auto by = hn::LoadU(d, scale + at);
            const auto offset = hn::LoadU(d, bias + at);
            for (size_t r = 0; r < R; r++) // not MulAdd, which some processors lack
                store(hn::Add(hn::Mul(hn::ConvertTo(d, sum[r][v]), by), offset),
                      columns - at,
                      to + r * s.ldo + at);
        }
    }

    HWY_INLINE void store(hn::Vec<D> y, size_t n, size_t at) const
    {
        if (steps > 0.0f)
            store_first(bytes<D>(),
                        to_bytes(d, hn::Mul(y, hn::Set(d, steps))),
                        n,
                        static_cast<uint8_t*>(out) + at);
        else
            store_first(d, rectify(d, y, s.relu), n, static_cast<float*>(out) + at);
    }
};

// G: how many groups of four a row has; 0: any number. Where it is known, the loop over them
// is unrolled, and its addresses take few registers.
template <bool vnni, size_t G>
struct byte_product {
    const gemm_shape& s;
    const byte_weights& w;
    const uint8_t* HWY_RESTRICT a;
    const float* HWY_RESTRICT bias;
    float steps;
    void* HWY_RESTRICT out;

    template <class D, size_t R, size_t V>
    HWY_INLINE void operator()(D d, size<R>, size<V>, size_t row, size_t column) const
    {
        const integers<D> di;
        const size_t groups = G > 0 ? G : (s.depth + 3) / 4;
        const uint8_t* HWY_RESTRICT in = a + row * s.lda;
        const int32_t* HWY_RESTRICT w_at = w.values + column * groups;
        hn::Vec<integers<D>> sum[R][V];
        for (auto& of_row : sum)
            for (auto& value : of_row)
                value = hn::Zero(di);
        HWY_UNROLL(8)
        for (size_t k = 0; k < groups; k++) {
            hn::Vec<integers<D>> weight[V];
            for (size_t v = 0; v < V; v++)
                weight[v] = hn::LoadU(di, w_at + (v * groups + k) * vec_lanes);
            for (size_t r = 0; r < R; r++) {
                int32_t four;
                std::memcpy(&four, row_of(in, r, s.lda) + 4 * k, sizeof(four));
                const auto x = hn::Set(di, four);
                for (size_t v = 0; v < V; v++)
                    dot4<vnni>(di, sum[r][v], x, weight[v]);
            }
        }
        finish_tile(s,
                    sum,
                    byte_rows<D>{ d,
                                  s,
                                  w.scale + column,
                                  bias + column,
                                  steps,
                                  out,
                                  (s.pair ? row / 2 : row) * s.ldo + column,
                                  s.columns - column });
    }
};

template <bool vnni>
void gemm_bytes(const gemm_shape& s,
                const byte_weights& weights,
                const uint8_t* a,
                const float* bias,
                float steps,
                void* out)
{
    const auto with = [&](auto groups) {
        constexpr size_t G = decltype(groups)::value;
        tile_product(s, byte_product<vnni, G>{ s, weights, a, bias, steps, out });
    };
    switch ((s.depth + 3) / 4) { // those of the shipped model
    case 4:
        return with(size<4>());
    case 6:
        return with(size<6>());
    case 8:
        return with(size<8>());
    default:
        return with(size<0>());
    }
}

void quantise(const float* in, size_t n, float steps, float zero, uint8_t* out)
{
    const bytes<lane_tag> d8;
    const vec s = hn::Set(lanes_of, steps);
    const vec z = hn::Set(lanes_of, zero);
    const auto one = [&](vec x) { return to_bytes(lanes_of, hn::Add(hn::Mul(x, s), z)); };
    size_t i = 0;
    for (; i + vec_lanes <= n; i += vec_lanes)
        hn::StoreU(one(hn::LoadU(lanes_of, in + i)), d8, out + i);
    if (i < n) {
        HWY_ALIGN float rest[vec_lanes] = {};
        std::memcpy(rest, in + i, (n - i) * sizeof(float));
        HWY_ALIGN uint8_t found[vec_lanes];
        hn::Store(one(hn::Load(lanes_of, rest)), d8, found);
        std::memcpy(out + i, found, n - i);
    }
}

} // namespace
} // namespace HWY_NAMESPACE
} // namespace speculative
} // namespace gr
HWY_AFTER_NAMESPACE();

#endif
