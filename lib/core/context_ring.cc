/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/context_ring.h"

#include "core/messages.h"

#include <algorithm>
#include <stdexcept>

namespace gr {
namespace speculative {

namespace {

constexpr float largest_range_db = 127.5f;

} // namespace

context_ring::context_ring(const kernel_set& kernels,
                           size_t fft_size,
                           size_t context,
                           size_t batch)
    : d_kernels(kernels),
      d_fft_size(fft_size),
      d_context(context),
      d_rows(context + batch),
      d_db(make_aligned(d_rows * fft_size))
{
    if (context == 0)
        throw std::invalid_argument("context is 0, expected at least 1 vector");
}

float* context_ring::next() { return &d_db[(d_pushed % d_rows) * d_fft_size]; }

void context_ring::quantise(uint64_t index, request& out) const
{
    const uint64_t available =
        std::min<uint64_t>(index + 1 - std::min(d_start, index), d_context);
    const uint64_t first = index + 1 - available;

    float low = row(index)[0];
    float high = low;
    for (uint64_t i = first; i <= index; i++)
        d_kernels.extend_range(row(i), d_fft_size, &low, &high);
    low = std::max(low, high - largest_range_db);
    const float scale = std::max((high - low) / 255.0f, 1e-3f);

    out.vectors = available;
    out.fft_size = d_fft_size;
    out.db_scale = scale;
    out.db_offset = low;
    out.payload.resize(available * d_fft_size);
    for (uint64_t i = first; i <= index; i++)
        d_kernels.quantise(row(i),
                           d_fft_size,
                           1.0f / scale,
                           -low / scale,
                           &out.payload[(i - first) * d_fft_size]);
}

} // namespace speculative
} // namespace gr
