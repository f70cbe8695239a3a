/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "pdu.h"

#include <algorithm>
#include <stdexcept>

namespace gr {
namespace speculative {
namespace pdu {

namespace {

// Interned once: a symbol look-up takes a lock and a hash.
struct keys {
    const pmt::pmt_t schema = pmt::mp("schema");
    const pmt::pmt_t session = pmt::mp("session");
    const pmt::pmt_t seq = pmt::mp("seq");
    const pmt::pmt_t offset = pmt::mp("offset");
    const pmt::pmt_t vectors = pmt::mp("vectors");
    const pmt::pmt_t fft_size = pmt::mp("fft_size");
    const pmt::pmt_t db_scale = pmt::mp("db_scale");
    const pmt::pmt_t db_offset = pmt::mp("db_offset");
    const pmt::pmt_t sample_rate = pmt::mp("sample_rate");
    const pmt::pmt_t center_frequency = pmt::mp("center_frequency");
    const pmt::pmt_t bandwidth = pmt::mp("bandwidth");
    const pmt::pmt_t deadline_ms = pmt::mp("deadline_ms");
    const pmt::pmt_t label = pmt::mp("label");
    const pmt::pmt_t confidence = pmt::mp("confidence");
    const pmt::pmt_t fast_label = pmt::mp("fast_label");
    const pmt::pmt_t fast_confidence = pmt::mp("fast_confidence");
    const pmt::pmt_t node_id = pmt::mp("node_id");
    const pmt::pmt_t status = pmt::mp("status");
    const pmt::pmt_t source = pmt::mp("source");
    const pmt::pmt_t model = pmt::mp("model");
    const pmt::pmt_t model_sha256 = pmt::mp("model_sha256");
    const pmt::pmt_t elapsed_ms = pmt::mp("elapsed_ms");
    const pmt::pmt_t message = pmt::mp("message");
    const pmt::pmt_t heads = pmt::mp("heads");
    const pmt::pmt_t count = pmt::mp("count");
    const pmt::pmt_t sample_start = pmt::mp("sample_start");
    const pmt::pmt_t sample_count = pmt::mp("sample_count");
    const pmt::pmt_t rx_time = pmt::mp("rx_time");
    const pmt::pmt_t late = pmt::mp("late");

    const pmt::pmt_t fast_ratio = pmt::mp("fast_ratio");
    const pmt::pmt_t slow_ratio = pmt::mp("slow_ratio");
    const pmt::pmt_t fallback_ratio = pmt::mp("fallback_ratio");
    const pmt::pmt_t threshold = pmt::mp("threshold");
    const pmt::pmt_t latency_p50_ms = pmt::mp("latency_p50_ms");
    const pmt::pmt_t latency_p99_ms = pmt::mp("latency_p99_ms");

    const pmt::pmt_t emission = pmt::mp("emission");
    const pmt::pmt_t audit = pmt::mp("audit");
    const pmt::pmt_t before = pmt::mp("before");
    const pmt::pmt_t cause = pmt::mp("cause");
    const pmt::pmt_t price = pmt::mp("price");
    const pmt::pmt_t live_risk = pmt::mp("live_risk");
    const pmt::pmt_t live_risk_lower = pmt::mp("live_risk_lower");
    const pmt::pmt_t live_risk_upper = pmt::mp("live_risk_upper");
    const pmt::pmt_t propagation_quality = pmt::mp("propagation_quality");
    const pmt::pmt_t duct = pmt::mp("tropospheric_duct_present");
    const pmt::pmt_t noise_level = pmt::mp("noise_level");
    const pmt::pmt_t timestamp = pmt::mp("timestamp");

    const pmt::pmt_t conditions_1 = pmt::mp("speculative.conditions/1");
    const pmt::pmt_t threshold_1 = pmt::mp("speculative.threshold/1");
    const pmt::pmt_t telemetry_1 = pmt::mp("speculative.telemetry/1");
    const pmt::pmt_t deferred_1 = pmt::mp("speculative.deferred/1");
    const pmt::pmt_t verdict_1 = pmt::mp("speculative.verdict/1");
    const pmt::pmt_t result_1 = pmt::mp("speculative.result/1");
};

const keys& k()
{
    static const keys interned;
    return interned;
}

// The key is new. pmt::dict_add would search the dict for it.
void put(pmt::pmt_t& dict, const pmt::pmt_t& key, const pmt::pmt_t& value)
{
    dict = pmt::acons(key, value, dict);
}

void put(pmt::pmt_t& dict, const pmt::pmt_t& key, uint64_t value)
{
    put(dict, key, pmt::from_uint64(value));
}

void put(pmt::pmt_t& dict, const pmt::pmt_t& key, double value)
{
    put(dict, key, pmt::from_double(value));
}

void put(pmt::pmt_t& dict, const pmt::pmt_t& key, const std::string& value)
{
    put(dict, key, pmt::mp(value));
}

[[noreturn]] void wrong(const pmt::pmt_t& key, const char* expected)
{
    throw std::invalid_argument(pmt::symbol_to_string(key) + " is missing or not " +
                                expected);
}

// Python makes plain integers of small numbers, C++ uint64: take both.
uint64_t unsigned_of(const pmt::pmt_t& dict, const pmt::pmt_t& key)
{
    const pmt::pmt_t value = pmt::dict_ref(dict, key, pmt::PMT_NIL);
    if (pmt::is_uint64(value))
        return pmt::to_uint64(value);
    if (pmt::is_integer(value) && pmt::to_long(value) >= 0)
        return static_cast<uint64_t>(pmt::to_long(value));
    wrong(key, "an unsigned integer");
}

double number_of(const pmt::pmt_t& dict, const pmt::pmt_t& key, bool required)
{
    const pmt::pmt_t value = pmt::dict_ref(dict, key, pmt::PMT_NIL);
    double number = 0.0;
    if (!number_from(value, number) && (required || !pmt::is_null(value)))
        wrong(key, "a number");
    return number;
}

std::string text_of(const pmt::pmt_t& dict, const pmt::pmt_t& key, bool required)
{
    const pmt::pmt_t value = pmt::dict_ref(dict, key, pmt::PMT_NIL);
    if (pmt::is_symbol(value))
        return pmt::symbol_to_string(value);
    if (required || !pmt::is_null(value))
        wrong(key, "a symbol");
    return {};
}

// JSON goes as bytes: a symbol would stay in PMT's table for ever.
pmt::pmt_t bytes_of(const std::string& text)
{
    return pmt::init_u8vector(text.size(),
                              std::vector<uint8_t>(text.begin(), text.end()));
}

std::string bytes_from(const pmt::pmt_t& dict, const pmt::pmt_t& key)
{
    const pmt::pmt_t value = pmt::dict_ref(dict, key, pmt::PMT_NIL);
    if (pmt::is_null(value))
        return {};
    if (!pmt::is_u8vector(value))
        wrong(key, "bytes");
    size_t length = 0;
    const uint8_t* bytes = pmt::u8vector_elements(value, length);
    return { bytes, bytes + length };
}

pmt::pmt_t meta_of(const pmt::pmt_t& message, const pmt::pmt_t& schema)
{
    if (!pmt::is_pdu(message))
        throw std::invalid_argument(
            "the message is not a PDU (a pair of a dict and a vector)");
    const pmt::pmt_t meta = pmt::car(message);
    if (!pmt::eqv(pmt::dict_ref(meta, k().schema, pmt::PMT_NIL), schema))
        throw std::invalid_argument("schema is not " + pmt::symbol_to_string(schema));
    return meta;
}

} // namespace

bool number_from(const pmt::pmt_t& value, double& out)
{
    if (pmt::is_real(value))
        out = pmt::to_double(value);
    else if (pmt::is_uint64(value))
        out = static_cast<double>(pmt::to_uint64(value));
    else if (pmt::is_integer(value))
        out = static_cast<double>(pmt::to_long(value));
    else
        return false;
    return true;
}

pmt::pmt_t from(const request& r)
{
    pmt::pmt_t meta = pmt::make_dict();
    put(meta, k().schema, k().deferred_1);
    put(meta, k().session, r.session);
    put(meta, k().seq, r.seq);
    put(meta, k().offset, r.offset);
    put(meta, k().vectors, r.vectors);
    put(meta, k().fft_size, r.fft_size);
    put(meta, k().db_scale, r.db_scale);
    put(meta, k().db_offset, r.db_offset);
    put(meta, k().sample_rate, r.sample_rate);
    put(meta, k().center_frequency, r.center_frequency);
    put(meta, k().deadline_ms, r.deadline_ms);
    put(meta, k().fast_label, r.fast_label);
    put(meta, k().fast_confidence, r.fast_confidence);
    put(meta, k().node_id, r.node_id);
    return pmt::cons(meta, pmt::init_u8vector(r.payload.size(), r.payload));
}

request request_from(const pmt::pmt_t& message)
{
    const pmt::pmt_t meta = meta_of(message, k().deferred_1);
    const pmt::pmt_t vector = pmt::cdr(message);
    request r;
    r.session = unsigned_of(meta, k().session);
    r.seq = unsigned_of(meta, k().seq);
    r.offset = unsigned_of(meta, k().offset);
    r.vectors = unsigned_of(meta, k().vectors);
    r.fft_size = unsigned_of(meta, k().fft_size);
    r.db_scale = number_of(meta, k().db_scale, true);
    r.db_offset = number_of(meta, k().db_offset, true);
    r.sample_rate = number_of(meta, k().sample_rate, true);
    r.center_frequency = number_of(meta, k().center_frequency, false);
    r.deadline_ms = number_of(meta, k().deadline_ms, true);
    r.fast_label = text_of(meta, k().fast_label, false);
    r.fast_confidence = number_of(meta, k().fast_confidence, false);
    r.node_id = text_of(meta, k().node_id, false);
    if (!pmt::is_u8vector(vector) || r.vectors == 0 ||
        pmt::length(vector) % r.vectors != 0 ||
        pmt::length(vector) / r.vectors != r.fft_size)
        throw std::invalid_argument(
            "the vector is not uint8 of vectors x fft_size values");
    size_t length = 0;
    const uint8_t* bytes = pmt::u8vector_elements(vector, length);
    r.payload.assign(bytes, bytes + length);
    return r;
}

pmt::pmt_t from(const verdict& v)
{
    pmt::pmt_t meta = pmt::make_dict();
    put(meta, k().schema, k().verdict_1);
    put(meta, k().session, v.session);
    put(meta, k().seq, v.seq);
    put(meta, k().status, std::string(to_string(v.status)));
    put(meta, k().elapsed_ms, v.elapsed_ms);
    if (!v.model.empty())
        put(meta, k().model, v.model);
    if (!v.model_sha256.empty())
        put(meta, k().model_sha256, v.model_sha256);
    if (!v.message.empty())
        put(meta, k().message, v.message);
    if (!v.heads.empty())
        put(meta, k().heads, bytes_of(v.heads));
    return pmt::cons(meta, pmt::init_f32vector(v.scores.size(), v.scores));
}

verdict verdict_from(const pmt::pmt_t& message)
{
    const pmt::pmt_t meta = meta_of(message, k().verdict_1);
    const pmt::pmt_t vector = pmt::cdr(message);
    if (!pmt::is_f32vector(vector))
        throw std::invalid_argument("the vector is not float32");
    verdict v;
    v.session = unsigned_of(meta, k().session);
    v.seq = unsigned_of(meta, k().seq);
    v.status = verdict_status_from(text_of(meta, k().status, true));
    v.model = text_of(meta, k().model, false);
    v.model_sha256 = text_of(meta, k().model_sha256, false);
    v.elapsed_ms = number_of(meta, k().elapsed_ms, false);
    v.message = text_of(meta, k().message, false);
    v.heads = bytes_from(meta, k().heads);
    v.scores = pmt::f32vector_elements(vector);
    return v;
}

conditions conditions_from(const pmt::pmt_t& message)
{
    const pmt::pmt_t meta = meta_of(message, k().conditions_1);
    const pmt::pmt_t duct = pmt::dict_ref(meta, k().duct, pmt::PMT_F);
    if (!pmt::is_bool(duct))
        wrong(k().duct, "a bool");
    conditions c;
    c.propagation_quality = number_of(meta, k().propagation_quality, true);
    c.tropospheric_duct_present = pmt::to_bool(duct);
    c.noise_level = number_of(meta, k().noise_level, false);
    c.timestamp = number_of(meta, k().timestamp, true);
    return c;
}

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
