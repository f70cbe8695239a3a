/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_TEST_EMISSION_LEDGER_H
#define INCLUDED_SPECULATIVE_CORE_TEST_EMISSION_LEDGER_H

#include "core/result.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <map>
#include <set>

namespace gr {
namespace speculative {

// Holds what results say of emissions against what they said before. Without emissions it
// has nothing to say.
class emission_ledger
{
public:
    explicit emission_ledger(size_t context) : d_context(context) {}

    // Whatever comes next belongs to none of those so far.
    void end_all() { d_first = d_next; }

    void on_vector(const result& r)
    {
        if (!r.emission)
            return;
        const uint64_t id = *r.emission;
        BOOST_TEST_REQUIRE(id >= d_first);
        d_next = std::max(d_next, id + 1);
        const uint64_t vectors = ++d_vectors[id];
        if (r.accepted() || r.deferred) {
            const bool answered = d_answered.count(id) > 0;
            const bool may_inherit = vectors < d_context || !d_waiting[id].empty();
            if (r.source == result_source::fast)
                BOOST_TEST_REQUIRE(!answered);
            else
                BOOST_TEST_REQUIRE((answered || may_inherit));
        }
        if (r.audit)
            BOOST_TEST_REQUIRE(d_audited.insert(id).second);
        if (r.deferred)
            d_of[r.seq] = id;
        if (r.deferred && !r.audit)
            ask(id, vectors, r.seq);
    }

    void on_fallback(const result& r) { settle(r); }

    void on_revision(const result& r)
    {
        settle(r);
        if (r.emission)
            d_answered.insert(*r.emission);
    }

    size_t answered() const { return d_answered.size(); }
    uint64_t seen() const { return d_next; }

private:
    // One question at a time, and another after many vectors only.
    void ask(uint64_t id, uint64_t vectors, uint64_t seq)
    {
        BOOST_TEST_REQUIRE((d_waiting[id].empty() || vectors >= d_asked[id] + 64));
        BOOST_TEST_REQUIRE(d_waiting[id].insert(seq).second);
        d_asked[id] = vectors;
    }

    void settle(const result& r)
    {
        if (!r.emission)
            return;
        BOOST_TEST_REQUIRE(d_of.at(r.seq) == *r.emission);
        d_waiting[*r.emission].erase(r.seq);
    }

    const size_t d_context; // that the slow model sees
    uint64_t d_first = 0;   // that may go on
    uint64_t d_next = 0;
    std::map<uint64_t, uint64_t> d_vectors;           // of each emission
    std::map<uint64_t, uint64_t> d_of;                // emission by seq
    std::map<uint64_t, uint64_t> d_asked;             // when, in vectors of each emission
    std::map<uint64_t, std::set<uint64_t>> d_waiting; // seqs of questions, by emission
    std::set<uint64_t> d_answered;
    std::set<uint64_t> d_audited;
};

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_TEST_EMISSION_LEDGER_H */
