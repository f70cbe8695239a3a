/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// What acts on a running fast_classifier from outside: setters and messages.

#include "fast_classifier_impl.h"

#include <chrono>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace gr {
namespace speculative {

namespace {

double number_of(const std::string& setting, const pmt::pmt_t& value)
{
    double number = 0.0;
    if (!pdu::number_from(value, number))
        throw std::invalid_argument(setting + " is not a number");
    return number;
}

std::string name_of(const std::string& setting, const pmt::pmt_t& value)
{
    if (!pmt::is_symbol(value))
        throw std::invalid_argument(setting + " is not a symbol");
    return pmt::symbol_to_string(value);
}

bool truth_of(const std::string& setting, const pmt::pmt_t& value)
{
    if (!pmt::is_bool(value))
        throw std::invalid_argument(setting + " is not a bool");
    return pmt::to_bool(value);
}

} // namespace

void fast_classifier_impl::set_threshold(double threshold)
{
    const std::scoped_lock lock(d_mutex);
    if (threshold < 0.0)
        d_cascade.policy().set_threshold(d_model.threshold(), d_model.strata());
    else
        d_cascade.policy().set_threshold(threshold);
    publish_threshold(monotonic::now());
}

void fast_classifier_impl::set_deadline(double value)
{
    const std::scoped_lock lock(d_mutex);
    d_cascade.set_deadline(from_seconds("deadline", value));
}

void fast_classifier_impl::set_center_frequency(double hz)
{
    if (!std::isfinite(hz))
        throw std::invalid_argument("center_frequency is not finite, expected Hz");
    const std::scoped_lock lock(d_mutex);
    d_clock.set_frequency(hz);
}

void fast_classifier_impl::set_rule(const std::string& rule)
{
    const std::scoped_lock lock(d_mutex);
    d_cascade.policy().set_rule(rule.empty() ? d_model.rule() : deferral_rule_from(rule));
}

void fast_classifier_impl::set_budget(double rate, double burst)
{
    const std::scoped_lock lock(d_mutex);
    const double limit = rate == 0.0 ? std::numeric_limits<double>::infinity() : rate;
    d_cascade.policy().set_budget(limit, burst);
}

void fast_classifier_impl::set_audit_fraction(double fraction, uint64_t seed)
{
    const std::scoped_lock lock(d_mutex);
    d_cascade.policy().set_audits(fraction, seed);
}

void fast_classifier_impl::set_conditions(double strength,
                                          double lifetime,
                                          double usual_noise)
{
    conditions_config config;
    config.strength = strength;
    config.lifetime = from_seconds("conditions_lifetime", lifetime);
    config.usual_noise = usual_noise;
    const std::scoped_lock lock(d_mutex);
    d_cascade.policy().set_conditions(config);
}

void fast_classifier_impl::set_per_emission(bool on)
{
    const std::scoped_lock lock(d_mutex);
    d_cascade.set_per_emission(on);
}

bool fast_classifier_impl::per_emission() const
{
    const std::scoped_lock lock(d_mutex);
    return d_cascade.per_emission();
}

double fast_classifier_impl::threshold() const
{
    const std::scoped_lock lock(d_mutex);
    return d_cascade.policy().threshold(monotonic::now());
}

double fast_classifier_impl::deadline() const
{
    const std::scoped_lock lock(d_mutex);
    return std::chrono::duration<double>(d_cascade.deadline()).count();
}

std::map<std::string, uint64_t> fast_classifier_impl::counters() const
{
    const std::scoped_lock lock(d_mutex);
    return to_map(d_cascade.counters());
}

double fast_classifier_impl::latency_quantile(double q) const
{
    const std::scoped_lock lock(d_mutex);
    return d_cascade.latency().quantile(q);
}

void fast_classifier_impl::on_verdict(const pmt::pmt_t& message)
{
    const std::scoped_lock lock(d_mutex);
    const auto now = monotonic::now();
    expire(now);
    try {
        const verdict v = pdu::verdict_from(message);
        if (v.session != d_names.session)
            d_cascade.on_unknown();
        else if (d_cascade.on_verdict(v, now, d_result)) {
            if (!v.heads.empty())
                d_heads = v.heads;
            publish(d_result, 1, v.heads);
            publish_threshold(now); // an audit may have raised it
        }
    } catch (const std::exception& error) {
        d_cascade.on_malformed();
        warn_dropped("verdicts", error);
    }
}

void fast_classifier_impl::on_conditions(const pmt::pmt_t& message)
{
    const std::scoped_lock lock(d_mutex);
    try {
        const conditions c = pdu::conditions_from(message);
        const auto now = monotonic::now();
        d_cascade.policy().on_conditions(c, now, age_of(c));
        publish_threshold(now);
    } catch (const std::exception& error) {
        warn_dropped("conditions", error);
    }
}

// A pair (name . value), or a dict of several; each setting stands or falls alone.
void fast_classifier_impl::on_command(const pmt::pmt_t& message)
{
    pmt::pmt_t settings = message;
    if (pmt::is_pair(message) && pmt::is_symbol(pmt::car(message)))
        settings = pmt::dict_add(pmt::make_dict(), pmt::car(message), pmt::cdr(message));
    const auto attempt = [this](auto&& act) {
        try {
            act();
        } catch (const std::exception& error) {
            const std::scoped_lock lock(d_mutex);
            warn_dropped("cmd", error);
        }
    };
    attempt([&] {
        if (!pmt::is_dict(settings))
            throw std::invalid_argument(
                "it is neither a pair of a name and a value nor a dict");
        for (pmt::pmt_t rest = pmt::dict_items(settings); pmt::is_pair(rest);
             rest = pmt::cdr(rest)) {
            const pmt::pmt_t item = pmt::car(rest);
            attempt([&] { apply(name_of("a setting", pmt::car(item)), pmt::cdr(item)); });
        }
    });
    const std::scoped_lock lock(d_mutex);
    publish_threshold(monotonic::now());
}

void fast_classifier_impl::apply(const std::string& setting, const pmt::pmt_t& value)
{
    policy_config current;
    {
        const std::scoped_lock lock(d_mutex);
        current = d_cascade.policy().config();
    }
    if (setting == "threshold")
        set_threshold(number_of(setting, value));
    else if (setting == "deadline")
        set_deadline(number_of(setting, value));
    else if (setting == "center_frequency")
        set_center_frequency(number_of(setting, value));
    else if (setting == "budget")
        set_budget(number_of(setting, value), current.burst);
    else if (setting == "burst")
        set_budget(std::isinf(current.budget) ? 0.0 : current.budget,
                   number_of(setting, value));
    else if (setting == "audit_fraction")
        set_audit_fraction(number_of(setting, value), current.seed);
    else if (setting == "conditions_strength")
        set_conditions(number_of(setting, value),
                       std::chrono::duration<double>(current.conditions.lifetime).count(),
                       current.conditions.usual_noise);
    else if (setting == "rule")
        set_rule(name_of(setting, value));
    else if (setting == "per_emission")
        set_per_emission(truth_of(setting, value));
    else
        throw std::invalid_argument(
            "unknown setting '" + setting +
            "', expected threshold, deadline, center_frequency, rule, budget, burst, "
            "audit_fraction, conditions_strength or per_emission");
}

// The caller holds d_mutex.
void fast_classifier_impl::warn_dropped(const char* port, const std::exception& error)
{
    uint64_t held_back = 0;
    if (d_dropped_warning.allow(monotonic::now(), held_back))
        d_logger->warn(
            "a message on {:s} was dropped: {:s} ({:d} more since the last warning)",
            port,
            error.what(),
            held_back);
}

} // namespace speculative
} // namespace gr
