/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/stream_clock.h"

#include <cmath>
#include <stdexcept>
#include <string>

namespace gr {
namespace speculative {

namespace {
bool usable(double rate) { return std::isfinite(rate) && rate > 0.0; }
} // namespace

stream_clock::stream_clock(double sample_rate,
                           double center_frequency,
                           size_t hop,
                           size_t fft_size)
    : d_sample_rate(sample_rate),
      d_center_frequency(center_frequency),
      d_hop(hop),
      d_fft_size(fft_size)
{
    if (!usable(sample_rate))
        throw std::invalid_argument("sample_rate is " + std::to_string(sample_rate) +
                                    ", expected Hz > 0");
    if (!std::isfinite(center_frequency))
        throw std::invalid_argument("center_frequency is not finite, expected Hz");
    if (hop == 0)
        throw std::invalid_argument("vector_hop is 0 samples, expected at least 1");
}

void stream_clock::set_time(uint64_t offset, uint64_t seconds, double fraction)
{
    d_has_time = true;
    d_time_offset = offset;
    d_seconds = seconds;
    d_fraction = fraction;
}

bool stream_clock::set_rate(uint64_t offset, double sample_rate)
{
    if (!usable(sample_rate) || sample_rate == d_sample_rate)
        return false;
    const vector_position here = at(offset);
    if (d_has_time)
        set_time(offset, here.seconds, here.fraction);
    d_rate_time = here.stream_time;
    d_rate_offset = offset;
    d_sample_rate = sample_rate;
    return true;
}

bool stream_clock::set_frequency(double center_frequency)
{
    if (!std::isfinite(center_frequency) || center_frequency == d_center_frequency)
        return false;
    d_center_frequency = center_frequency;
    return true;
}

vector_position stream_clock::at(uint64_t offset) const
{
    vector_position where;
    where.offset = offset;
    where.sample_start = offset * d_hop;
    where.sample_count = d_fft_size;
    where.sample_rate = d_sample_rate;
    where.center_frequency = d_center_frequency;
    where.has_time = d_has_time;
    where.stream_time =
        d_rate_time + static_cast<double>(offset - d_rate_offset) * d_hop / d_sample_rate;
    if (d_has_time) {
        // Whole seconds apart from the fraction: a double of seconds since 1970 is good
        // to 0.2 us.
        const double samples = static_cast<double>(offset - d_time_offset) * d_hop;
        const double rest = std::fmod(samples, d_sample_rate); // exact, never negative
        const double whole = std::round((samples - rest) / d_sample_rate);
        const double fraction = d_fraction + rest / d_sample_rate;
        const double carry = std::floor(fraction);
        where.seconds = d_seconds + static_cast<uint64_t>(whole + carry);
        where.fraction = fraction - carry;
    }
    return where;
}

} // namespace speculative
} // namespace gr
