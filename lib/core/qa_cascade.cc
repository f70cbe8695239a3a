/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/test_cascade.h"

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <limits>
#include <vector>

namespace gr {
namespace speculative {

using namespace std::chrono_literals;

namespace {

const scores sure{ 0.95f, 0.03f, 0.02f };
const scores answer{ 0.1f, 0.8f, 0.1f };

result seen(cascade& c, const scores& p, monotonic::time_point now = start)
{
    vector_position where;
    where.offset = c.counters().vectors;
    result out;
    c.on_vector(where, nullptr, {}, p.data(), now, out);
    BOOST_TEST_REQUIRE(c.counters().conserved());
    return out;
}

verdict verdict_on(uint64_t seq, const scores& q = answer)
{
    verdict v;
    v.seq = seq;
    v.scores = q;
    return v;
}

// Whether the verdict gave a result, which is then in `out`.
bool answered(cascade& c, const verdict& v, monotonic::time_point now, result& out)
{
    const bool published = c.on_verdict(v, now, out);
    BOOST_TEST_REQUIRE(c.counters().conserved());
    return published;
}

void check_fallback(const result& r, const result& provisional)
{
    BOOST_TEST((r.status == result_status::final_));
    BOOST_TEST((r.source == result_source::fast_fallback));
    BOOST_TEST(r.where.offset == provisional.where.offset);
    BOOST_TEST(r.deferred);
    BOOST_TEST(r.seq == provisional.seq);
    BOOST_TEST(r.label == provisional.label);
    BOOST_TEST(r.confidence == provisional.confidence);
    BOOST_TEST(r.scores == provisional.scores, boost::test_tools::per_element());
    BOOST_TEST(!r.late);
}

} // namespace

BOOST_AUTO_TEST_CASE(a_sure_vector_is_final_at_once)
{
    cascade c(three_classes());
    const result r = seen(c, sure);
    BOOST_TEST((r.status == result_status::final_));
    BOOST_TEST((r.source == result_source::fast));
    BOOST_TEST(r.label == 0);
    BOOST_TEST(r.confidence == 0.95f);
    BOOST_TEST(r.fast_label == 0);
    BOOST_TEST(!r.deferred);
    BOOST_TEST(r.scores == sure, boost::test_tools::per_element());
    BOOST_TEST(c.counters().accepted == 1u);
}

BOOST_AUTO_TEST_CASE(an_unsure_vector_is_provisional_and_then_revised_in_time)
{
    cascade c(three_classes());
    const result provisional = seen(c, unsure);
    BOOST_TEST((provisional.status == result_status::provisional));
    BOOST_TEST((provisional.source == result_source::fast));
    BOOST_TEST(provisional.deferred);
    BOOST_TEST(c.counters().in_flight == 1u);

    result r;
    BOOST_TEST(answered(c, verdict_on(provisional.seq), start + 50ms, r));
    BOOST_TEST((r.status == result_status::revised));
    BOOST_TEST((r.source == result_source::ensemble));
    BOOST_TEST(r.seq == provisional.seq);
    BOOST_TEST(r.label == 1);
    BOOST_TEST(r.fast_label == 0);
    BOOST_TEST(r.fast_confidence == 0.5f);
    BOOST_TEST(r.elapsed_ms == 50.0, boost::test_tools::tolerance(1e-9));
    BOOST_TEST(!r.late);
    const float total =
        std::sqrt(.5f * .1f) + std::sqrt(.3f * .8f) + std::sqrt(.2f * .1f);
    BOOST_TEST(r.confidence == std::sqrt(.3f * .8f) / total,
               boost::test_tools::tolerance(1e-5f));
    BOOST_TEST(r.scores[1] == r.confidence);
    BOOST_TEST(c.counters().in_time == 1u);
    BOOST_TEST(c.counters().relabelled == 1u);
    BOOST_TEST(c.latency().count() == 1u);

    BOOST_TEST(!answered(c, verdict_on(provisional.seq), start + 60ms, r));
    BOOST_TEST(c.counters().duplicate == 1u);
    BOOST_TEST(!c.expire(start + 1h, r));
}

BOOST_AUTO_TEST_CASE(a_deadline_makes_it_final_and_a_late_verdict_revises_once)
{
    cascade c(three_classes());
    const result provisional = seen(c, unsure);
    result r;
    BOOST_TEST(!c.expire(start + 2s - 1ns, r));
    BOOST_TEST(c.expire(start + 2s, r));
    check_fallback(r, provisional);
    BOOST_TEST(r.elapsed_ms == 2000.0, boost::test_tools::tolerance(1e-9));
    BOOST_TEST(!c.expire(start + 2s, r));
    BOOST_TEST(c.counters().timed_out == 1u);
    BOOST_TEST(c.counters().conserved());

    BOOST_TEST(answered(c, verdict_on(provisional.seq), start + 5s, r));
    BOOST_TEST((r.status == result_status::revised));
    BOOST_TEST(r.late);
    BOOST_TEST(r.elapsed_ms == 5000.0, boost::test_tools::tolerance(1e-9));
    BOOST_TEST(c.counters().late == 1u);
    BOOST_TEST(c.counters().in_time == 0u);
    BOOST_TEST(c.latency().count() == 0u); // it would only tell how late, not how fast

    BOOST_TEST(!answered(c, verdict_on(provisional.seq), start + 6s, r));
    BOOST_TEST(c.counters().late == 1u);
    BOOST_TEST(c.counters().duplicate == 1u);
}

BOOST_AUTO_TEST_CASE(what_the_slow_side_cannot_do_falls_back_at_once)
{
    const float nan = std::numeric_limits<float>::quiet_NaN();
    std::vector<verdict> cannot;
    for (const auto status : { verdict_status::busy,
                               verdict_status::expired,
                               verdict_status::error,
                               verdict_status::unreachable }) {
        verdict v;
        v.status = status;
        cannot.push_back(v);
    }
    const size_t refusals = cannot.size();
    for (const scores& wrong : { scores{},
                                 scores{ 1.0f },
                                 scores{ 0.25f, 0.25f, 0.25f, 0.25f },
                                 scores{ 0.5f, 0.5f, 0.5f },
                                 scores{ 1.5f, -0.5f, 0.0f },
                                 scores{ nan, nan, nan } })
        cannot.push_back(verdict_on(0, wrong));

    cascade c(three_classes());
    for (auto& v : cannot) {
        const result provisional = seen(c, unsure);
        v.seq = provisional.seq;
        result r;
        BOOST_TEST(answered(c, v, start + 1ms, r));
        check_fallback(r, provisional);
        BOOST_TEST(!answered(c, v, start + 1ms, r));
    }
    BOOST_TEST(c.counters().failed == cannot.size());
    BOOST_TEST(c.counters().duplicate == cannot.size());
    // A wrong answer is malformed each time it comes, a refusal never.
    BOOST_TEST(c.counters().malformed == 2 * (cannot.size() - refusals));
    BOOST_TEST(c.latency().count() == 0u);
}

BOOST_AUTO_TEST_CASE(a_late_verdict_that_is_no_use_revises_nothing)
{
    cascade c(three_classes());
    for (const bool malformed : { false, true }) {
        const uint64_t seq = seen(c, unsure).seq;
        result r;
        BOOST_TEST(c.expire(start + 1h, r));
        verdict v = verdict_on(seq, malformed ? scores{ 1.0f } : scores{});
        v.status = malformed ? verdict_status::ok : verdict_status::error;
        BOOST_TEST(!answered(c, v, start + 1h, r));
        // Its one revision is spent.
        BOOST_TEST(!answered(c, verdict_on(seq), start + 1h, r));
    }
    BOOST_TEST(c.counters().late == 2u);
    BOOST_TEST(c.counters().malformed == 1u);
    BOOST_TEST(c.counters().duplicate == 2u);
}

BOOST_AUTO_TEST_CASE(verdicts_on_nothing_are_unknown)
{
    cascade c(three_classes());
    result r;
    BOOST_TEST(!answered(c, verdict_on(0), start, r));
    seen(c, unsure);
    BOOST_TEST(!answered(c, verdict_on(1), start, r));
    BOOST_TEST(!answered(c, verdict_on(UINT64_MAX), start, r));
    c.on_unknown();
    c.on_malformed();
    BOOST_TEST(c.counters().unknown == 4u);
    BOOST_TEST(c.counters().malformed == 1u);
    BOOST_TEST(c.counters().in_flight == 1u);
}

BOOST_AUTO_TEST_CASE(a_full_table_makes_the_fast_label_final)
{
    cascade c(three_classes());
    for (size_t i = 0; i < three_classes().max_in_flight; i++)
        BOOST_TEST(seen(c, unsure).deferred);
    const result r = seen(c, unsure);
    BOOST_TEST((r.status == result_status::final_));
    BOOST_TEST((r.source == result_source::fast_fallback));
    BOOST_TEST(!r.deferred);
    BOOST_TEST(r.label == 0);
    BOOST_TEST(c.counters().dropped == 1u);
    BOOST_TEST(c.counters().deferred == three_classes().max_in_flight + 1);
    result out;
    BOOST_TEST(answered(c, verdict_on(0), start, out));
    BOOST_TEST(seen(c, unsure).deferred);
}

BOOST_AUTO_TEST_CASE(what_is_abandoned_keeps_its_fast_label_and_takes_no_verdict)
{
    cascade c(three_classes());
    const result first = seen(c, unsure);
    const result second = seen(c, unsure);
    result r;
    BOOST_TEST(c.abandon(start + 1s, r));
    check_fallback(r, first);
    BOOST_TEST(c.abandon(start + 1s, r));
    check_fallback(r, second);
    BOOST_TEST(!c.abandon(start + 1s, r));
    BOOST_TEST(!answered(c, verdict_on(first.seq), start + 1s, r));
    BOOST_TEST(c.counters().dropped == 2u);
    BOOST_TEST(c.counters().in_flight == 0u);
    BOOST_TEST(c.counters().duplicate == 1u);
}

BOOST_AUTO_TEST_CASE(every_counter_has_its_name)
{
    cascade c(three_classes());
    seen(c, sure);
    seen(c, unsure);
    c.on_invalid();
    const auto map = to_map(c.counters());
    BOOST_TEST(map.size() == sizeof(counters) / sizeof(uint64_t));
    BOOST_TEST(map.at("vectors") == 3u);
    BOOST_TEST(map.at("accepted") == 1u);
    BOOST_TEST(map.at("deferred") == 1u);
    BOOST_TEST(map.at("invalid") == 1u);
    BOOST_TEST(map.at("in_flight") == 1u);
}

} // namespace speculative
} // namespace gr
