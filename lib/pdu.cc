/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// What goes to the slow side, and what comes back.

#include "pdu_fields.h"

#include <algorithm>
#include <stdexcept>

namespace gr {
namespace speculative {
namespace pdu {

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

} // namespace pdu
} // namespace speculative
} // namespace gr
