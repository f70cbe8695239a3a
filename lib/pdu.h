/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_PDU_H
#define INCLUDED_SPECULATIVE_PDU_H

#include "core/cascade.h"
#include "core/messages.h"

#include <pmt/pmt.h>

#include <string>
#include <vector>

namespace gr {
namespace speculative {

/*! The PDUs of docs/protocol.md, and back. The readers throw std::invalid_argument naming
 * the key that is missing or of the wrong type. */
namespace pdu {

pmt::pmt_t from(const request& r);
pmt::pmt_t from(const verdict& v);
request request_from(const pmt::pmt_t& message);
verdict verdict_from(const pmt::pmt_t& message);
conditions conditions_from(const pmt::pmt_t& message);

/*! Interned once for a model and a node. */
struct result_names {
    std::vector<pmt::pmt_t> labels; // [C] symbols
    pmt::pmt_t model;
    pmt::pmt_t node_id;
    uint64_t session = 0;
};

/*! \param count successive vectors that the result speaks of; r.where is the first's
 * place, and the samples of all of them  \param heads verdict::heads behind the result */
pmt::pmt_t from(const result& r,
                uint64_t count,
                const result_names& names,
                const std::string& heads = {});

/*! The value of the tag `uncertain`. */
pmt::pmt_t uncertain(const result& r, const result_names& names);

/*! Drivers send doubles, flowgraph authors also integers. \return false if it is no real
 * number */
bool number_from(const pmt::pmt_t& value, double& out);

/*! The threshold in force has changed, and why. */
pmt::pmt_t from(const threshold_change& change, const result_names& names);

/*! Counters, ratios, threshold, latency percentiles. \param heads the newest there are */
pmt::pmt_t
telemetry(const cascade& state, const result_names& names, const std::string& heads = {});

} // namespace pdu
} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_PDU_H */
