/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// A cascade that asks about emissions.

#include "core/test_cascade.h"

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <vector>

namespace gr {
namespace speculative {

using namespace std::chrono_literals;

namespace {

constexpr size_t bins = 64;
const scores sure{ 0.97f, 0.02f, 0.01f };
const scores answer{ 0.1f, 0.8f, 0.1f };

cascade_config per_emission()
{
    cascade_config config = three_classes();
    config.bins = bins;
    config.context = 2;
    config.per_emission = true;
    return config;
}

struct fixture {
    cascade state;
    double frequency = 100e6;
    result r;

    explicit fixture(const cascade_config& config = per_emission()) : state(config) {}

    // A vector of the transmission with this place in the spectrum.
    const result& see(size_t where, const scores& p = unsure)
    {
        std::vector<float> x(bins, 0.05f);
        x[where] = 2.0f;
        vector_position position;
        position.offset = state.counters().vectors;
        position.stream_time = 0.001 * position.offset;
        position.center_frequency = frequency;
        state.on_vector(position, x.data(), {}, p.data(), start, r);
        BOOST_TEST_REQUIRE(state.counters().conserved());
        return r;
    }

    // Until it is asked about.
    uint64_t see_until_asked(size_t where, const scores& p = unsure)
    {
        for (int i = 0; i < 100; i++)
            if (see(where, p).deferred)
                return r.seq;
        BOOST_FAIL("never asked");
        return 0;
    }

    bool answered(uint64_t seq, const scores& q = answer, monotonic::duration after = 1ms)
    {
        verdict v;
        v.seq = seq;
        v.scores = q;
        const bool published = state.on_verdict(v, start + after, r);
        BOOST_TEST_REQUIRE(state.counters().conserved());
        return published;
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(one_question_answers_for_the_whole_emission, fixture)
{
    const uint64_t seq = see_until_asked(10);
    BOOST_TEST((r.status == result_status::provisional));
    const uint64_t emission = r.emission.value();
    for (int i = 0; i < 50; i++) {
        BOOST_TEST_REQUIRE(see(10).accepted());
        BOOST_TEST_REQUIRE((r.source == result_source::fast));
        BOOST_TEST_REQUIRE(r.label == 0);
    }
    BOOST_TEST(state.counters().deferred == 1u);
    BOOST_TEST(answered(seq));
    BOOST_TEST((r.status == result_status::revised));
    BOOST_TEST((r.source == result_source::ensemble));
    BOOST_TEST(r.emission.value() == emission);
    BOOST_TEST(r.label == 1);
    const scores revised = r.scores;
    // What follows has it, too, although the fast model says otherwise.
    see(10);
    BOOST_TEST(r.emission.value() == emission);
    BOOST_TEST((r.source == result_source::ensemble));
    BOOST_TEST(r.label == 1);
    for (size_t c = 0; c < revised.size(); c++)
        BOOST_TEST(r.scores[c] == revised[c], boost::test_tools::tolerance(1e-5f));
    // Another transmission has its answer at first, and is another question.
    BOOST_TEST(see(40).emission.value() != emission);
    BOOST_TEST((r.source == result_source::ensemble));
    BOOST_TEST(r.label == 1);
    BOOST_TEST(see_until_asked(40) > seq);
    BOOST_TEST(r.emission.value() != emission);
    BOOST_TEST((r.source == result_source::fast));
    BOOST_TEST(r.label == 0);
}

BOOST_AUTO_TEST_CASE(where_there_was_noise_nothing_is_inherited)
{
    cascade_config config = per_emission();
    config.noise = 1;
    fixture f(config);
    f.answered(f.see_until_asked(10));
    BOOST_TEST(f.see(10).label == 1);
    BOOST_TEST(f.see(40).label == 0);
    BOOST_TEST((f.r.source == result_source::fast));
}

BOOST_FIXTURE_TEST_CASE(a_sure_emission_is_asked_about_now_and_then_an_unsure_one_soon,
                        fixture)
{
    for (int i = 0; i < 300; i++)
        if (see(10, sure).deferred)
            answered(r.seq, sure);
    BOOST_TEST(state.counters().deferred == 5u); // at 4 vectors, and every 64
    // Fast and slow contradict each other: no answer makes that sure.
    for (int i = 0; i < 300; i++)
        if (see(40, sure).deferred)
            answered(r.seq);
    BOOST_TEST(state.counters().deferred == 5u + 8u); // also at 8, 16 and 32
}

BOOST_AUTO_TEST_CASE(
    another_answer_about_a_sure_emission_wants_a_token_and_says_nothing_without)
{
    cascade_config config = per_emission();
    config.policy.budget = 1.0;
    config.policy.burst = 1.0;
    fixture f(config);
    f.answered(f.see_until_asked(10, sure), sure);
    for (int i = 0; i < 500; i++)
        BOOST_TEST_REQUIRE(f.see(10, sure).accepted());
    BOOST_TEST(f.state.counters().unbudgeted == 0u);
    for (int i = 0; i < 600; i++)
        f.see(10, sure);
    BOOST_TEST(f.state.counters().deferred == 2u);
}

BOOST_AUTO_TEST_CASE(with_a_threshold_of_0_nothing_is_asked)
{
    cascade_config config = per_emission();
    config.policy.threshold = 0.0;
    fixture f(config);
    for (int i = 0; i < 100; i++)
        BOOST_TEST_REQUIRE(f.see(10).accepted());
    BOOST_TEST(f.state.counters().deferred == 0u);
}

BOOST_FIXTURE_TEST_CASE(a_late_verdict_is_fused_and_revises_once, fixture)
{
    const uint64_t seq = see_until_asked(10);
    BOOST_TEST(state.expire(start + 2s, r));
    BOOST_TEST((r.source == result_source::fast_fallback));
    BOOST_TEST(r.emission.has_value());
    BOOST_TEST(answered(seq, answer, 3s));
    BOOST_TEST(r.late);
    BOOST_TEST(r.label == 1);
    BOOST_TEST(see(10).label == 1);
    BOOST_TEST(!answered(seq, sure, 4s));
    BOOST_TEST(see(10).label == 1);
    BOOST_TEST(state.counters().late == 1u);
    BOOST_TEST(state.counters().duplicate == 1u);
}

BOOST_FIXTURE_TEST_CASE(after_a_failure_the_emission_is_asked_about_again, fixture)
{
    const uint64_t seq = see_until_asked(10);
    verdict v;
    v.seq = seq;
    v.status = verdict_status::busy;
    BOOST_TEST(state.on_verdict(v, start, r));
    BOOST_TEST((r.source == result_source::fast_fallback));
    BOOST_TEST(see_until_asked(10) > seq);
}

// Before a retune or a restart it was another signal, whatever it looks like.
BOOST_FIXTURE_TEST_CASE(a_retune_and_a_restart_end_all_emissions, fixture)
{
    for (const bool retune : { true, false }) {
        const uint64_t asked = see_until_asked(10);
        const uint64_t before = r.emission.value();
        answered(asked);
        const uint64_t open = see_until_asked(40);
        if (retune)
            frequency += 1e6;
        else
            state.restart();
        BOOST_TEST(see(10).emission.value() > before);
        BOOST_TEST(r.label == 0);
        // Its vector still gets the answer, merged as it would be alone.
        BOOST_TEST(answered(open));
        BOOST_TEST(r.label == 1);
        BOOST_TEST(r.scores[1] == std::sqrt(.3f * .8f) /
                                      (std::sqrt(.5f * .1f) + std::sqrt(.3f * .8f) +
                                       std::sqrt(.2f * .1f)),
                   boost::test_tools::tolerance(1e-4f));
        BOOST_TEST(see(40).label == 0);
    }
}

// From one vector to the next, whatever is in flight.
BOOST_FIXTURE_TEST_CASE(turned_off_and_on_again_it_knows_nothing, fixture)
{
    const uint64_t known = see_until_asked(10);
    answered(known);
    const uint64_t open = see_until_asked(40);
    state.set_per_emission(false);
    BOOST_TEST(see(10).deferred); // as each unsure vector is
    BOOST_TEST(!r.emission.has_value());
    BOOST_TEST(r.label == 0);
    const uint64_t alone = r.seq;
    state.set_per_emission(true);
    const uint64_t before = state.counters().emissions;
    BOOST_TEST(before == 2u);
    BOOST_TEST(see(10).emission.value() == before);
    BOOST_TEST(r.label == 0);
    BOOST_TEST(answered(open));
    BOOST_TEST(answered(alone));
    BOOST_TEST(!r.emission.has_value());
    BOOST_TEST(see(10).label == 0);
    BOOST_TEST(see(40).label == 0);
    BOOST_TEST(state.counters().emissions == before + 2);
    BOOST_TEST(state.counters().in_time == 3u);
}

BOOST_AUTO_TEST_CASE(the_budget_holds_and_what_it_denies_is_asked_later)
{
    cascade_config config = per_emission();
    config.policy.budget = 10.0;
    config.policy.burst = 1.0;
    fixture f(config);
    f.answered(f.see_until_asked(10));
    for (int i = 0; i < 10; i++)
        f.see(40);
    BOOST_TEST(f.state.counters().unbudgeted > 0u);
    BOOST_TEST((f.r.source == result_source::fast_unbudgeted));
    BOOST_TEST(f.state.counters().deferred == 1u);
    f.see_until_asked(40);
    BOOST_TEST(f.state.counters().deferred == 2u);
}

BOOST_AUTO_TEST_CASE(a_full_table_asks_later)
{
    cascade_config config = per_emission();
    config.max_in_flight = 1;
    fixture f(config);
    const uint64_t first = f.see_until_asked(10);
    for (int i = 0; i < 10; i++)
        f.see(40);
    BOOST_TEST((f.r.source == result_source::fast_fallback));
    BOOST_TEST(f.state.counters().dropped > 0u);
    f.answered(first);
    f.see_until_asked(40);
}

BOOST_AUTO_TEST_CASE(another_answer_about_a_sure_emission_wants_room_in_the_table)
{
    cascade_config config = per_emission();
    config.max_in_flight = 1;
    fixture f(config);
    f.answered(f.see_until_asked(10, sure), sure);
    const uint64_t other = f.see_until_asked(40, sure);
    for (int i = 0; i < 100; i++)
        BOOST_TEST_REQUIRE(f.see(10, sure).accepted());
    BOOST_TEST(f.state.counters().dropped == 0u);
    f.answered(other, sure);
    BOOST_TEST(f.see(10, sure).deferred);
}

BOOST_AUTO_TEST_CASE(at_most_one_audit_an_emission)
{
    cascade_config config = per_emission();
    config.policy.audit_fraction = 0.2;
    fixture f(config);
    for (size_t where = 2; where < 60; where += 4) {
        f.answered(f.see_until_asked(where, sure), sure);
        uint64_t audits = f.r.audit;
        for (int i = 0; i < 200; i++)
            if (f.see(where, sure).deferred) {
                audits += f.r.audit;
                f.answered(f.r.seq, sure);
            }
        BOOST_TEST(audits <= 1u);
    }
    BOOST_TEST(f.state.counters().audited > 10u);
    BOOST_TEST(f.state.policy().risk().audits() == f.state.counters().audited);
}

BOOST_AUTO_TEST_CASE(spectra_must_be_known)
{
    cascade_config config = per_emission();
    config.bins = 0;
    BOOST_CHECK_THROW(cascade{ config }, std::invalid_argument);
    config.per_emission = false;
    cascade without(config);
    BOOST_CHECK_THROW(without.set_per_emission(true), std::invalid_argument);
    BOOST_TEST(!without.per_emission());
}

} // namespace speculative
} // namespace gr
