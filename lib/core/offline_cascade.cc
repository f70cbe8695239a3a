/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/offline_cascade.h"

#include "core/cascade.h"
#include "kernels/kernels.h"

#include <stdexcept>

namespace gr {
namespace speculative {

namespace {

cascade_config offline_config(const fast_model& model,
                              double threshold,
                              double deadline,
                              double conditions_strength)
{
    cascade_config config = config_of(model, threshold, deadline);
    config.policy.conditions.strength = conditions_strength;
    return config;
}

offline_cascade::answer answer_of(const result& r)
{
    offline_cascade::answer a;
    a.status = to_string(r.status);
    a.source = to_string(r.source);
    a.label = r.label;
    a.confidence = r.confidence;
    a.deferred = r.deferred;
    a.seq = r.seq;
    a.emission = r.emission;
    a.elapsed_ms = r.elapsed_ms;
    a.scores = r.scores;
    return a;
}

} // namespace

struct offline_cascade::impl {
    explicit impl(const cascade_config& config)
        : state(config),
          kernels(*config.kernels),
          classes(config.classes),
          bins(config.bins)
    {
    }

    cascade state;
    const kernel_set& kernels;
    const size_t classes;
    const size_t bins;
    result last;
};

offline_cascade::offline_cascade(const fast_model& model,
                                 double threshold,
                                 double deadline,
                                 double conditions_strength)
    : d_impl(std::make_unique<impl>(
          offline_config(model, threshold, deadline, conditions_strength)))
{
}

offline_cascade::~offline_cascade() = default;

offline_cascade::answer offline_cascade::on_vector(const std::vector<float>& posterior,
                                                   const std::vector<float>& x)
{
    if (posterior.size() != d_impl->classes || x.size() != d_impl->bins)
        throw std::invalid_argument("posterior has " + std::to_string(posterior.size()) +
                                    " values and x " + std::to_string(x.size()) +
                                    ", expected " + std::to_string(d_impl->classes) +
                                    " and " + std::to_string(d_impl->bins));
    vector_position where;
    where.offset = d_impl->state.counters().vectors;
    const spectrum_levels levels = d_impl->state.policy().wants_levels()
                                       ? levels_of(d_impl->kernels, x.data(), x.size())
                                       : spectrum_levels{};
    d_impl->state.on_vector(
        where, x.data(), levels, posterior.data(), monotonic::now(), d_impl->last);
    return answer_of(d_impl->last);
}

void offline_cascade::on_invalid() { d_impl->state.on_invalid(); }

void offline_cascade::restart() { d_impl->state.restart(); }

void offline_cascade::set_per_emission(bool on) { d_impl->state.set_per_emission(on); }

std::optional<offline_cascade::answer>
offline_cascade::on_verdict(uint64_t seq, const std::vector<float>& scores)
{
    verdict v;
    v.seq = seq;
    v.scores = scores;
    v.status = scores.empty() ? verdict_status::error : verdict_status::ok;
    if (!d_impl->state.on_verdict(v, monotonic::now(), d_impl->last))
        return std::nullopt;
    return answer_of(d_impl->last);
}

std::optional<offline_cascade::answer> offline_cascade::expire()
{
    if (!d_impl->state.expire(monotonic::now(), d_impl->last))
        return std::nullopt;
    return answer_of(d_impl->last);
}

bool offline_cascade::on_conditions(double propagation_quality,
                                    bool tropospheric_duct_present,
                                    double noise_level,
                                    double timestamp)
{
    const conditions c{
        propagation_quality, tropospheric_duct_present, noise_level, timestamp
    };
    return d_impl->state.policy().on_conditions(c, monotonic::now(), age_of(c));
}

double offline_cascade::threshold() const
{
    return d_impl->state.policy().threshold(monotonic::now());
}

std::map<std::string, uint64_t> offline_cascade::counters() const
{
    return to_map(d_impl->state.counters());
}

double offline_cascade::latency_quantile(double q) const
{
    return d_impl->state.latency().quantile(q);
}

} // namespace speculative
} // namespace gr
