/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/deferral_policy.h"

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

namespace gr {
namespace speculative {

using namespace std::chrono_literals;

namespace {

const monotonic::time_point start{ 1000s };
const std::vector<float> sure{ 0.96f, 0.03f, 0.01f };
const std::vector<float> unsure{ 0.5f, 0.3f, 0.2f };

classified_vector vector_of(const std::vector<float>& p)
{
    return { p.data(), p.size(), top_two_of(p.data(), p.size()), {} };
}

deferral_policy::decision decide(deferral_policy& policy,
                                 const std::vector<float>& p,
                                 double time = 0.0,
                                 monotonic::time_point now = start)
{
    return policy.decide(vector_of(p), time, now);
}

policy_config with_conditions(double strength)
{
    policy_config config;
    config.conditions.strength = strength;
    config.conditions.lifetime = 60s;
    return config;
}

} // namespace

BOOST_AUTO_TEST_CASE(over_budget_means_unbudgeted)
{
    policy_config config;
    config.budget = 1.0;
    config.burst = 1.0;
    deferral_policy policy(config);
    BOOST_TEST((decide(policy, unsure).what == deferral::uncertain));
    BOOST_TEST((decide(policy, unsure).what == deferral::unbudgeted));
    BOOST_TEST((decide(policy, sure).what == deferral::none));
    BOOST_TEST((decide(policy, unsure, 10.0).what == deferral::uncertain));
}

BOOST_AUTO_TEST_CASE(audits_are_drawn_at_their_rate_at_most_one_a_run)
{
    policy_config config;
    config.audit_fraction = 0.1;
    deferral_policy policy(config);
    const std::vector<float> other{ 0.01f, 0.96f, 0.03f };
    int audits = 0;
    constexpr int runs = 20000;
    double weights = 0.0;
    for (int run = 0; run < runs; run++) {
        int in_run = 0;
        for (int i = 0; i < 5; i++) {
            const auto d = decide(policy, run % 2 ? sure : other);
            BOOST_TEST_REQUIRE((d.what == deferral::none || d.what == deferral::audit));
            if (d.what == deferral::audit) {
                in_run++;
                weights += 1.0 / d.probability;
            }
        }
        BOOST_TEST_REQUIRE(in_run <= 1);
        audits += in_run;
    }
    // One in a run of 5 with probability 1 - 0.9^5; their weights make up for all 5.
    BOOST_TEST(std::abs(audits / double(runs) - (1.0 - std::pow(0.9, 5))) < 0.015);
    BOOST_TEST(std::abs(weights / (5.0 * runs) - 1.0) < 0.05);
}

BOOST_AUTO_TEST_CASE(equal_seeds_draw_equal_audits)
{
    policy_config config;
    config.audit_fraction = 0.3;
    config.seed = 5;
    deferral_policy a(config), b(config);
    config.seed = 6;
    deferral_policy c(config);
    bool differs = false;
    const std::vector<float> other{ 0.01f, 0.96f, 0.03f };
    for (int i = 0; i < 200; i++) {
        const auto& p = i % 2 ? sure : other;
        const auto drawn = decide(a, p).what;
        BOOST_TEST_REQUIRE((drawn == decide(b, p).what));
        differs = differs || drawn != decide(c, p).what;
    }
    BOOST_TEST(differs);
}

BOOST_AUTO_TEST_CASE(another_seed_begins_the_draw_anew_and_the_same_one_does_not)
{
    policy_config config;
    config.audit_fraction = 0.3;
    const std::vector<float> other{ 0.01f, 0.96f, 0.03f };
    const auto draws = [&](deferral_policy& policy) {
        std::vector<bool> drawn;
        for (int i = 0; i < 200; i++)
            drawn.push_back(decide(policy, i % 2 ? sure : other).what == deferral::audit);
        return drawn;
    };
    deferral_policy policy(config);
    const auto first = draws(policy);
    policy.set_audits(0.3, 1);
    BOOST_TEST((draws(policy) != first));
    policy.set_audits(0.3, 2);
    policy.set_audits(0.3, 1);
    BOOST_TEST((draws(policy) == first));
}

BOOST_AUTO_TEST_CASE(strata_have_thresholds_of_their_own_until_one_is_set_for_all)
{
    const double none = std::nan("");
    policy_config config;
    config.threshold = 0.5;
    config.strata.thresholds = { 0.95, none, 0.0 };
    deferral_policy policy(config);
    const std::vector<float> first{ 0.8f, 0.15f, 0.05f };  // margin 0.65, first label
    const std::vector<float> second{ 0.15f, 0.8f, 0.05f }; // and the others
    const std::vector<float> third{ 0.3f, 0.3f, 0.4f };
    const auto defers = [&](const std::vector<float>& p) {
        return decide(policy, p).what == deferral::uncertain;
    };
    BOOST_TEST((defers(first) && !defers(second) && !defers(third)));
    BOOST_TEST(policy.threshold(start) == 0.5);

    // Alarms and conditions raise each of them: 0.5 to 0.75, 0 to 0.5.
    while (!policy.on_audit(true, 0.1))
        ;
    BOOST_TEST((defers(first) && defers(second) && defers(third)));

    policy.set_threshold(0.6);
    BOOST_TEST((!defers(first) && !defers(second) && defers(third)));
    threshold_change change;
    BOOST_TEST(policy.changed(start, change));
    policy.set_threshold(0.6, config.strata);
    BOOST_TEST((defers(first) && !defers(second) && !defers(third)));
    BOOST_TEST(policy.changed(start, change)); // though the common one is the same
    BOOST_TEST((change.before == 0.6 && change.after == 0.6));
    BOOST_CHECK(change.cause == threshold_cause::set);
    BOOST_TEST(!policy.changed(start, change));
    policy.set_threshold(0.5, config.strata);
    BOOST_TEST((defers(first) && !defers(second) && !defers(third)));
    BOOST_CHECK_THROW(policy.set_threshold(2.0), std::invalid_argument);
    BOOST_TEST(defers(first));
}

BOOST_AUTO_TEST_CASE(the_learned_rule_and_strata_of_snr_look_at_the_spectrum)
{
    policy_config config;
    config.threshold = 0.5;
    config.benefit.weights = { 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0 }; // the peak alone
    config.benefit.labels = { 0.0, 0.0, 0.0 };
    config.benefit.bias = -1.5;
    config.rule = deferral_rule::benefit;
    deferral_policy policy(config);
    const auto defers = [&](float peak) {
        classified_vector vector = vector_of(sure);
        vector.levels.peak = peak;
        return policy.decide(vector, 0.0, start).what == deferral::uncertain;
    };
    BOOST_TEST((!defers(1.0f) && defers(2.0f) && policy.wants_levels()));
    policy.set_rule(deferral_rule::margin);
    BOOST_TEST(!policy.wants_levels());
    BOOST_TEST((!defers(1.0f) && !defers(2.0f)));
    policy.set_threshold(0.5, { { 0.95, 0.9 }, { 1.5 } }); // the margin is 0.93
    BOOST_TEST((defers(1.0f) && !defers(2.0f) && policy.wants_levels()));
}

BOOST_AUTO_TEST_CASE(an_alarm_raises_the_threshold_until_it_is_set_anew)
{
    deferral_policy policy({});
    int audits = 0;
    while (!policy.on_audit(true, 0.1))
        BOOST_TEST_REQUIRE(++audits < 1000);
    BOOST_TEST(policy.threshold(start) == 0.925);
    threshold_change change;
    BOOST_TEST(policy.changed(start, change));
    BOOST_TEST(change.before == 0.85);
    BOOST_TEST(change.after == 0.925);
    BOOST_TEST((change.cause == threshold_cause::alarm));
    BOOST_TEST(!policy.changed(start, change)); // told once
    policy.set_threshold(0.85);
    BOOST_TEST(policy.threshold(start) == 0.85);
    BOOST_TEST(policy.changed(start, change));
    BOOST_TEST((change.cause == threshold_cause::set));
}

BOOST_AUTO_TEST_CASE(poor_conditions_only_tighten_and_expire)
{
    deferral_policy policy(with_conditions(1.0));
    BOOST_TEST(policy.on_conditions({ 0.5 }, start, 0s));
    BOOST_TEST(std::abs(policy.threshold(start) - 0.925) < 1e-12);
    threshold_change change;
    BOOST_TEST(policy.changed(start, change));
    BOOST_TEST((change.cause == threshold_cause::conditions));
    BOOST_TEST(
        policy.on_conditions({ 7.0 }, start, 0s)); // better than perfect is perfect
    BOOST_TEST(policy.threshold(start) == 0.85);
    policy.on_conditions({ -3.0 }, start, 0s);
    BOOST_TEST(policy.threshold(start) == 1.0);
    BOOST_TEST(policy.threshold(start + 59s) == 1.0);
    BOOST_TEST(policy.threshold(start + 60s) == 0.85);
    BOOST_TEST(policy.on_conditions({ 1.0, true }, start, 0s));
    BOOST_TEST(policy.threshold(start) > 0.85);
    policy.on_conditions({ std::nan("") }, start, 0s); // may hide anything
    BOOST_TEST(policy.threshold(start) == 1.0);
}

BOOST_AUTO_TEST_CASE(stale_conditions_are_ignored)
{
    deferral_policy policy(with_conditions(1.0));
    BOOST_TEST(!policy.on_conditions({ 0.0 }, start, 60s)); // older than the lifetime
    BOOST_TEST(policy.on_conditions({ 0.5, false, 0.0, 2000.0 }, start, 30s));
    BOOST_TEST(
        !policy.on_conditions({ 0.0, false, 0.0, 1999.0 }, start, 0s)); // overtaken
    BOOST_TEST(policy.threshold(start + 29s) > 0.9);
    BOOST_TEST(policy.threshold(start + 30s) == 0.85);
}

BOOST_AUTO_TEST_CASE(an_age_is_never_negative_and_always_a_number)
{
    conditions c;
    c.timestamp = 1e12; // far in the future
    BOOST_TEST((age_of(c) == 0s));
    c.timestamp = std::nan("");
    BOOST_TEST((age_of(c) > std::chrono::hours(24 * 365 * 90)));
    c.timestamp = -1e300;
    BOOST_TEST((age_of(c) > std::chrono::hours(24 * 365 * 90)));
    c.timestamp = 0.0;
    BOOST_TEST((age_of(c) > std::chrono::hours(24 * 365 * 50)));
}

BOOST_AUTO_TEST_CASE(noise_counts_over_the_usual_level_and_only_where_it_is_known)
{
    policy_config config = with_conditions(1.0);
    deferral_policy ignores(config);
    ignores.on_conditions({ 1.0, false, 90.0 }, start, 0s);
    BOOST_TEST(ignores.threshold(start) == 0.85);
    config.conditions.usual_noise = 20.0;
    deferral_policy policy(config);
    policy.on_conditions({ 1.0, false, 30.0 }, start, 0s);
    BOOST_TEST(std::abs(policy.threshold(start) - 0.925) < 1e-12);
    policy.on_conditions({ 1.0, false, 5.0 }, start, 0s);
    BOOST_TEST(policy.threshold(start) == 0.85);
}

BOOST_AUTO_TEST_CASE(what_was_stated_outlives_a_change_of_strength)
{
    deferral_policy policy(with_conditions(1.0));
    policy.on_conditions({ 0.5 }, start, 0s);
    policy.set_conditions(with_conditions(0.5).conditions);
    BOOST_TEST(std::abs(policy.threshold(start) - 0.8875) < 1e-12);
    policy.set_conditions(with_conditions(0.0).conditions);
    BOOST_TEST(policy.threshold(start) == 0.85);
}

BOOST_AUTO_TEST_CASE(conditions_that_are_off_change_nothing_at_all)
{
    deferral_policy policy({});
    const double before = policy.threshold(start);
    threshold_change change;
    for (int i = 0; i <= 100; i++) {
        policy.on_conditions({ i / 100.0, i % 2 == 0, i - 50.0, double(i) }, start, 0s);
        BOOST_TEST_REQUIRE(policy.threshold(start) == before);
        BOOST_TEST_REQUIRE(!policy.changed(start, change));
    }
}

BOOST_AUTO_TEST_CASE(values_out_of_range_are_refused_and_change_nothing)
{
    deferral_policy policy({});
    BOOST_CHECK_THROW(policy.set_threshold(std::nan("")), std::invalid_argument);
    BOOST_CHECK_THROW(policy.set_audits(1.5, 2), std::invalid_argument);
    BOOST_CHECK_THROW(policy.set_audits(0.5, 0), std::invalid_argument);
    BOOST_CHECK_THROW(policy.set_audits(0.5, max_seed + 1), std::invalid_argument);
    BOOST_CHECK_THROW(policy.set_rule(deferral_rule::benefit), std::invalid_argument);
    BOOST_CHECK_THROW(policy.set_budget(-1.0, 2.0), std::invalid_argument);
    conditions_config conditions;
    conditions.strength = 2.0;
    BOOST_CHECK_THROW(policy.set_conditions(conditions), std::invalid_argument);
    BOOST_TEST(policy.config().threshold == 0.85);
    BOOST_TEST((policy.config().rule == deferral_rule::margin));
    BOOST_TEST(policy.config().audit_fraction == 0.0);
    BOOST_TEST(policy.config().seed == 1u);
    BOOST_TEST(std::isinf(policy.config().budget));
    BOOST_TEST(policy.config().conditions.strength == 0.0);
}

} // namespace speculative
} // namespace gr
