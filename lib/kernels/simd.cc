/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// Compiles the vectorised kernels once an instruction set (Google Highway) and lists
// those that the processor has.

#include "kernels.h"
#include <hwy/detect_targets.h>

// Only the instruction sets that have a name here; every other would cost compile time.
// From version 1.0.4 Highway has a NEON without AES, of which nothing here makes use.
#ifdef HWY_NEON_WITHOUT_AES
#define SPECULATIVE_NEON HWY_NEON_WITHOUT_AES
#define SPECULATIVE_NEON_NAMESPACE N_NEON_WITHOUT_AES
#else
#define SPECULATIVE_NEON HWY_NEON
#define SPECULATIVE_NEON_NAMESPACE N_NEON
#endif
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS \
    (~(HWY_SSE4 | HWY_AVX2 | HWY_AVX3 | SPECULATIVE_NEON | HWY_SCALAR | HWY_EMU128))

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd.cc"
#include <hwy/foreach_target.h> // before highway.h
#include <hwy/highway.h>

#include "simd_bytes-inl.h"
#include "simd_network-inl.h"
#include "simd_spectrum-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gr {
namespace speculative {
namespace HWY_NAMESPACE {

const kernel_set& kernels(const char* name)
{
    static const kernel_set set = {
        name,
        vec_lanes,
        gemm,
        gemm_bytes<false>,
        depthwise,
        max_pool,
        sum_pool,
        top_k<>,
        quantise,
        relu,
        add,
        softmax,
        spectrum<2, complex_step>,
        spectrum<1, power_step>,
        spectrum<1, clamp_step>,
        block_means,
        block_maxima,
        ranked,
        levels,
        extend_range,
        normalise,
    };
    return set;
}

#if HWY_TARGET == HWY_AVX3
const kernel_set& vnni_kernels(const char* name)
{
    static const kernel_set set = [=] {
        kernel_set changed = kernels("avx3");
        changed.name = name;
        changed.gemm_bytes = gemm_bytes<true>;
        return changed;
    }();
    return set;
}
#endif

} // namespace HWY_NAMESPACE
} // namespace speculative
} // namespace gr
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gr {
namespace speculative {

std::vector<const kernel_set*> available_kernels()
{
    const auto supported = hwy::SupportedTargets();
    static_cast<void>(supported);
    std::vector<const kernel_set*> sets;
#if HWY_TARGETS & HWY_AVX3
    if (supported & HWY_AVX3_DL)
        sets.push_back(&N_AVX3::vnni_kernels("avx3_vnni"));
    if (supported & HWY_AVX3)
        sets.push_back(&N_AVX3::kernels("avx3"));
#endif
#if HWY_TARGETS & HWY_AVX2
    if (supported & HWY_AVX2)
        sets.push_back(&N_AVX2::kernels("avx2"));
#endif
#if HWY_TARGETS & HWY_SSE4
    if (supported & HWY_SSE4)
        sets.push_back(&N_SSE4::kernels("sse4"));
#endif
#if HWY_TARGETS & SPECULATIVE_NEON
    if (supported & SPECULATIVE_NEON)
        sets.push_back(&SPECULATIVE_NEON_NAMESPACE::kernels("neon"));
#endif
    sets.push_back(&reference_kernels());
    return sets;
}

} // namespace speculative
} // namespace gr
#endif // HWY_ONCE
