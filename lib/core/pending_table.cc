/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/pending_table.h"

#include <stdexcept>

namespace gr {
namespace speculative {

pending_table::pending_table(size_t capacity, size_t classes) : d_capacity(capacity)
{
    if (capacity == 0)
        throw std::invalid_argument("max_in_flight is 0, expected at least 1");
    d_ring.resize(8 * capacity);
    for (auto& entry : d_ring)
        entry.fast_scores.resize(classes);
}

pending* pending_table::add(monotonic::time_point now, monotonic::time_point deadline)
{
    pending& entry = d_ring[d_next_seq % d_ring.size()];
    if (d_in_flight == d_capacity || entry.state == pending_state::in_flight)
        return nullptr;
    entry.seq = d_next_seq++;
    entry.state = pending_state::in_flight;
    entry.deferred_at = now;
    entry.deadline = deadline;
    d_in_flight++;
    return &entry;
}

pending* pending_table::find(uint64_t seq)
{
    pending& entry = d_ring[seq % d_ring.size()];
    return issued(seq) && entry.seq == seq ? &entry : nullptr;
}

void pending_table::settle(pending& entry, pending_state state)
{
    if (entry.state == pending_state::in_flight)
        d_in_flight--;
    entry.state = state;
}

pending* pending_table::first_overdue(monotonic::time_point now)
{
    while (d_oldest < d_next_seq &&
           d_ring[d_oldest % d_ring.size()].state != pending_state::in_flight)
        d_oldest++;
    // Deadlines need not be in the order of seq: the deadline may have been set anew in
    // between.
    for (uint64_t seq = d_oldest; seq < d_next_seq; seq++) {
        pending& entry = d_ring[seq % d_ring.size()];
        if (entry.state == pending_state::in_flight && entry.deadline <= now)
            return &entry;
    }
    return nullptr;
}

} // namespace speculative
} // namespace gr
