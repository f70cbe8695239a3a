/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/risk_monitor.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <random>
#include <stdexcept>
#include <vector>

namespace gr {
namespace speculative {

namespace {

// Audits until the alarm, `most` if there is none.
int run_length(std::mt19937& random,
               const risk_config& config,
               int healthy,
               double drifted,
               int most)
{
    risk_monitor monitor(config);
    std::bernoulli_distribution before(config.baseline), after(drifted);
    for (int i = 0; i < healthy; i++)
        monitor.add(before(random), 0.01);
    for (int i = 1; i <= most; i++) {
        if (monitor.add(after(random), 0.01))
            return i;
    }
    return most;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_step_from_04_to_5_percent_is_found_within_150_audits)
{
    std::mt19937 random(1);
    std::vector<int> delays(501);
    for (auto& delay : delays)
        delay = run_length(random, {}, 500, 0.05, 5000);
    std::nth_element(delays.begin(), delays.begin() + 250, delays.end());
    BOOST_TEST(delays[250] <= 150);
    BOOST_TEST(delays[250] > 10); // or it would not be looking at evidence
}

BOOST_AUTO_TEST_CASE(where_models_differ_more_a_drift_is_measured_against_that)
{
    std::mt19937 random(5);
    risk_config config;
    config.baseline = 0.1;
    std::vector<int> delays(101);
    for (auto& delay : delays)
        delay = run_length(random, config, 500, 0.4, 5000);
    std::nth_element(delays.begin(), delays.begin() + 50, delays.end());
    BOOST_TEST(delays[50] <= 50);
}

BOOST_AUTO_TEST_CASE(false_alarms_are_as_rare_as_stated)
{
    // If the mean run length is 20,000 or more, 300 runs of 20,000 audits (6 million) hold 300
    // alarms at most on average; 5 standard deviations of a Poisson variable on top.
    std::mt19937 random(2);
    for (const double baseline : { 0.004, 0.1 }) {
        std::bernoulli_distribution healthy(baseline);
        risk_config config;
        config.baseline = baseline;
        risk_monitor monitor(config);
        for (int i = 0; i < 6000000; i++)
            monitor.add(healthy(random), 0.01);
        BOOST_TEST(monitor.alarms() <= 300u + 87u);
        BOOST_TEST(monitor.alarms() > 0u); // the bound is not met by never looking
    }
}

BOOST_AUTO_TEST_CASE(the_estimate_weights_audits_by_how_rarely_they_are_drawn)
{
    // Half of the vectors disagree half of the time and are drawn ten times as often as the
    // others, which never disagree: the risk is 0.25, though most audits are of the first kind.
    risk_config config;
    config.half_life = 1e9;
    risk_monitor monitor(config);
    std::mt19937 random(3);
    std::uniform_real_distribution<> uniform;
    for (int i = 0; i < 400000; i++) {
        const bool first = i % 2 == 0;
        const double probability = first ? 0.5 : 0.05;
        if (uniform(random) < probability)
            monitor.add(first && uniform(random) < 0.5, probability);
    }
    BOOST_TEST(std::abs(monitor.risk() - 0.25) < 0.01);
    BOOST_TEST(monitor.risk_lower() < 0.25);
    BOOST_TEST(monitor.risk_upper() > 0.25);
}

BOOST_AUTO_TEST_CASE(the_interval_holds_the_truth_95_times_in_100)
{
    std::mt19937 random(4);
    std::bernoulli_distribution disagree(0.02);
    int held = 0;
    for (int trial = 0; trial < 1000; trial++) {
        risk_config config;
        config.half_life = 1e9;
        risk_monitor monitor(config);
        for (int i = 0; i < 400; i++)
            monitor.add(disagree(random), 0.1);
        held += monitor.risk_lower() <= 0.02 && 0.02 <= monitor.risk_upper();
    }
    BOOST_TEST(held >= 925);
}

BOOST_AUTO_TEST_CASE(old_audits_fade)
{
    risk_config config;
    config.half_life = 10.0;
    config.run_length = 1e300;
    risk_monitor monitor(config);
    for (int i = 0; i < 1000; i++)
        monitor.add(true, 0.5);
    for (int i = 0; i < 100; i++)
        monitor.add(false, 0.5);
    BOOST_TEST(monitor.risk() < 0.002);
    BOOST_TEST(monitor.audits() == 1100u);
}

BOOST_AUTO_TEST_CASE(before_the_first_audit_nothing_is_known)
{
    const risk_monitor monitor;
    BOOST_TEST(monitor.risk() == 0.0);
    BOOST_TEST(monitor.risk_lower() == 0.0);
    BOOST_TEST(monitor.risk_upper() == 1.0);
}

BOOST_AUTO_TEST_CASE(values_out_of_range_are_refused)
{
    const auto refused = [](auto change) {
        risk_config config;
        change(config);
        BOOST_CHECK_THROW(risk_monitor{ config }, std::invalid_argument);
    };
    refused([](auto& c) { c.baseline = 0.0; });
    refused([](auto& c) { c.baseline = 1.0; });
    refused([](auto& c) { c.run_length = 10.0; });
    refused([](auto& c) { c.half_life = std::nan(""); });
}

} // namespace speculative
} // namespace gr
