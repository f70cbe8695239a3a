/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/pending_table.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace gr {
namespace speculative {

namespace {
constexpr size_t largest_capacity = 65536;
} // namespace

pending_table::pending_table(size_t capacity, size_t classes) : d_capacity(capacity)
{
    if (capacity == 0 || capacity > largest_capacity)
        throw std::invalid_argument("max_in_flight is " + std::to_string(capacity) +
                                    ", expected 1 to " +
                                    std::to_string(largest_capacity) + " vectors");
    d_ring.resize(8 * capacity);
    for (auto& entry : d_ring)
        entry.fast_scores.resize(classes);
}

pending* pending_table::add(monotonic::time_point now, monotonic::time_point deadline)
{
    if (d_in_flight == d_capacity)
        return nullptr;
    // One that waits long keeps its place: the seq that would take it is left out.
    while (d_ring[d_next_seq % d_ring.size()].state == pending_state::in_flight)
        d_next_seq++;
    pending& entry = d_ring[d_next_seq % d_ring.size()];
    entry.seq = d_next_seq++;
    entry.state = pending_state::in_flight;
    entry.deferred_at = now;
    entry.deadline = deadline;
    d_earliest = std::min(d_earliest, deadline);
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
    if (now < d_earliest)
        return nullptr;
    // All of them: the deadline may have been set anew in between, so that their order
    // need not be that of seq.
    d_earliest = monotonic::time_point::max();
    for (size_t i = 0; i < d_ring.size(); i++) {
        pending& entry = d_ring[(d_next_seq + i) % d_ring.size()];
        if (entry.state != pending_state::in_flight)
            continue;
        d_earliest = std::min(d_earliest, entry.deadline);
        if (entry.deadline <= now)
            return &entry;
    }
    return nullptr;
}

} // namespace speculative
} // namespace gr
