/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// Whatever happens in whatever order, every vector and every deferral is counted once and
// every deferral is published as docs/architecture.md promises. Checked against a plain
// map that forgets nothing.

#include "core/cascade.h"
#include "core/test_emission_ledger.h"
#include "core/test_random.h"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <map>

namespace gr {
namespace speculative {

using namespace std::chrono_literals;

namespace {

constexpr size_t classes = 4;
constexpr size_t bins = 64;
constexpr size_t capacity = 5;
constexpr size_t remembered = 8 * capacity;

// None, and one of its own for each label but the last.
const threshold_strata strata[2] = { {}, { { 0.0, 0.9, 1.0, std::nan("") }, {} } };

// What was published of one deferral, and until when it waits.
struct deferral {
    uint64_t offset;
    monotonic::time_point deadline;
    bool in_flight = true;
    bool revisable = false; // timed out, and no verdict since
    int fallbacks = 0;
    int revisions = 0;
    int late_revisions = 0;
};

// Every second world has a budget, audits and conditions that matter; in every second pair
// of them emissions are asked about, and in every second four that is turned on and off.
cascade_config config_of(uint32_t seed)
{
    cascade_config config;
    config.classes = classes;
    config.bins = bins;
    config.context = 2;
    config.per_emission = seed / 2 % 2 == 1;
    config.deadline = 50ms;
    config.max_in_flight = capacity;
    config.policy.threshold = 0.5;
    if (seed % 2 == 1) {
        config.policy.budget = 200.0;
        config.policy.burst = 4.0;
        config.policy.audit_fraction = 0.3;
        config.policy.conditions.strength = 0.5;
        config.policy.seed = seed;
    }
    return config;
}

class world
{
public:
    explicit world(uint32_t seed)
        : d_random(seed, classes, bins),
          d_per_emission(config_of(seed).per_emission),
          d_turns_tracking(seed / 4 % 2 == 1),
          d_cascade(config_of(seed))
    {
    }

    void step()
    {
        const size_t dice = below(13);
        if (dice < 4) {
            // Few of an emission's vectors are asked about: more of them.
            for (int i = 0; i < (d_per_emission ? 4 : 1); i++)
                on_vector();
        } else if (dice < 8) {
            on_verdict();
        } else if (dice == 8) {
            d_cascade.on_invalid();
            d_expected.vectors++;
            d_expected.invalid++;
        } else if (dice == 9) {
            d_cascade.on_malformed();
            d_expected.malformed++;
        } else if (dice == 10) {
            d_cascade.on_unknown();
            d_expected.unknown++;
        } else if (dice == 11) {
            turn_a_knob();
        } else {
            d_now += std::chrono::milliseconds(below(40));
            expire();
        }
        check();
    }

    void end()
    {
        result r;
        while (d_cascade.abandon(d_now, r)) {
            check_fallback(r);
            d_expected.dropped++;
            d_expected.in_flight--;
            check();
        }
        BOOST_TEST_REQUIRE(d_cascade.counters().in_flight == 0u);
        for (const auto& [seq, d] : d_deferrals) {
            BOOST_TEST_REQUIRE(!d.in_flight);
            BOOST_TEST_REQUIRE(d.fallbacks + d.revisions == 1);
            BOOST_TEST_REQUIRE(d.late_revisions <= d.fallbacks);
        }
    }

    // Each kind of end came up, so that the test speaks of it.
    void check_coverage() const
    {
        const bool with_policy = d_cascade.policy().config().audit_fraction > 0.0;
        for (const auto& [name, value] : to_map(d_expected)) {
            const bool of_policy = name == "unbudgeted" || name == "audited";
            if (name != "in_flight" && name != "alarms" && name != "emissions" &&
                (with_policy || !of_policy))
                BOOST_TEST(value > 10u, name);
        }
        BOOST_TEST((d_emissions.answered() > 10u) ==
                   (d_per_emission || d_turns_tracking));
    }

private:
    size_t below(size_t n) { return d_random.below(n); }

    void on_vector()
    {
        vector_position where;
        where.offset = d_cascade.counters().vectors;
        where.stream_time = 0.001 * where.offset;
        where.center_frequency = d_frequency;
        result r;
        d_cascade.on_vector(where,
                            d_random.spectrum().data(),
                            {},
                            d_random.distribution().data(),
                            d_now,
                            r);
        d_expected.vectors++;
        BOOST_TEST_REQUIRE(r.where.offset == where.offset);
        BOOST_TEST_REQUIRE(r.emission.has_value() == d_per_emission);
        d_emissions.on_vector(r);
        if (r.status == result_status::provisional) {
            BOOST_TEST_REQUIRE(d_expected.in_flight < capacity);
            BOOST_TEST_REQUIRE(d_deferrals.count(r.seq) == 0u);
            d_deferrals[r.seq] = { where.offset, d_now + d_cascade.deadline() };
            d_newest = r.seq;
            d_expected.deferred++;
            d_expected.in_flight++;
            d_expected.audited += r.audit;
            return;
        }
        BOOST_TEST_REQUIRE((r.status == result_status::final_));
        BOOST_TEST_REQUIRE(!r.deferred);
        if (r.accepted()) {
            d_expected.accepted++;
            return;
        }
        if (r.source == result_source::fast_unbudgeted) {
            d_expected.unbudgeted++;
            return;
        }
        BOOST_TEST_REQUIRE((r.source == result_source::fast_fallback));
        BOOST_TEST_REQUIRE(d_expected.in_flight == capacity);
        d_expected.deferred++;
        d_expected.dropped++;
    }

    verdict any_verdict()
    {
        // Mostly recent deferrals, so that answers in time, late ones, duplicates and
        // forgotten ones all come up; also some that never were.
        const uint64_t back = below(4) ? below(2 * capacity) : below(3 * remembered);
        return d_random.verdict_on(below(20)
                                       ? d_newest - std::min<uint64_t>(back, d_newest)
                                       : d_newest + 1 + below(5));
    }

    void on_verdict()
    {
        expire(); // as the contract of on_verdict() asks
        const verdict v = any_verdict();
        const bool ok = v.status == verdict_status::ok;
        const bool good =
            ok && v.scores.size() == classes && is_distribution(v.scores.data(), classes);
        result r;
        const bool published = d_cascade.on_verdict(v, d_now, r);
        const auto found = d_deferrals.find(v.seq);
        if (found == d_deferrals.end()) {
            BOOST_TEST_REQUIRE(!published);
            // A seq may be left out while the place for it is taken.
            const bool never = d_deferrals.empty() || v.seq > d_newest;
            (never ? d_expected.unknown : d_expected.duplicate)++;
            return;
        }
        deferral& d = found->second;
        if (forgotten(v.seq)) {
            BOOST_TEST_REQUIRE(!published);
            d_expected.duplicate++;
            return;
        }
        if (ok && !good)
            d_expected.malformed++;
        if (d.in_flight) {
            BOOST_TEST_REQUIRE(published);
            d_expected.in_flight--;
            if (!good) {
                check_fallback(r);
                d_expected.failed++;
                return;
            }
            d.in_flight = false;
            d_expected.in_time++;
            check_revision(r, v.seq, false);
        } else if (d.revisable) {
            d.revisable = false;
            BOOST_TEST_REQUIRE(published == good);
            d_expected.late++;
            if (good)
                check_revision(r, v.seq, true);
        } else {
            BOOST_TEST_REQUIRE(!published);
            d_expected.duplicate++;
        }
    }

    // Each deferral keeps its place until one of the next rounds takes it.
    bool forgotten(uint64_t seq) const
    {
        for (seq += remembered; seq <= d_newest; seq += remembered)
            if (d_deferrals.count(seq))
                return true;
        return false;
    }

    void check_revision(const result& r, uint64_t seq, bool late)
    {
        deferral& d = d_deferrals.at(seq);
        BOOST_TEST_REQUIRE((r.status == result_status::revised));
        BOOST_TEST_REQUIRE(r.seq == seq);
        BOOST_TEST_REQUIRE(r.where.offset == d.offset);
        BOOST_TEST_REQUIRE(r.late == late);
        BOOST_TEST_REQUIRE(is_distribution(r.scores.data(), r.scores.size()));
        (late ? d.late_revisions : d.revisions)++;
        if (r.label != r.fast_label)
            d_expected.relabelled++;
        d_emissions.on_revision(r);
    }

    void check_fallback(const result& r)
    {
        deferral& d = d_deferrals.at(r.seq);
        BOOST_TEST_REQUIRE(d.in_flight);
        BOOST_TEST_REQUIRE((r.status == result_status::final_));
        BOOST_TEST_REQUIRE((r.source == result_source::fast_fallback));
        BOOST_TEST_REQUIRE(r.where.offset == d.offset);
        BOOST_TEST_REQUIRE(r.label == r.fast_label);
        d.in_flight = false;
        d.fallbacks++;
        d_emissions.on_fallback(r);
    }

    void turn_a_knob()
    {
        const size_t knob = below(8);
        if (knob == 0)
            d_cascade.policy().set_threshold(below(11) / 10.0, strata[below(2)]);
        else if (knob == 1)
            d_cascade.set_deadline(
                std::chrono::milliseconds(1 + below(below(4) ? 100 : 5000)));
        else if (knob == 2)
            d_cascade.policy().set_rule(static_cast<deferral_rule>(below(3)));
        else if (knob == 3 && d_cascade.policy().config().audit_fraction > 0.0)
            d_cascade.policy().set_budget(1.0 + below(500), 1.0 + below(20));
        else if (knob == 4) { // a retune
            d_frequency += 1e6;
            d_emissions.end_all();
        } else if (knob == 5) {
            d_cascade.restart();
            d_emissions.end_all();
        } else if (knob == 6) {
            if (!d_turns_tracking)
                return;
            d_per_emission = !d_per_emission;
            d_cascade.set_per_emission(d_per_emission);
            d_emissions.end_all();
        } else
            d_cascade.policy().on_conditions(
                { below(11) / 10.0, below(2) == 1 }, d_now, 0s);
    }

    void expire()
    {
        result r;
        while (d_cascade.expire(d_now, r)) {
            check_fallback(r);
            BOOST_TEST_REQUIRE((d_deferrals.at(r.seq).deadline <= d_now));
            d_deferrals.at(r.seq).revisable = true;
            d_expected.timed_out++;
            d_expected.in_flight--;
            check();
        }
        for (const auto& [seq, d] : d_deferrals)
            BOOST_TEST_REQUIRE((!d.in_flight || d.deadline > d_now));
    }

    void check()
    {
        BOOST_TEST_REQUIRE(d_cascade.counters().conserved());
        const auto got = to_map(d_cascade.counters());
        d_expected.alarms = d_cascade.policy().risk().alarms();
        d_expected.emissions = d_emissions.seen();
        for (const auto& [name, value] : to_map(d_expected))
            BOOST_TEST_REQUIRE(got.at(name) == value, name);
    }

    random_source d_random;
    bool d_per_emission;
    const bool d_turns_tracking; // while the stream runs
    double d_frequency = 0.0;
    cascade d_cascade;
    struct counters d_expected;
    std::map<uint64_t, deferral> d_deferrals; // by seq
    uint64_t d_newest = 0;
    emission_ledger d_emissions{ 2 };
    monotonic::time_point d_now{ 1000s };
};

} // namespace

BOOST_DATA_TEST_CASE(nothing_is_lost_or_counted_twice, boost::unit_test::data::xrange(24))
{
    world w(static_cast<uint32_t>(sample));
    for (int i = 0; i < 5000; i++)
        w.step();
    w.end();
    w.check_coverage();
}

} // namespace speculative
} // namespace gr
