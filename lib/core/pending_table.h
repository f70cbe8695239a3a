/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_PENDING_TABLE_H
#define INCLUDED_SPECULATIVE_CORE_PENDING_TABLE_H

#include "core/monotonic.h"
#include "core/stream_clock.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace gr {
namespace speculative {

enum class pending_state {
    in_flight, //!< waiting for its verdict
    timed_out, //!< settled by its deadline; a late verdict may still revise it, once
    settled,   //!< answered, failed or dropped
};

/*! One deferral: what has to be remembered until its verdict comes. */
struct pending {
    uint64_t seq = 0;
    vector_position where;
    pending_state state = pending_state::settled;
    monotonic::time_point deferred_at;
    monotonic::time_point deadline;
    int16_t fast_label = -1;
    float fast_confidence = 0.0f;
    double audit_probability = 0.0;   //!< with which it was drawn; 0: no audit
    std::optional<uint64_t> emission; //!< that it was asked about, if that is the way
    std::vector<float> fast_scores;   //!< [C]
};

/*! The deferrals that wait for a verdict, and the last ones that did.
 *
 * A ring indexed by seq: bounded, no allocation after construction, every operation O(1)
 * but first_overdue(), which is so while no deadline has passed. It remembers 8 x
 * capacity deferrals, so that a duplicate or a late verdict is recognised as such; a
 * deferral that is still in flight is never overwritten.
 */
class pending_table
{
public:
    /*! \param capacity in flight at most, 1 to 65536  \param classes C
     *  \throws std::invalid_argument for a capacity out of range */
    pending_table(size_t capacity, size_t classes);

    /*! A new deferral, in flight, with its own seq; its scores are for the caller to
     * write. \return nullptr if the table is full */
    pending* add(monotonic::time_point now, monotonic::time_point deadline);

    /*! The deferral with this seq, nullptr if there never was one or it is forgotten. */
    pending* find(uint64_t seq);

    /*! True if add() once gave out this seq, or left it out. */
    bool issued(uint64_t seq) const { return seq < d_next_seq; }

    /*! Moves an in-flight deferral to another state. */
    void settle(pending& entry, pending_state state);

    /*! A deferral in flight whose deadline is not after `now`, older ones first;
     * nullptr if there is none. Pass time_point::max() to walk through all. */
    pending* first_overdue(monotonic::time_point now);

    size_t in_flight() const { return d_in_flight; }

private:
    const size_t d_capacity;
    std::vector<pending> d_ring; // [seq % size]
    uint64_t d_next_seq = 0;
    // No deadline of those in flight is before this.
    monotonic::time_point d_earliest = monotonic::time_point::max();
    size_t d_in_flight = 0;
};

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_PENDING_TABLE_H */
