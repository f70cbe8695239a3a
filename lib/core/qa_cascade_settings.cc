/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// What each setting of a cascade does. What becomes of a deferral: qa_cascade.cc.

#include "core/test_cascade.h"

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <vector>

namespace gr {
namespace speculative {

using namespace std::chrono_literals;

namespace {


result seen(cascade& c, const scores& p)
{
    result out;
    c.on_vector({}, nullptr, {}, p.data(), start, out);
    return out;
}

} // namespace

BOOST_AUTO_TEST_CASE(values_out_of_range_are_refused)
{
    const auto refused = [](auto change) {
        cascade_config config = three_classes();
        change(config);
        BOOST_CHECK_THROW(cascade{ config }, std::invalid_argument);
    };
    refused([](auto& config) { config.classes = 0; });
    refused([](auto& config) { config.policy.threshold = -0.1; });
    refused([](auto& config) { config.policy.threshold = 1.1; });
    refused([](auto& config) { config.policy.threshold = std::nan(""); });
    refused([](auto& config) { config.deadline = 0s; });
    refused([](auto& config) { config.deadline = -1s; });
    refused([](auto& config) { config.max_in_flight = 0; });

    cascade c(three_classes());
    BOOST_CHECK_THROW(c.policy().set_threshold(1.5), std::invalid_argument);
    BOOST_CHECK_THROW(c.set_deadline(0s), std::invalid_argument);
    BOOST_TEST(c.policy().config().threshold == 0.85);
    BOOST_TEST((c.deadline() == 2s));
}

BOOST_AUTO_TEST_CASE(thresholds_0_and_1_defer_nothing_and_everything)
{
    const scores certain{ 1.0f, 0.0f, 0.0f };
    const scores even{ 1 / 3.0f, 1 / 3.0f, 1 / 3.0f };
    for (const auto rule : { deferral_rule::margin, deferral_rule::max_probability }) {
        cascade_config config = three_classes();
        config.policy.rule = rule;
        config.policy.threshold = 0.0;
        cascade nothing(config);
        BOOST_TEST(!seen(nothing, even).deferred);
        config.policy.threshold = 1.0;
        cascade everything(config);
        BOOST_TEST(seen(everything, certain).deferred);
    }
}

BOOST_AUTO_TEST_CASE(the_rule_says_what_is_held_against_the_threshold)
{
    const scores p{ 0.75f, 0.25f, 0.0f }; // margin 0.5, largest 0.75
    const auto accepts = [&](deferral_rule rule, double threshold) {
        cascade c(three_classes());
        c.policy().set_rule(rule);
        c.policy().set_threshold(threshold);
        return !seen(c, p).deferred;
    };
    BOOST_TEST(accepts(deferral_rule::margin, 0.5)); // equal is enough
    BOOST_TEST(!accepts(deferral_rule::margin, 0.51));
    BOOST_TEST(accepts(deferral_rule::max_probability, 0.75));
    BOOST_TEST(!accepts(deferral_rule::max_probability, 0.76));
}

BOOST_AUTO_TEST_CASE(a_new_deadline_is_for_what_comes_after)
{
    cascade c(three_classes());
    const uint64_t before = seen(c, unsure).seq;
    c.set_deadline(100ms);
    const uint64_t after = seen(c, unsure).seq;
    result r;
    BOOST_TEST(c.expire(start + 100ms, r));
    BOOST_TEST(r.seq == after);
    BOOST_TEST(!c.expire(start + 100ms, r));
    BOOST_TEST(c.expire(start + 2s, r));
    BOOST_TEST(r.seq == before);
}

BOOST_AUTO_TEST_CASE(the_source_is_slow_when_the_fast_model_has_no_weight)
{
    cascade_config config = three_classes();
    config.merge = { merge_rule::log_linear, 0.0, 1.0 };
    cascade c(config);
    result r;
    verdict v;
    v.seq = seen(c, unsure).seq;
    v.scores = { 0.1f, 0.8f, 0.1f };
    BOOST_TEST(c.on_verdict(v, start, r));
    BOOST_TEST((r.source == result_source::slow));
    for (size_t i = 0; i < v.scores.size(); i++)
        BOOST_TEST(r.scores[i] == v.scores[i], boost::test_tools::tolerance(1e-5f));
}

} // namespace speculative
} // namespace gr
