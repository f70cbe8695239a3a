/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "preprocessor.h"

#include <algorithm>

namespace gr {
namespace speculative {

preprocessor::preprocessor(const kernel_set& kernels,
                           size_t fft_size,
                           const preprocessing_constants& constants)
    : d_kernels(kernels),
      d_fft_size(fft_size),
      d_constants(constants),
      d_means(constants.floor_blocks)
{
}

bool preprocessor::run(const void* in, input_kind kind, bool shift, float* db, float* x)
{
    const auto* const bins = static_cast<const float*>(in);
    bool valid = true;
    if (shift) {
        const size_t half = d_fft_size / 2;
        const size_t width = kind == input_kind::complex_fft ? 2 : 1;
        valid &= to_db(bins, kind, half, db + half);
        valid &= to_db(bins + half * width, kind, half, db);
    } else {
        valid = to_db(bins, kind, d_fft_size, db);
    }
    d_kernels.normalise(db,
                        d_fft_size,
                        noise_floor(db),
                        1.0f / d_constants.scale_db,
                        d_constants.clip_low,
                        d_constants.clip_high,
                        x);
    return valid;
}

bool preprocessor::to_db(const float* in, input_kind kind, size_t n, float* db) const
{
    switch (kind) {
    case input_kind::complex_fft:
        return d_kernels.complex_to_db(in, n, db);
    case input_kind::power:
        return d_kernels.power_to_db(in, n, db);
    default:
        return d_kernels.clamp_db(in, n, db);
    }
}

float preprocessor::noise_floor(const float* db)
{
    const size_t blocks = d_constants.floor_blocks;
    d_kernels.block_means(db, blocks, d_fft_size / blocks, d_means.data());
    const size_t ranks[2] = { d_constants.floor_rank, d_constants.reference_rank };
    float ranked[2];
    d_kernels.ranked(d_means.data(), blocks, ranks, 2, ranked);
    // What lies deeper is no noise but the stopband of a filter.
    return std::max(ranked[0], ranked[1] - d_constants.max_depth_db);
}

} // namespace speculative
} // namespace gr
