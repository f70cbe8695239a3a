/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/deferral_budget.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <stdexcept>
#include <vector>

namespace gr {
namespace speculative {

namespace {

struct candidate {
    double time;
    double benefit;
};

// 1000 vectors a second; 1 % of them uncertain, in the storm 60 %.
std::vector<candidate> quiet_storm_quiet(uint32_t seed)
{
    std::mt19937 random(seed);
    std::uniform_real_distribution<> uniform;
    std::vector<candidate> load;
    for (int i = 0; i < 60000; i++) {
        const bool storm = i >= 20000 && i < 40000;
        if (uniform(random) < (storm ? 0.6 : 0.01))
            load.push_back({ i * 1e-3, std::pow(uniform(random), 2.0) });
    }
    return load;
}

// The best total benefit of `size` candidates that a bucket could have paid for. Sets that it
// can pay for are a matroid, so taking the best that still fits each time is optimal.
double hindsight(std::vector<candidate> load, double rate, double burst, size_t size)
{
    std::sort(load.begin(), load.end(), [](const auto& a, const auto& b) {
        return a.benefit > b.benefit;
    });
    std::vector<double> times;
    const auto affordable = [&] {
        double tokens = burst, last = 0.0;
        for (const double t : times) {
            tokens = std::min(tokens + rate * (t - last), burst);
            last = t;
            if (tokens < 1.0 - 1e-9)
                return false;
            tokens -= 1.0;
        }
        return true;
    };
    double total = 0.0;
    for (size_t i = 0; i < load.size() && times.size() < size; i++) {
        const auto place = std::upper_bound(times.begin(), times.end(), load[i].time);
        const auto at = times.insert(place, load[i].time);
        if (affordable())
            total += load[i].benefit;
        else
            times.erase(at);
    }
    return total;
}

} // namespace

BOOST_AUTO_TEST_CASE(never_over_rate_times_t_plus_burst)
{
    constexpr double rate = 20.0, burst = 8.0;
    deferral_budget budget(rate, burst);
    std::vector<double> bought;
    for (const auto& c : quiet_storm_quiet(7)) {
        if (budget.spend(c.time, c.benefit))
            bought.push_back(c.time);
    }
    BOOST_TEST_REQUIRE(bought.size() > 100u);
    for (size_t i = 0; i < bought.size(); i++) {
        for (size_t j = i; j < bought.size(); j += 7)
            BOOST_TEST_REQUIRE(j - i + 1 <=
                               rate * (bought[j] - bought[i]) + burst + 1e-6);
    }
}

BOOST_AUTO_TEST_CASE(most_of_the_benefit_of_hindsight)
{
    for (const auto& [rate, burst] :
         { std::pair{ 20.0, 20.0 }, { 20.0, 100.0 }, { 50.0, 10.0 } }) {
        for (uint32_t seed = 1; seed <= 3; seed++) {
            const auto load = quiet_storm_quiet(seed);
            deferral_budget budget(rate, burst);
            double benefit = 0.0;
            size_t size = 0;
            for (const auto& c : load) {
                if (budget.spend(c.time, c.benefit)) {
                    benefit += c.benefit;
                    size++;
                }
            }
            BOOST_TEST(benefit >= 0.95 * hindsight(load, rate, burst, size));
        }
    }
}

BOOST_AUTO_TEST_CASE(in_quiet_times_everything_is_bought)
{
    deferral_budget budget(10.0, 5.0);
    for (int i = 1; i <= 100; i++)
        BOOST_TEST_REQUIRE(budget.spend(i, 0.01));
    BOOST_TEST(budget.price() <= 0.05);
}

BOOST_AUTO_TEST_CASE(without_a_limit_everything_is_bought)
{
    deferral_budget budget(std::numeric_limits<double>::infinity());
    for (int i = 0; i < 1000; i++)
        BOOST_TEST_REQUIRE(budget.spend(0.0, 0.0));
}

BOOST_AUTO_TEST_CASE(a_stream_that_starts_anew_gains_no_tokens)
{
    deferral_budget budget(1.0, 2.0);
    BOOST_TEST(budget.spend(100.0, 1.0));
    BOOST_TEST(budget.spend(100.0, 1.0));
    BOOST_TEST(!budget.spend(0.0, 1.0));
    BOOST_TEST(budget.spend(1.0, 1.0));
}

BOOST_AUTO_TEST_CASE(values_out_of_range_are_refused)
{
    const double nan = std::nan("");
    for (const auto& [rate, burst] : { std::pair{ 0.0, 2.0 },
                                       { -1.0, 2.0 },
                                       { nan, 2.0 },
                                       { 1.0, 0.5 },
                                       { 1.0, nan },
                                       { 1.0, std::numeric_limits<double>::infinity() } })
        BOOST_CHECK_THROW(deferral_budget(rate, burst), std::invalid_argument);
    deferral_budget budget(3.0, 4.0);
    BOOST_CHECK_THROW(budget.set(1.0, 0.0), std::invalid_argument);
    BOOST_TEST(budget.rate() == 3.0);
    BOOST_TEST(budget.burst() == 4.0);
    budget.set(1.0, 2.0);
    BOOST_TEST(budget.tokens() == 2.0);
}

} // namespace speculative
} // namespace gr
