/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_WARNING_LIMITER_H
#define INCLUDED_SPECULATIVE_CORE_WARNING_LIMITER_H

#include <chrono>
#include <cstdint>

namespace gr {
namespace speculative {

/*! At most one warning an interval, and how many were held back since the last one. */
class warning_limiter
{
public:
    using clock = std::chrono::steady_clock;

    explicit warning_limiter(clock::duration interval = std::chrono::seconds(10))
        : d_interval(interval)
    {
    }

    /*! Call for each occasion. \return true if it should be said; `held_back` are those
     * before it that were not */
    bool allow(clock::time_point now, uint64_t& held_back)
    {
        if (d_said && now - d_last < d_interval) {
            d_held_back++;
            return false;
        }
        held_back = d_held_back;
        d_held_back = 0;
        d_said = true;
        d_last = now;
        return true;
    }

private:
    const clock::duration d_interval;
    clock::time_point d_last;
    bool d_said = false;
    uint64_t d_held_back = 0;
};

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_WARNING_LIMITER_H */
