/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/input_check.h"

#include <algorithm>
#include <numeric>

namespace gr {
namespace speculative {

namespace {

constexpr size_t sampled_bins = 16;
constexpr double depth_db = 2.0;

template <class T>
double mean(const T* x, size_t begin, size_t end)
{
    return std::accumulate(x + begin, x + end, 0.0) / static_cast<double>(end - begin);
}

} // namespace

input_check::input_check(size_t fft_size) : d_fft_size(fft_size) {}

bool input_check::is_negative(const float* power) const
{
    const size_t step = d_fft_size / sampled_bins;
    for (size_t i = 0; i < sampled_bins; i++) {
        if (power[i * step] < 0.0f)
            return true;
    }
    return false;
}

bool input_check::looks_unshifted(const float* db)
{
    if (d_seen >= vectors)
        return false;
    const size_t width = d_fft_size / blocks;
    for (size_t b = 0; b < blocks; b++) {
        // Not the bins around DC, where receivers have spikes and notches.
        const size_t first = b == blocks / 2 ? width / 4 : 0;
        const size_t last = b == blocks / 2 - 1 ? width - width / 4 : width;
        d_sums[b] += mean(db + b * width, first, last);
    }
    if (++d_seen < vectors)
        return false;
    const double middle = std::max(d_sums[15], d_sums[16]);
    const double* const sums = d_sums.data();
    const double rest = std::min(
        { mean(sums, 0, 4), mean(sums, 4, 12), mean(sums, 20, 28), mean(sums, 28, 32) });
    return rest - middle > depth_db * vectors;
}

void input_check::restart()
{
    d_sums.fill(0.0);
    d_seen = 0;
}

} // namespace speculative
} // namespace gr
