/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/conditions.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace gr {
namespace speculative {

namespace {

constexpr double severity_of_duct = 0.5;
constexpr double worst_noise_db = 20.0;

double clamped(double value)
{
    return std::isnan(value) ? 1.0 : std::clamp(value, 0.0, 1.0);
}

} // namespace

conditions_state::conditions_state(const conditions_config& config) { set(config); }

void conditions_state::set(const conditions_config& config)
{
    if (!(config.strength >= 0.0 && config.strength <= 1.0))
        throw std::invalid_argument("conditions_strength is " +
                                    std::to_string(config.strength) +
                                    ", expected 0 (off) to 1");
    if (config.lifetime <= monotonic::duration::zero())
        throw std::invalid_argument(
            "conditions lifetime is not positive, expected seconds > 0");
    d_config = config;
}

monotonic::duration age_of(const conditions& c)
{
    constexpr double century = 3.2e9;
    const std::chrono::duration<double> since_1970 =
        std::chrono::system_clock::now().time_since_epoch();
    const double age = since_1970.count() - c.timestamp;
    return std::chrono::duration_cast<monotonic::duration>(std::chrono::duration<double>(
        std::isnan(age) ? century : std::clamp(age, 0.0, century)));
}

bool conditions_state::update(const conditions& c,
                              monotonic::time_point now,
                              monotonic::duration age)
{
    const auto expires =
        now + d_config.lifetime - std::max(age, monotonic::duration::zero());
    if (expires <= now || (d_any && now < d_expires && c.timestamp < d_timestamp))
        return false;
    d_any = true;
    d_timestamp = c.timestamp;
    d_expires = expires;
    const double noise = std::isnan(d_config.usual_noise)
                             ? 0.0
                             : (c.noise_level - d_config.usual_noise) / worst_noise_db;
    d_severity = std::max({ clamped(1.0 - c.propagation_quality),
                            c.tropospheric_duct_present ? severity_of_duct : 0.0,
                            clamped(noise) });
    return true;
}

double conditions_state::severity(monotonic::time_point now) const
{
    return d_any && now < d_expires ? d_severity : 0.0;
}

double conditions_state::tightened(double threshold, monotonic::time_point now) const
{
    const double caution = d_config.strength * severity(now);
    return caution > 0.0 ? threshold + (1.0 - threshold) * caution : threshold;
}

} // namespace speculative
} // namespace gr
