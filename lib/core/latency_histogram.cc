/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/latency_histogram.h"

#include <algorithm>
#include <cmath>

namespace gr {
namespace speculative {

namespace {
constexpr double lowest_ms = 0.01;
constexpr double ratio = 1.05;
} // namespace

void latency_histogram::add(double milliseconds)
{
    const double position =
        std::log(std::max(milliseconds, lowest_ms) / lowest_ms) / std::log(ratio);
    d_buckets[std::min(static_cast<size_t>(position), n_buckets - 1)]++;
    d_count++;
}

double latency_histogram::quantile(double q) const
{
    if (d_count == 0)
        return 0.0;
    const auto wanted =
        static_cast<uint64_t>(std::ceil(std::clamp(q, 0.0, 1.0) * d_count));
    uint64_t below = 0;
    for (size_t i = 0; i < n_buckets; i++) {
        below += d_buckets[i];
        if (below >= std::max<uint64_t>(wanted, 1))
            return lowest_ms * std::pow(ratio, i + 0.5); // the middle of the bucket
    }
    return lowest_ms * std::pow(ratio, n_buckets);
}

} // namespace speculative
} // namespace gr
