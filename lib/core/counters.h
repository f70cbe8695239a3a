/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_COUNTERS_H
#define INCLUDED_SPECULATIVE_CORE_COUNTERS_H

#include <cstdint>
#include <map>
#include <string>

namespace gr {
namespace speculative {

/*! Where every vector and every deferral went. Two sums hold at every instant, see
 * conserved(). */
struct counters {
    uint64_t vectors = 0;    //!< vectors seen
    uint64_t accepted = 0;   //!< the fast result is final at once
    uint64_t deferred = 0;   //!< meant for the slow model
    uint64_t unbudgeted = 0; //!< uncertain, but over the deferral budget
    uint64_t invalid = 0;    //!< NaN, infinite, or spanning a retune: not classified

    uint64_t in_time = 0;   //!< answered before the deadline, merged
    uint64_t timed_out = 0; //!< the deadline passed first
    uint64_t dropped =
        0; //!< not sent (table full), or still in flight when the stream stopped
    uint64_t failed = 0;    //!< the slow side answered that it cannot
    uint64_t in_flight = 0; //!< waiting for a verdict now

    uint64_t late = 0;      //!< verdicts that came after their deadline
    uint64_t duplicate = 0; //!< verdicts for a deferral that was settled before
    uint64_t unknown = 0; //!< verdicts of another session, or of no deferral of this one
    uint64_t malformed = 0;  //!< messages on the verdict port that are no valid verdict
    uint64_t relabelled = 0; //!< merged results whose label differs from the fast one
    uint64_t audited = 0;    //!< of the deferred: confident ones, drawn to be checked
    uint64_t alarms = 0;     //!< drift alarms of the audits
    uint64_t emissions = 0;  //!< found in the stream, where they are asked about

    bool conserved() const
    {
        return vectors == accepted + deferred + unbudgeted + invalid &&
               deferred == in_time + timed_out + dropped + failed + in_flight;
    }
};

std::map<std::string, uint64_t> to_map(const counters& c);

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_COUNTERS_H */
