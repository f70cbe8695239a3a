/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// Decibels, noise floor and softmax, compiled once an instruction set by simd.cc.

#if defined(INCLUDED_SPECULATIVE_SIMD_SPECTRUM_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef INCLUDED_SPECULATIVE_SIMD_SPECTRUM_INL_H
#undef INCLUDED_SPECULATIVE_SIMD_SPECTRUM_INL_H
#else
#define INCLUDED_SPECULATIVE_SIMD_SPECTRUM_INL_H
#endif

#include "simd_network-inl.h"
#include <hwy/contrib/math/math-inl.h>
#include <type_traits>

HWY_BEFORE_NAMESPACE();
namespace gr {
namespace speculative {
namespace HWY_NAMESPACE {
namespace {

// 10 log10(x) for x >= 1e-20, within 5.6e-6 dB plus rounding, and of that for all others; +inf and
// NaN give something finite. With x = 2^e (1 + t), 0 <= t < 1: the exponent's share plus the
// polynomial of degree 6 with the smallest maximum error (found by iteratively reweighted least
// squares).
HWY_INLINE vec decibels(vec x)
{
    const hn::RebindToSigned<lane_tag> integers;
    const auto one = hn::Set(integers, 0x3f800000);
    // Of floats that are not negative, the larger is the larger integer.
    const auto bits =
        hn::Max(hn::BitCast(integers, x), hn::Set(integers, 0x1e3ce508)); // 1e-20
    const auto exponent = hn::ShiftRight<23>(hn::Sub(bits, one));
    const auto mantissa = hn::Or(hn::And(bits, hn::Set(integers, 0x007fffff)), one);
    const vec t = hn::Sub(hn::BitCast(lanes_of, mantissa), hn::Set(lanes_of, 1.0f));
    vec q = hn::Set(lanes_of, -7.733774185e-02f);
    for (const float c : { 3.642526269e-01f,
                           -8.324701786e-01f,
                           1.374266982e+00f,
                           -2.160766363e+00f,
                           4.342343807e+00f,
                           5.556044016e-06f })
        q = hn::MulAdd(q, t, hn::Set(lanes_of, c));
    return hn::MulAdd(
        hn::ConvertTo(lanes_of, exponent), hn::Set(lanes_of, 3.0102999566f), q);
}

// x if x > low, else low, also for a NaN (unlike hn::Max, which depends on the
// processor).
HWY_INLINE vec at_least(vec x, float low)
{
    const vec bound = hn::Set(lanes_of, low);
    return hn::IfThenElse(hn::Gt(x, bound), x, bound);
}

// Collects x * 0, which is NaN exactly if an x is NaN or infinite.
HWY_INLINE void check_finite(vec x, vec& zeros)
{
    zeros = hn::MulAdd(x, hn::Zero(lanes_of), zeros);
}

HWY_INLINE vec complex_step(const float* in, vec& zeros)
{
    vec re;
    vec im;
    hn::LoadInterleaved2(lanes_of, in, re, im);
    const vec power = hn::MulAdd(re, re, hn::Mul(im, im));
    check_finite(power, zeros);
    return decibels(power);
}

HWY_INLINE vec power_step(const float* in, vec& zeros)
{
    const vec power = hn::LoadU(lanes_of, in);
    check_finite(power, zeros);
    return decibels(power);
}

HWY_INLINE vec clamp_step(const float* in, vec& zeros)
{
    const vec lowest = hn::Set(lanes_of, -200.0f);
    const vec x = hn::LoadU(lanes_of, in);
    const vec clamped = hn::IfThenElse(hn::Lt(x, lowest), lowest, x);
    check_finite(clamped, zeros);
    return hn::Min(at_least(clamped, -200.0f),
                   hn::Set(lanes_of, std::numeric_limits<float>::max()));
}

// out = step(in) with `width` floats of input an element; the rest goes through a full
// register.
template <size_t width, vec (*step)(const float*, vec&)>
bool spectrum(const float* in, size_t n, float* out)
{
    vec zeros = hn::Zero(lanes_of);
    size_t i = 0;
    for (; i + vec_lanes <= n; i += vec_lanes)
        hn::StoreU(step(in + width * i, zeros), lanes_of, out + i);
    if (i < n) {
        HWY_ALIGN float rest[width * vec_lanes] = {};
        std::copy(in + width * i, in + width * n, rest);
        hn::Store(step(rest, zeros), lanes_of, rest);
        std::copy(rest, rest + (n - i), out + i);
    }
    return hn::AllTrue(lanes_of, hn::Eq(zeros, zeros));
}

void block_means(const float* in, size_t blocks, size_t size, float* out)
{
    const float scale = 1.0f / static_cast<float>(size);
    for (size_t b = 0; b < blocks; b++, in += size) {
        vec sum = hn::Zero(lanes_of);
        size_t i = 0;
        for (; i + vec_lanes <= size; i += vec_lanes)
            sum = hn::Add(sum, hn::LoadU(lanes_of, in + i));
        float total = hn::GetLane(hn::SumOfLanes(lanes_of, sum));
        for (; i < size; i++)
            total += in[i];
        out[b] = scale * total;
    }
}

#if HWY_TARGET != HWY_SCALAR
const auto blocks_of = hn::CappedTag<float, 8>();
using block_vec = hn::Vec<decltype(blocks_of)>;
constexpr size_t block_lanes = hn::MaxLanes(blocks_of);

// In each four lanes: of four blocks, in order, the largest that those lanes have seen.
template <typename Size>
HWY_INLINE block_vec maxima_of_four(const float* in, Size size)
{
    block_vec top[4];
    for (size_t k = 0; k < 4; k++)
        top[k] = hn::LoadU(blocks_of, in + k * size);
    for (size_t i = block_lanes; i < size; i += block_lanes)
        for (size_t k = 0; k < 4; k++)
            top[k] = hn::Max(top[k], hn::LoadU(blocks_of, in + i + k * size));
    const auto halve = [](block_vec a, block_vec b) {
        return hn::Max(hn::InterleaveLower(blocks_of, a, b),
                       hn::InterleaveUpper(blocks_of, a, b));
    };
    return halve(halve(top[0], top[2]), halve(top[1], top[3]));
}
#endif

template <typename Size>
HWY_INLINE void block_maxima_of(const float* in, size_t blocks, Size size, float* out)
{
    size_t b = 0;
#if HWY_TARGET != HWY_SCALAR
    if (size % block_lanes == 0)
        for (; b + block_lanes <= blocks; b += block_lanes) {
            block_vec largest = maxima_of_four(in + b * size, size);
            if constexpr (block_lanes == 8) {
                const block_vec next = maxima_of_four(in + (b + 4) * size, size);
                largest = hn::Max(hn::ConcatLowerLower(blocks_of, next, largest),
                                  hn::ConcatUpperUpper(blocks_of, next, largest));
            }
            hn::StoreU(largest, blocks_of, out + b);
        }
#endif
    for (; b < blocks; b++)
        out[b] = *std::max_element(in + b * size, in + (b + 1) * size);
}

void block_maxima(const float* in, size_t blocks, size_t size, float* out)
{
    if (size == 16) // 64 of 1024 bins: what is known beforehand takes no time
        block_maxima_of(in, blocks, std::integral_constant<size_t, 16>(), out);
    else
        block_maxima_of(in, blocks, size, out);
}

// Maxima in four chains, which do not wait for each other.
size_t levels(const float* in, size_t n, float limit, float* largest)
{
    constexpr size_t chains = 4;
    const vec bound = hn::Set(lanes_of, limit);
    vec top[chains];
    for (vec& t : top)
        t = hn::Set(lanes_of, in[0]);
    size_t total = 0;
    size_t i = 0;
    for (; i + chains * vec_lanes <= n; i += chains * vec_lanes)
        for (size_t k = 0; k < chains; k++) {
            const vec x = hn::LoadU(lanes_of, in + i + k * vec_lanes);
            top[k] = hn::Max(top[k], x);
            total += hn::CountTrue(lanes_of, hn::Ge(x, bound));
        }
    for (size_t k = 1; k < chains; k++)
        top[0] = hn::Max(top[0], top[k]);
    *largest = hn::GetLane(hn::MaxOfLanes(lanes_of, top[0]));
    for (; i < n; i++) {
        *largest = std::max(*largest, in[i]);
        total += in[i] >= limit;
    }
    return total;
}

// As the reference does, for a register of candidates at once.
void ranked(const float* in, size_t n, const size_t* ranks, size_t count, float* out)
{
    constexpr size_t chains = 2; // which do not wait for each other
    const vec one = hn::Set(lanes_of, 1.0f);
    const vec nothing = hn::Set(lanes_of, -std::numeric_limits<float>::infinity());
    std::fill_n(out, count, hn::GetLane(nothing));
    for (size_t i = 0; i < n; i += chains * vec_lanes) {
        // the last one may come up more than once
        HWY_ALIGN float candidates[chains * vec_lanes];
        const size_t some = std::min(chains * vec_lanes, n - i);
        std::copy_n(in + i, some, candidates);
        std::fill(candidates + some, std::end(candidates), in[n - 1]);
        vec candidate[chains];
        vec below[chains];
        for (size_t k = 0; k < chains; k++) {
            candidate[k] = hn::Load(lanes_of, candidates + k * vec_lanes);
            below[k] = hn::Zero(lanes_of);
        }
        for (size_t j = 0; j < n; j++) {
            const vec other = hn::Set(lanes_of, in[j]);
            for (size_t k = 0; k < chains; k++)
                below[k] = hn::Add(below[k],
                                   hn::IfThenElseZero(hn::Lt(other, candidate[k]), one));
        }
        for (size_t r = 0; r < count; r++) {
            const vec rank = hn::Set(lanes_of, static_cast<float>(ranks[r]));
            vec top = nothing;
            for (size_t k = 0; k < chains; k++)
                top = hn::Max(
                    top, hn::IfThenElse(hn::Le(below[k], rank), candidate[k], nothing));
            out[r] = std::max(out[r], hn::GetLane(hn::MaxOfLanes(lanes_of, top)));
        }
    }
}

void extend_range(const float* in, size_t n, float* low, float* high)
{
    constexpr size_t chains = 4; // as above
    vec least[chains];
    vec most[chains];
    for (size_t k = 0; k < chains; k++) {
        least[k] = hn::Set(lanes_of, *low);
        most[k] = hn::Set(lanes_of, *high);
    }
    size_t i = 0;
    for (; i + chains * vec_lanes <= n; i += chains * vec_lanes)
        for (size_t k = 0; k < chains; k++) {
            const vec x = hn::LoadU(lanes_of, in + i + k * vec_lanes);
            least[k] = hn::Min(least[k], x);
            most[k] = hn::Max(most[k], x);
        }
    for (size_t k = 1; k < chains; k++) {
        least[0] = hn::Min(least[0], least[k]);
        most[0] = hn::Max(most[0], most[k]);
    }
    *low = hn::GetLane(hn::MinOfLanes(lanes_of, least[0]));
    *high = hn::GetLane(hn::MaxOfLanes(lanes_of, most[0]));
    for (; i < n; i++) {
        *low = std::min(*low, in[i]);
        *high = std::max(*high, in[i]);
    }
}

void normalise(const float* in,
               size_t n,
               float offset,
               float scale,
               float low,
               float high,
               float* out)
{
    const vec o = hn::Set(lanes_of, offset);
    const vec s = hn::Set(lanes_of, scale);
    const vec l = hn::Set(lanes_of, low);
    const vec h = hn::Set(lanes_of, high);
    zip(
        in,
        in,
        n,
        [=](vec x, vec) { return hn::Min(hn::Max(hn::Mul(s, hn::Sub(x, o)), l), h); },
        out);
}

void softmax(const float* in, size_t n, float scale, float* out)
{
    const hn::CappedTag<float, 8> d; // as many as there are labels
    const float top = n > 0 ? *std::max_element(in, in + n) : 0.0f;
    const auto t = hn::Set(d, top);
    const auto s = hn::Set(d, scale);
    zip(
        d,
        in,
        in,
        n,
        [=](auto x, auto) { return hn::Exp(d, hn::Mul(s, hn::Sub(x, t))); },
        out);
    float sum = 0.0f;
    for (size_t i = 0; i < n; i++)
        sum += out[i];
    const float inverse = 1.0f / sum;
    for (size_t i = 0; i < n; i++)
        out[i] *= inverse;
}

} // namespace
} // namespace HWY_NAMESPACE
} // namespace speculative
} // namespace gr
HWY_AFTER_NAMESPACE();

#endif
