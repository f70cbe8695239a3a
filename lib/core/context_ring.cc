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

// Both loops run over a whole context for each deferral; they are written so that
// compilers turn them into vector instructions.
struct range {
    static constexpr size_t lanes = 16;
    float low[lanes];
    float high[lanes];

    explicit range(float first)
    {
        std::fill_n(low, lanes, first);
        std::fill_n(high, lanes, first);
    }

    void include(const float* db, size_t n)
    {
        size_t i = 0;
        for (; i + lanes <= n; i += lanes) {
            for (size_t j = 0; j < lanes; j++) {
                low[j] = db[i + j] < low[j] ? db[i + j] : low[j];
                high[j] = db[i + j] > high[j] ? db[i + j] : high[j];
            }
        }
        for (; i < n; i++) {
            low[0] = std::min(low[0], db[i]);
            high[0] = std::max(high[0], db[i]);
        }
    }
};

void to_uint8(const float* db, size_t n, float low, float per_db, uint8_t* out)
{
    for (size_t i = 0; i < n; i++) {
        float level = (db[i] - low) * per_db + 0.5f;
        level = level > 0.0f ? level : 0.0f;
        level = level < 255.0f ? level : 255.0f;
        out[i] = static_cast<uint8_t>(static_cast<int32_t>(level));
    }
}

} // namespace

context_ring::context_ring(size_t fft_size, size_t context, size_t batch)
    : d_fft_size(fft_size),
      d_context(context),
      d_rows(context + batch),
      d_db(d_rows * fft_size)
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

    range levels(row(index)[0]);
    for (uint64_t i = first; i <= index; i++)
        levels.include(row(i), d_fft_size);
    const float high = *std::max_element(levels.high, levels.high + range::lanes);
    const float low = std::max(*std::min_element(levels.low, levels.low + range::lanes),
                               high - largest_range_db);
    const float scale = std::max((high - low) / 255.0f, 1e-3f);

    out.vectors = available;
    out.fft_size = d_fft_size;
    out.db_scale = scale;
    out.db_offset = low;
    out.payload.resize(available * d_fft_size);
    for (uint64_t i = first; i <= index; i++)
        to_uint8(row(i),
                 d_fft_size,
                 low,
                 1.0f / scale,
                 &out.payload[(i - first) * d_fft_size]);
}

} // namespace speculative
} // namespace gr
