/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/deferral_policy.h"

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

deferral_policy::deferral_policy(const policy_config& config)
    : d_config(config),
      d_budget(config.budget, config.burst),
      d_risk(config.risk),
      d_conditions(config.conditions)
{
    set_threshold(config.threshold, config.strata);
    set_rule(config.rule);
    d_config.seed = 0; // so that the draw begins
    set_audits(config.audit_fraction, config.seed);
    d_told = d_config.threshold;
    d_strata_told = true;
    d_cause = threshold_cause::conditions;
}

void deferral_policy::set_threshold(double threshold, const threshold_strata& strata)
{
    if (!(threshold >= 0.0 && threshold <= 1.0))
        throw std::invalid_argument("threshold is " + std::to_string(threshold) +
                                    ", expected 0 (defer nothing) to 1 (defer all)");
    d_config.threshold = threshold;
    d_strata_told = d_config.strata.thresholds.empty() && strata.thresholds.empty();
    d_config.strata = strata;
    d_caution = 0.0;
    d_cause = threshold_cause::set;
}

void deferral_policy::set_rule(deferral_rule rule)
{
    if (rule == deferral_rule::benefit && d_config.benefit.labels.empty())
        throw std::invalid_argument(
            "rule is 'benefit', but the model has no calibration.benefit: fit one with "
            "`gr-speculative calibrate --rule benefit`, or choose another rule");
    d_config.rule = rule;
}

void deferral_policy::set_budget(double rate, double burst)
{
    d_budget.set(rate, burst);
    d_config.budget = rate;
    d_config.burst = burst;
}

void deferral_policy::set_audits(double fraction, uint64_t seed)
{
    if (!(fraction >= 0.0 && fraction <= 1.0))
        throw std::invalid_argument("audit_fraction is " + std::to_string(fraction) +
                                    ", expected 0 (no audits) to 1");
    if (seed < 1 || seed > max_seed)
        throw std::invalid_argument("audit_seed is " + std::to_string(seed) +
                                    ", expected 1 to " + std::to_string(max_seed));
    if (seed != d_config.seed)
        d_random.seed(seed);
    d_config.audit_fraction = fraction;
    d_config.seed = seed;
}

void deferral_policy::set_conditions(const conditions_config& config)
{
    d_conditions.set(config);
    d_config.conditions = config;
}

double deferral_policy::threshold(monotonic::time_point now) const
{
    return raised(d_config.threshold, now);
}

double deferral_policy::raised(double threshold, monotonic::time_point now) const
{
    return d_conditions.tightened(threshold + (1.0 - threshold) * d_caution, now);
}

deferral_policy::decision deferral_policy::decide(const classified_vector& vector,
                                                  double stream_time,
                                                  monotonic::time_point now)
{
    if (vector.top.label != d_run_label) {
        d_run_label = vector.top.label;
        d_run_chance = 1.0;
    }
    return decide(vector, { true, true, &d_run_chance }, stream_time, now);
}

deferral_policy::decision deferral_policy::decide(const classified_vector& vector,
                                                  const question& about,
                                                  double stream_time,
                                                  monotonic::time_point now)
{
    const double score = deferral_score(d_config.rule, vector, d_config.benefit);
    const double threshold = raised(
        d_config.strata.of(vector.top.label, vector.levels.peak, d_config.threshold),
        now);
    // At 1 everything is uncertain, also what rounds to certainty.
    const bool uncertain =
        score < threshold || threshold >= 1.0 || (!about.known && threshold > 0.0);
    if (uncertain && about.due) {
        const bool bought = d_budget.spend(stream_time, 1.0 - score);
        return { bought ? deferral::uncertain : deferral::unbudgeted, 1.0 };
    }
    if (about.again && threshold > 0.0 && d_budget.spend(stream_time, 1.0 - score))
        return { deferral::uncertain, 1.0 };
    double& chance = *about.audit_chance;
    if (d_config.audit_fraction == 0.0 || chance == 0.0)
        return {};
    const double probability = d_config.audit_fraction * chance;
    if (std::uniform_real_distribution<>()(d_random) >= d_config.audit_fraction) {
        chance *= 1.0 - d_config.audit_fraction;
        return {};
    }
    chance = 0.0;
    // An audit is worth any price, but not a token that is not there.
    return { d_budget.spend(stream_time, 1.0) ? deferral::audit : deferral::none,
             probability };
}

bool deferral_policy::on_audit(bool disagrees, double probability)
{
    if (!d_risk.add(disagrees, probability))
        return false;
    d_caution += (1.0 - d_caution) / 2.0;
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
    if (after == d_told && d_strata_told)
        return false;
    change = { d_told, after, d_cause };
    d_told = after;
    d_strata_told = true;
    d_cause = threshold_cause::conditions; // which alone come and go by themselves
    return true;
}

} // namespace speculative
} // namespace gr
