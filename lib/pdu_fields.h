/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_PDU_FIELDS_H
#define INCLUDED_SPECULATIVE_PDU_FIELDS_H

#include "pdu.h"

#include <cstdint>
#include <string>

namespace gr {
namespace speculative {
namespace pdu {

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

const keys& k();

// The key is new. pmt::dict_add would search the dict for it.
void put(pmt::pmt_t& dict, const pmt::pmt_t& key, const pmt::pmt_t& value);
void put(pmt::pmt_t& dict, const pmt::pmt_t& key, uint64_t value);
void put(pmt::pmt_t& dict, const pmt::pmt_t& key, double value);
void put(pmt::pmt_t& dict, const pmt::pmt_t& key, const std::string& value);

// These throw std::invalid_argument naming the key.
[[noreturn]] void wrong(const pmt::pmt_t& key, const char* expected);
// Python makes plain integers of small numbers, C++ uint64: takes both.
uint64_t unsigned_of(const pmt::pmt_t& dict, const pmt::pmt_t& key);
double number_of(const pmt::pmt_t& dict, const pmt::pmt_t& key, bool required);
std::string text_of(const pmt::pmt_t& dict, const pmt::pmt_t& key, bool required);
std::string bytes_from(const pmt::pmt_t& dict, const pmt::pmt_t& key);
pmt::pmt_t meta_of(const pmt::pmt_t& message, const pmt::pmt_t& schema);

// JSON goes as bytes: a symbol would stay in PMT's table for ever.
pmt::pmt_t bytes_of(const std::string& text);

} // namespace pdu
} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_PDU_FIELDS_H */
