/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// What the blocks publish.

#include "pdu_fields.h"

#include <algorithm>

namespace gr {
namespace speculative {
namespace pdu {

pmt::pmt_t from(const threshold_change& change, const result_names& names)
{
    pmt::pmt_t meta = pmt::make_dict();
    put(meta, k().schema, k().threshold_1);
    put(meta, k().session, names.session);
    put(meta, k().node_id, names.node_id);
    put(meta, k().before, change.before);
    put(meta, k().threshold, change.after);
    put(meta, k().cause, std::string(to_string(change.cause)));
    return pmt::cons(meta, pmt::make_u8vector(0, 0));
}

pmt::pmt_t
from(const result& r, uint64_t count, const result_names& names, const std::string& heads)
{
    const vector_position& where = r.where;
    pmt::pmt_t meta = pmt::make_dict();
    put(meta, k().schema, k().result_1);
    put(meta, k().session, names.session);
    put(meta, k().offset, where.offset);
    put(meta, k().count, count);
    put(meta, k().sample_start, where.sample_start);
    put(meta, k().sample_count, where.sample_count);
    if (where.has_time)
        put(meta,
            k().rx_time,
            pmt::make_tuple(pmt::from_uint64(where.seconds),
                            pmt::from_double(where.fraction)));
    put(meta, k().sample_rate, where.sample_rate);
    put(meta, k().center_frequency, where.center_frequency);
    put(meta, k().bandwidth, where.sample_rate); // a label speaks of the whole band
    put(meta, k().label, names.labels[r.label]);
    put(meta, k().confidence, static_cast<double>(r.confidence));
    put(meta, k().status, std::string(to_string(r.status)));
    put(meta, k().source, std::string(to_string(r.source)));
    put(meta, k().fast_label, names.labels[r.fast_label]);
    put(meta, k().fast_confidence, static_cast<double>(r.fast_confidence));
    if (r.deferred) {
        put(meta, k().seq, r.seq);
        put(meta, k().elapsed_ms, r.elapsed_ms);
    }
    if (r.emission)
        put(meta, k().emission, *r.emission);
    if (r.audit)
        put(meta, k().audit, pmt::PMT_T);
    if (r.late)
        put(meta, k().late, pmt::PMT_T);
    put(meta, k().node_id, names.node_id);
    put(meta, k().model, names.model);
    if (!heads.empty())
        put(meta, k().heads, bytes_of(heads));
    return pmt::cons(meta, pmt::init_f32vector(r.scores.size(), r.scores));
}

pmt::pmt_t uncertain(const result& r, const result_names& names)
{
    pmt::pmt_t dict = pmt::make_dict();
    put(dict, k().seq, r.seq);
    put(dict, k().label, names.labels[r.label]);
    put(dict, k().confidence, static_cast<double>(r.confidence));
    return dict;
}

pmt::pmt_t
telemetry(const cascade& state, const result_names& names, const std::string& heads)
{
    const counters& c = state.counters();
    const double vectors = std::max<double>(c.vectors, 1.0);
    pmt::pmt_t meta = pmt::make_dict();
    put(meta, k().schema, k().telemetry_1);
    put(meta, k().session, names.session);
    put(meta, k().node_id, names.node_id);
    put(meta, k().model, names.model);
    for (const auto& [name, value] : to_map(c))
        put(meta, pmt::mp(name), value);
    put(meta, k().fast_ratio, c.accepted / vectors);
    put(meta, k().slow_ratio, c.in_time / vectors);
    put(meta,
        k().fallback_ratio,
        (c.timed_out + c.dropped + c.failed + c.unbudgeted) / vectors);
    const deferral_policy& policy = state.policy();
    put(meta, k().threshold, policy.threshold(monotonic::now()));
    put(meta, k().price, policy.budget().price());
    put(meta, k().live_risk, policy.risk().risk());
    put(meta, k().live_risk_lower, policy.risk().risk_lower());
    put(meta, k().live_risk_upper, policy.risk().risk_upper());
    put(meta, k().latency_p50_ms, state.latency().quantile(0.50));
    put(meta, k().latency_p99_ms, state.latency().quantile(0.99));
    if (!heads.empty())
        put(meta, k().heads, bytes_of(heads));
    return pmt::cons(meta, pmt::make_u8vector(0, 0));
}

} // namespace pdu
} // namespace speculative
} // namespace gr
