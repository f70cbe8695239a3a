/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/counters.h"

namespace gr {
namespace speculative {

std::map<std::string, uint64_t> to_map(const counters& c)
{
    return {
        { "vectors", c.vectors },
        { "accepted", c.accepted },
        { "deferred", c.deferred },
        { "unbudgeted", c.unbudgeted },
        { "invalid", c.invalid },
        { "in_time", c.in_time },
        { "timed_out", c.timed_out },
        { "dropped", c.dropped },
        { "failed", c.failed },
        { "in_flight", c.in_flight },
        { "late", c.late },
        { "duplicate", c.duplicate },
        { "unknown", c.unknown },
        { "malformed", c.malformed },
        { "relabelled", c.relabelled },
        { "audited", c.audited },
        { "alarms", c.alarms },
        { "emissions", c.emissions },
    };
}

} // namespace speculative
} // namespace gr
