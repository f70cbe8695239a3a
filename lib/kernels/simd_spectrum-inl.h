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

HWY_BEFORE_NAMESPACE();
namespace gr {
namespace speculative {
namespace HWY_NAMESPACE {
namespace {

// 10 log10(x) for a normal x > 0, within 1.1e-6 dB plus rounding; +inf gives 385. With
// x = 2^e (1 + t), sqrt(1/2) <= 1 + t < sqrt(2): the exponent's share plus t Q(t), where
// Q is the polynomial of degree 6 with the smallest maximum error of t Q(t) (found by
// iteratively reweighted least squares).
HWY_INLINE vec decibels(vec x)
{
    const hn::RebindToSigned<lane_tag> integers;
    const auto root_half = hn::Set(integers, 0x3f3504f3);
    const auto bits = hn::BitCast(integers, x);
    const auto exponent = hn::ShiftRight<23>(hn::Sub(bits, root_half));
    const vec e = hn::ConvertTo(lanes_of, exponent);
    const vec mantissa =
        hn::BitCast(lanes_of, hn::Sub(bits, hn::ShiftLeft<23>(exponent)));
    const vec t = hn::Sub(mantissa, hn::Set(lanes_of, 1.0f));
    vec q = hn::Set(lanes_of, 5.136609243e-01f);
    for (const float c : { -8.209025289e-01f,
                           8.948495739e-01f,
                           -1.080582847e+00f,
                           1.446343869e+00f,
                           -2.171557754e+00f,
                           4.342958924e+00f })
        q = hn::MulAdd(q, t, hn::Set(lanes_of, c));
    return hn::MulAdd(e, hn::Set(lanes_of, 3.0102999566f), hn::Mul(t, q));
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
    return decibels(at_least(power, 1e-20f));
}

HWY_INLINE vec power_step(const float* in, vec& zeros)
{
    const vec power = hn::LoadU(lanes_of, in);
    check_finite(power, zeros);
    return decibels(at_least(power, 1e-20f));
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

// Four chains, which do not wait for each other.
size_t levels(const float* in, size_t n, float limit, float* largest)
{
    constexpr size_t chains = 4;
    const vec one = hn::Set(lanes_of, 1.0f);
    const vec bound = hn::Set(lanes_of, limit);
    vec top[chains];
    vec count[chains];
    for (size_t k = 0; k < chains; k++) {
        top[k] = hn::Set(lanes_of, in[0]);
        count[k] = hn::Zero(lanes_of);
    }
    size_t i = 0;
    for (; i + chains * vec_lanes <= n; i += chains * vec_lanes)
        for (size_t k = 0; k < chains; k++) {
            const vec x = hn::LoadU(lanes_of, in + i + k * vec_lanes);
            top[k] = hn::Max(top[k], x);
            count[k] = hn::IfThenElse(hn::Ge(x, bound), hn::Add(count[k], one), count[k]);
        }
    for (size_t k = 1; k < chains; k++) {
        top[0] = hn::Max(top[0], top[k]);
        count[0] = hn::Add(count[0], count[k]);
    }
    *largest = hn::GetLane(hn::MaxOfLanes(lanes_of, top[0]));
    auto total = static_cast<size_t>(hn::GetLane(hn::SumOfLanes(lanes_of, count[0])));
    for (; i < n; i++) {
        *largest = std::max(*largest, in[i]);
        total += in[i] >= limit;
    }
    return total;
}

// As the reference does, for a register of candidates at once.
void ranked(const float* in, size_t n, const size_t* ranks, size_t count, float* out)
{
    const vec one = hn::Set(lanes_of, 1.0f);
    const vec nothing = hn::Set(lanes_of, -std::numeric_limits<float>::infinity());
    std::fill_n(out, count, hn::GetLane(nothing));
    for (size_t i = 0; i < n; i += vec_lanes) {
        HWY_ALIGN float candidates[vec_lanes]; // the last one may come up more than once
        for (size_t k = 0; k < vec_lanes; k++)
            candidates[k] = in[std::min(i + k, n - 1)];
        const vec candidate = hn::Load(lanes_of, candidates);
        vec below = hn::Zero(lanes_of);
        for (size_t j = 0; j < n; j++)
            below = hn::Add(
                below,
                hn::IfThenElseZero(hn::Lt(hn::Set(lanes_of, in[j]), candidate), one));
        for (size_t k = 0; k < count; k++) {
            const auto low_enough =
                hn::Le(below, hn::Set(lanes_of, static_cast<float>(ranks[k])));
            const vec top =
                hn::MaxOfLanes(lanes_of, hn::IfThenElse(low_enough, candidate, nothing));
            out[k] = std::max(out[k], hn::GetLane(top));
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
    const float top = n > 0 ? *std::max_element(in, in + n) : 0.0f;
    const vec t = hn::Set(lanes_of, top);
    const vec s = hn::Set(lanes_of, scale);
    zip(
        in,
        in,
        n,
        [=](vec x, vec) { return hn::Exp(lanes_of, hn::Mul(s, hn::Sub(x, t))); },
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
