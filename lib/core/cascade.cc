/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/cascade.h"

#include <algorithm>
#include <stdexcept>

namespace gr {
namespace speculative {

cascade_config config_of(const fast_model& model, double threshold, double deadline)
{
    cascade_config config;
    config.classes = model.labels().size();
    config.bins = model.fft_size();
    config.kernels = &choose_kernels(model.kernel_name());
    config.context = model.slow_context();
    const auto& labels = model.labels();
    const auto noise = std::find(labels.begin(), labels.end(), "noise");
    if (noise != labels.end())
        config.noise = static_cast<int16_t>(noise - labels.begin());
    config.policy.rule = model.rule();
    config.policy.benefit = model.benefit();
    if (threshold < 0.0) {
        config.policy.threshold = model.threshold();
        config.policy.strata = model.strata();
    } else {
        config.policy.threshold = threshold;
    }
    config.policy.risk.baseline = model.disagreement();
    config.merge = model.merge();
    config.deadline = from_seconds("deadline", deadline);
    return config;
}

cascade::cascade(const cascade_config& config)
    : d_config(config),
      d_policy(config.policy),
      d_pending(config.max_in_flight, config.classes)
{
    if (config.classes == 0)
        throw std::invalid_argument("the model has no classes");
    set_deadline(config.deadline);
    set_per_emission(config.per_emission);
}

// The tracker stays once it is there: its ids are never used twice.
void cascade::set_per_emission(bool on)
{
    if (on && !d_emissions) {
        emission_config emissions;
        emissions.merge = d_config.merge;
        emissions.kernels = d_config.kernels;
        emissions.context = d_config.context;
        emissions.noise = d_config.noise;
        d_emissions.emplace(d_config.classes, d_config.bins, emissions);
    }
    if (on != d_config.per_emission)
        restart();
    d_config.per_emission = on;
}

void cascade::restart()
{
    if (d_emissions)
        d_emissions->reset();
}

void cascade::set_deadline(monotonic::duration deadline)
{
    if (deadline <= monotonic::duration::zero())
        throw std::invalid_argument("deadline is not positive, expected seconds > 0");
    d_config.deadline = deadline;
}

void cascade::on_vector(const vector_position& where,
                        const float* x,
                        const spectrum_levels& levels,
                        const float* scores,
                        monotonic::time_point now,
                        result& out)
{
    d_counters.vectors++;
    observation seen;
    out.emission.reset();
    if (d_config.per_emission) {
        seen = observe(where, x, scores);
        seen.again = seen.again && d_pending.in_flight() < d_config.max_in_flight;
        scores = seen.posterior;
        out.emission = seen.emission;
    }
    const top_two top = top_two_of(scores, d_config.classes);

    out.where = where;
    out.status = result_status::final_;
    out.source = seen.answered ? merged_source() : result_source::fast;
    out.label = out.fast_label = top.label;
    out.confidence = out.fast_confidence = top.confidence;
    out.deferred = out.audit = false;
    out.elapsed_ms = 0.0;
    out.late = false;
    out.scores.assign(scores, scores + d_config.classes);

    const classified_vector vector{ scores, d_config.classes, top, levels };
    const auto [what, probability] =
        d_config.per_emission
            ? d_policy.decide(vector,
                              { seen.due, seen.known, seen.audit_chance, seen.again },
                              where.stream_time,
                              now)
            : d_policy.decide(vector, where.stream_time, now);
    if (what == deferral::none) {
        d_counters.accepted++;
        return;
    }
    if (what == deferral::unbudgeted) {
        d_counters.unbudgeted++;
        out.source = result_source::fast_unbudgeted;
        return;
    }
    d_counters.deferred++;
    pending* entry = d_pending.add(now, now + d_config.deadline);
    if (!entry) {
        d_counters.dropped++;
        out.source = result_source::fast_fallback;
        return;
    }
    d_counters.in_flight++;
    entry->where = where;
    entry->fast_label = top.label;
    entry->fast_confidence = top.confidence;
    std::copy_n(scores, d_config.classes, entry->fast_scores.begin());
    out.status = result_status::provisional;
    out.deferred = true;
    out.audit = what == deferral::audit;
    entry->audit_probability = out.audit ? probability : 0.0;
    entry->emission = out.emission;
    if (out.emission && !out.audit)
        d_emissions->asked();
    d_counters.audited += out.audit;
    out.seq = entry->seq;
}

// Elsewhere the same spectrum is another emission.
observation
cascade::observe(const vector_position& where, const float* x, const float* scores)
{
    if (where.center_frequency != d_frequency || where.sample_rate != d_rate) {
        d_emissions->reset();
        d_frequency = where.center_frequency;
        d_rate = where.sample_rate;
    }
    const observation seen = d_emissions->observe(where.offset, x, scores);
    d_counters.emissions = d_emissions->emissions();
    return seen;
}

result_source cascade::merged_source() const
{
    return d_config.merge.fast > 0.0 ? result_source::ensemble : result_source::slow;
}

// Its deferral is in flight no longer.
void cascade::land(pending& entry, pending_state state)
{
    d_pending.settle(entry, state);
    d_counters.in_flight--;
    if (entry.emission && entry.audit_probability == 0.0)
        d_emissions->settled(*entry.emission);
}

void cascade::describe(const pending& entry, monotonic::time_point now, result& out) const
{
    out.where = entry.where;
    out.emission = entry.emission;
    out.deferred = true;
    out.audit = entry.audit_probability > 0.0;
    out.seq = entry.seq;
    out.fast_label = entry.fast_label;
    out.fast_confidence = entry.fast_confidence;
    out.elapsed_ms =
        std::chrono::duration<double, std::milli>(now - entry.deferred_at).count();
    out.late = false;
}

void cascade::fall_back(pending& entry,
                        pending_state state,
                        monotonic::time_point now,
                        result& out)
{
    land(entry, state);
    describe(entry, now, out);
    out.status = result_status::final_;
    out.source = result_source::fast_fallback;
    out.label = entry.fast_label;
    out.confidence = entry.fast_confidence;
    out.scores.assign(entry.fast_scores.begin(), entry.fast_scores.end());
}

void cascade::merge_in(
    pending& entry, const verdict& v, bool late, monotonic::time_point now, result& out)
{
    describe(entry, now, out);
    const float* fused =
        entry.emission ? d_emissions->verdict(*entry.emission, v.scores.data()) : nullptr;
    if (fused)
        out.scores.assign(fused, fused + d_config.classes);
    else {
        out.scores.resize(d_config.classes);
        merge(d_config.merge,
              entry.fast_scores.data(),
              v.scores.data(),
              d_config.classes,
              out.scores.data());
    }
    const top_two top = top_two_of(out.scores.data(), d_config.classes);
    out.status = result_status::revised;
    out.source = merged_source();
    out.label = top.label;
    out.confidence = top.confidence;
    out.late = late;
    if (out.label != out.fast_label)
        d_counters.relabelled++;
}

bool cascade::on_verdict(const verdict& v, monotonic::time_point now, result& out)
{
    pending* entry = d_pending.find(v.seq);
    if (!entry) {
        // Forgotten deferrals were settled long ago.
        if (d_pending.issued(v.seq))
            d_counters.duplicate++;
        else
            d_counters.unknown++;
        return false;
    }
    const bool good = v.status == verdict_status::ok &&
                      v.scores.size() == d_config.classes &&
                      is_distribution(v.scores.data(), v.scores.size());
    if (v.status == verdict_status::ok && !good)
        d_counters.malformed++;

    switch (entry->state) {
    case pending_state::in_flight:
        if (!good) {
            d_counters.failed++;
            fall_back(*entry, pending_state::settled, now, out);
            return true;
        }
        land(*entry, pending_state::settled);
        d_counters.in_time++;
        d_latency.add(
            std::chrono::duration<double, std::milli>(now - entry->deferred_at).count());
        check_audit(*entry, v);
        merge_in(*entry, v, false, now, out);
        return true;
    case pending_state::timed_out:
        break;
    case pending_state::settled:
        d_counters.duplicate++;
        return false;
    }
    d_counters.late++;
    d_pending.settle(*entry, pending_state::settled);
    if (!good)
        return false;
    check_audit(*entry, v);
    merge_in(*entry, v, true, now, out);
    return true;
}

void cascade::check_audit(const pending& entry, const verdict& v)
{
    if (entry.audit_probability == 0.0)
        return;
    const bool disagrees =
        top_two_of(v.scores.data(), v.scores.size()).label != entry.fast_label;
    d_counters.alarms += d_policy.on_audit(disagrees, entry.audit_probability);
}

bool cascade::expire(monotonic::time_point now, result& out)
{
    pending* entry = d_pending.first_overdue(now);
    if (!entry)
        return false;
    d_counters.timed_out++;
    fall_back(*entry, pending_state::timed_out, now, out);
    return true;
}

bool cascade::abandon(monotonic::time_point now, result& out)
{
    pending* entry = d_pending.first_overdue(monotonic::time_point::max());
    if (!entry)
        return false;
    d_counters.dropped++;
    fall_back(*entry, pending_state::settled, now, out);
    return true;
}

} // namespace speculative
} // namespace gr
