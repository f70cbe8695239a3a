/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_LATENCY_HISTOGRAM_H
#define INCLUDED_SPECULATIVE_CORE_LATENCY_HISTOGRAM_H

#include <array>
#include <cstddef>
#include <cstdint>

namespace gr {
namespace speculative {

/*! Percentiles of latencies in constant memory: buckets 5 % wide from 0.01 ms to about 50
 * min. */
class latency_histogram
{
public:
    void add(double milliseconds);

    /*! The latency that a share q (0..1) of the added ones did not exceed, in ms, within
     * 5 %; 0 if nothing was added. */
    double quantile(double q) const;

    uint64_t count() const { return d_count; }

private:
    static constexpr size_t n_buckets = 400;
    std::array<uint64_t, n_buckets> d_buckets{};
    uint64_t d_count = 0;
};

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_LATENCY_HISTOGRAM_H */
