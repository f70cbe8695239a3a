/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/deferral_policy.h"

#include <cmath>
#include <stdexcept>
#include <string>

namespace gr {
namespace speculative {

const char* to_string(threshold_cause cause)
{
    switch (cause) {
    case threshold_cause::alarm:
        return "alarm";
    case threshold_cause::conditions:
        return "conditions";
    default:
        return "set";
    }
}

deferral_rule deferral_rule_from(const std::string& word)
{
    if (word == "margin")
        return deferral_rule::margin;
    if (word == "max_probability")
        return deferral_rule::max_probability;
    if (word == "entropy")
        return deferral_rule::entropy;
    throw std::invalid_argument("rule is '" + word +
                                "', expected margin, max_probability or entropy");
}

double
deferral_score(deferral_rule rule, const float* posterior, size_t n, const top_two& top)
{
    switch (rule) {
    case deferral_rule::max_probability:
        return top.confidence;
    case deferral_rule::entropy: {
        double entropy = 0.0;
        for (size_t i = 0; i < n; i++)
            entropy -= posterior[i] > 0.0f ? posterior[i] * std::log(posterior[i]) : 0.0f;
        return n > 1 ? 1.0 - entropy / std::log(static_cast<double>(n)) : 1.0;
    }
    default:
        return top.margin;
    }
}

deferral_policy::deferral_policy(const policy_config& config)
    : d_config(config),
      d_budget(config.budget, config.burst),
      d_risk(config.risk),
      d_conditions(config.conditions),
      d_random(config.seed)
{
    set_threshold(config.threshold);
    set_audit_fraction(config.audit_fraction);
    d_told = d_base;
    d_cause = threshold_cause::conditions;
}

void deferral_policy::set_threshold(double threshold)
{
    if (!(threshold >= 0.0 && threshold <= 1.0))
        throw std::invalid_argument("threshold is " + std::to_string(threshold) +
                                    ", expected 0 (defer nothing) to 1 (defer all)");
    d_config.threshold = d_base = threshold;
    d_cause = threshold_cause::set;
}

void deferral_policy::set_budget(double rate, double burst)
{
    d_budget.set(rate, burst);
    d_config.budget = rate;
    d_config.burst = burst;
}

void deferral_policy::set_audit_fraction(double fraction)
{
    if (!(fraction >= 0.0 && fraction <= 1.0))
        throw std::invalid_argument("audit_fraction is " + std::to_string(fraction) +
                                    ", expected 0 (no audits) to 1");
    d_config.audit_fraction = fraction;
}

void deferral_policy::set_conditions(const conditions_config& config)
{
    d_conditions = conditions_state(config);
    d_config.conditions = config;
}

double deferral_policy::threshold(monotonic::time_point now) const
{
    return d_conditions.tightened(d_base, now);
}

deferral_policy::decision deferral_policy::decide(const float* posterior,
                                                  size_t n,
                                                  const top_two& top,
                                                  double stream_time,
                                                  monotonic::time_point now)
{
    if (top.label != d_run_label) {
        d_run_label = top.label;
        d_run_chance = 1.0;
    }
    const double score = deferral_score(d_config.rule, posterior, n, top);
    const double threshold = this->threshold(now);
    // At 1 everything is uncertain, also what rounds to certainty.
    if (score < threshold || threshold >= 1.0) {
        const bool bought = d_budget.spend(stream_time, 1.0 - score);
        return { bought ? deferral::uncertain : deferral::unbudgeted, 1.0 };
    }
    if (d_config.audit_fraction == 0.0 || d_run_chance == 0.0)
        return {};
    const double probability = d_config.audit_fraction * d_run_chance;
    if (std::uniform_real_distribution<>()(d_random) >= d_config.audit_fraction) {
        d_run_chance *= 1.0 - d_config.audit_fraction;
        return {};
    }
    d_run_chance = 0.0;
    // An audit is worth any price, but not a token that is not there.
    return { d_budget.spend(stream_time, 1.0) ? deferral::audit : deferral::none,
             probability };
}

bool deferral_policy::on_audit(bool disagrees, double probability)
{
    if (!d_risk.add(disagrees, probability))
        return false;
    d_base += (1.0 - d_base) / 2.0;
    d_cause = threshold_cause::alarm;
    return true;
}

bool deferral_policy::on_conditions(const conditions& c,
                                    monotonic::time_point now,
                                    monotonic::duration age)
{
    return d_conditions.update(c, now, age);
}

bool deferral_policy::changed(monotonic::time_point now, threshold_change& change)
{
    const double after = threshold(now);
    if (after == d_told)
        return false;
    change = { d_told, after, d_cause };
    d_told = after;
    d_cause = threshold_cause::conditions; // which alone come and go by themselves
    return true;
}

} // namespace speculative
} // namespace gr
