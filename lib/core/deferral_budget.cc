/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/deferral_budget.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace gr {
namespace speculative {

namespace {
// Chosen in simulation of quiet-storm-quiet loads (bench/deferral.py): both are flat
// around here.
constexpr double price_step = 0.05;     // a purchase
constexpr double saving_horizon = 10.0; // s over which saved tokens are meant to be spent
} // namespace

deferral_budget::deferral_budget(double rate, double burst)
{
    set(rate, burst);
    d_tokens = burst;
}

void deferral_budget::set(double rate, double burst)
{
    if (!(rate > 0.0))
        throw std::invalid_argument(
            "budget is " + std::to_string(rate) +
            ", expected deferrals a second > 0 (infinity: no limit)");
    if (!(burst >= 1.0 && std::isfinite(burst)))
        throw std::invalid_argument("burst is " + std::to_string(burst) +
                                    ", expected at least 1 deferral");
    d_rate = rate;
    d_burst = burst;
    d_tokens = std::min(d_tokens, burst);
}

bool deferral_budget::spend(double time, double benefit)
{
    if (std::isinf(d_rate))
        return true;
    const double elapsed = std::max(time - d_time, 0.0);
    d_time = time;
    d_tokens = std::min(d_tokens + d_rate * elapsed, d_burst);
    const double affordable = d_rate + std::max(d_tokens - 1.0, 0.0) / saving_horizon;
    d_price = std::max(d_price - price_step * affordable * elapsed, 0.0);
    if (benefit < d_price)
        return false;
    d_price = std::min(d_price + price_step, 1.0);
    if (d_tokens < 1.0)
        return false;
    d_tokens -= 1.0;
    return true;
}

} // namespace speculative
} // namespace gr
