/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "fma_peak.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "../bench/fma_peak.cc"
#include <hwy/foreach_target.h> // before highway.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace bench {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

size_t multiply_add(size_t rounds)
{
    const hn::ScalableTag<float> d;
    constexpr size_t chains = 12; // latency times units on every processor in question
    hn::Vec<decltype(d)> sum[chains];
    for (auto& s : sum)
        s = hn::Zero(d);
    const auto a = hn::Set(d, 1e-3f);
    const auto b = hn::Set(d, 0.999f);
    for (size_t i = 0; i < rounds; i++)
        for (auto& s : sum)
            s = hn::MulAdd(s, b, a);
    for (size_t i = 1; i < chains; i++)
        sum[0] = hn::Add(sum[0], sum[i]);
    volatile float sink = hn::GetLane(sum[0]);
    static_cast<void>(sink);
    return rounds * chains * hn::Lanes(d) * 2;
}

} // namespace HWY_NAMESPACE
} // namespace bench
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
size_t multiply_add(const std::string& kernel, size_t rounds)
{
#if HWY_TARGETS & HWY_AVX3
    if (kernel == "avx3" || kernel == "avx3_vnni")
        return bench::N_AVX3::multiply_add(rounds);
#endif
#if HWY_TARGETS & HWY_AVX2
    if (kernel == "avx2")
        return bench::N_AVX2::multiply_add(rounds);
#endif
#if HWY_TARGETS & HWY_SSE4
    if (kernel == "sse4")
        return bench::N_SSE4::multiply_add(rounds);
#endif
#if HWY_TARGETS & HWY_NEON
    if (kernel == "neon")
        return bench::N_NEON::multiply_add(rounds);
#endif
    static_cast<void>(rounds);
    return 0;
}
#endif
