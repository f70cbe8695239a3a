/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/risk_monitor.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <string>

namespace gr {
namespace speculative {

namespace {
// Odds of a disagreement, over those of the baseline, after a drift that is looked for:
// slight, clear, gross.
constexpr std::array<double, 3> worse_by{ 3.0, 7.5, 15.0 };
constexpr double normal_97_5 = 1.959964;
} // namespace

risk_monitor::risk_monitor(const risk_config& config) : d_config(config)
{
    if (!(config.baseline > 0.0 && config.baseline < 1.0))
        throw std::invalid_argument("audit baseline is " +
                                    std::to_string(config.baseline) +
                                    ", expected a share in (0, 1)");
    if (!(config.run_length >= 100.0 && std::isfinite(config.run_length)))
        throw std::invalid_argument("audit run_length is " +
                                    std::to_string(config.run_length) +
                                    ", expected at least 100 audits");
    if (!(config.half_life >= 1.0))
        throw std::invalid_argument("audit half_life is " +
                                    std::to_string(config.half_life) +
                                    ", expected at least 1 audit");
    d_decay = std::exp2(-1.0 / config.half_life);
    for (size_t i = 0; i < n_alternatives; i++) {
        d_agree_ratio[i] = 1.0 / (1.0 + (worse_by[i] - 1.0) * config.baseline);
        d_disagree_ratio[i] = worse_by[i] * d_agree_ratio[i];
    }
}

bool risk_monitor::add(bool disagrees, double probability)
{
    const double weight = 1.0 / probability;
    d_weights = d_decay * d_weights + weight;
    d_squared_weights = d_decay * d_decay * d_squared_weights + weight * weight;
    d_disagreeing = d_decay * d_disagreeing + (disagrees ? weight : 0.0);
    d_audits++;

    for (size_t i = 0; i < n_alternatives; i++)
        d_evidence[i] =
            (d_evidence[i] + 1.0) * (disagrees ? d_disagree_ratio[i] : d_agree_ratio[i]);
    if (evidence() < d_config.run_length)
        return false;
    d_evidence.fill(0.0);
    d_alarms++;
    return true;
}

double risk_monitor::evidence() const
{
    return std::accumulate(d_evidence.begin(), d_evidence.end(), 0.0) / n_alternatives;
}

double risk_monitor::risk() const
{
    return d_weights > 0.0 ? d_disagreeing / d_weights : 0.0;
}

double risk_monitor::risk_lower() const { return d_weights > 0.0 ? bound(-1.0) : 0.0; }

double risk_monitor::risk_upper() const { return d_weights > 0.0 ? bound(1.0) : 1.0; }

// Wilson, E. B. (1927).
double risk_monitor::bound(double sign) const
{
    const double n = d_weights * d_weights / d_squared_weights;
    const double p = risk();
    const double z2 = normal_97_5 * normal_97_5;
    const double center = p + z2 / (2.0 * n);
    const double spread = normal_97_5 * std::sqrt(p * (1.0 - p) / n + z2 / (4.0 * n * n));
    return std::clamp((center + sign * spread) / (1.0 + z2 / n), 0.0, 1.0);
}

} // namespace speculative
} // namespace gr
