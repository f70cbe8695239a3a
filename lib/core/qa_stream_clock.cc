/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/stream_clock.h"

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <limits>
#include <random>

namespace gr {
namespace speculative {

namespace {

constexpr size_t bins = 1024;
constexpr uint64_t epoch = 1'700'000'000; // a double of seconds is good to 0.2 us there
constexpr double nan_hz = std::numeric_limits<double>::quiet_NaN();
constexpr double inf_hz = std::numeric_limits<double>::infinity();

// The date of a sample by extended arithmetic, as seconds after `seconds`.
long double exact_since(uint64_t samples, double rate, double fraction)
{
    return static_cast<long double>(samples) / static_cast<long double>(rate) +
           static_cast<long double>(fraction);
}

void check_date(const vector_position& where, uint64_t seconds, long double since)
{
    BOOST_TEST_REQUIRE(where.has_time);
    BOOST_TEST_REQUIRE(where.fraction >= 0.0);
    BOOST_TEST_REQUIRE(where.fraction < 1.0);
    const long double got = static_cast<long double>(where.seconds - seconds) +
                            static_cast<long double>(where.fraction);
    BOOST_TEST_REQUIRE(std::abs(static_cast<double>(got - since)) < 1e-9);
}

} // namespace

BOOST_AUTO_TEST_CASE(refuses_what_is_no_rate_frequency_or_hop)
{
    for (const double rate : { 0.0, -1.0, nan_hz, inf_hz })
        BOOST_CHECK_THROW(stream_clock(rate, 0.0, bins, bins), std::invalid_argument);
    for (const double hz : { nan_hz, inf_hz })
        BOOST_CHECK_THROW(stream_clock(1e6, hz, bins, bins), std::invalid_argument);
    BOOST_CHECK_THROW(stream_clock(1e6, 0.0, 0, bins), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(places_vectors_in_samples_and_frequency)
{
    const stream_clock clock(2.4e6, 433.92e6, 256, bins);
    const vector_position where = clock.at(1000);
    BOOST_TEST(where.offset == 1000u);
    BOOST_TEST(where.sample_start == 256000u);
    BOOST_TEST(where.sample_count == bins);
    BOOST_TEST(where.sample_rate == 2.4e6);
    BOOST_TEST(where.center_frequency == 433.92e6);
    BOOST_TEST(!where.has_time);
}

BOOST_AUTO_TEST_CASE(dates_stay_exact_for_hours)
{
    std::mt19937_64 random(7);
    // Rates that divide nothing: thirds, primes, what a resampler leaves.
    for (const double rate :
         { 1e6 / 3.0, 2.4e6, 61.44e6, 999983.0, 48000.0 * 160 / 147 }) {
        for (const double fraction : { 0.0, 0.25, 0.999999999 }) {
            stream_clock clock(rate, 0.0, 1, bins);
            clock.set_time(5000, epoch, fraction);
            std::uniform_int_distribution<uint64_t> within(
                0, static_cast<uint64_t>(12 * 3600 * rate));
            for (int i = 0; i < 2000; i++) {
                const uint64_t samples = within(random);
                check_date(clock.at(5000 + samples),
                           epoch,
                           exact_since(samples, rate, fraction));
            }
            // Whole seconds are where rounding could fall to the wrong side.
            for (uint64_t second = 1; second < 3000; second++) {
                const auto samples = static_cast<uint64_t>(std::llround(second * rate));
                check_date(clock.at(5000 + samples),
                           epoch,
                           exact_since(samples, rate, fraction));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_fraction_of_one_carries)
{
    stream_clock clock(1e6, 0.0, bins, bins);
    clock.set_time(0, epoch, 1.0);
    BOOST_TEST(clock.at(0).seconds == epoch + 1);
    BOOST_TEST(clock.at(0).fraction == 0.0);
}

BOOST_AUTO_TEST_CASE(a_new_time_replaces_the_old)
{
    stream_clock clock(1e6, 0.0, 1000, bins);
    clock.set_time(0, epoch, 0.0);
    BOOST_TEST(clock.at(500).fraction == 0.5, boost::test_tools::tolerance(1e-12));
    clock.set_time(500, epoch + 100, 0.25); // samples were lost
    BOOST_TEST(clock.at(500).seconds == epoch + 100);
    BOOST_TEST(clock.at(1000).fraction == 0.75, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(time_runs_on_through_a_change_of_rate)
{
    stream_clock clock(1e6, 0.0, 1000, bins);
    clock.set_time(0, epoch, 0.5);
    BOOST_TEST(clock.set_rate(3000, 2e6)); // 3 s after the start
    check_date(clock.at(3000), epoch, 3.5L);
    check_date(clock.at(5000), epoch, 4.5L);
    BOOST_TEST(clock.at(5000).sample_rate == 2e6);
    BOOST_TEST(clock.at(5000).sample_start == 5000u * 1000);
    BOOST_TEST(clock.set_rate(5000, 0.5e6));
    check_date(clock.at(5500), epoch, 5.5L);
}

BOOST_AUTO_TEST_CASE(tells_what_changes_something)
{
    stream_clock clock(1e6, 100e6, bins, bins);
    BOOST_TEST(!clock.set_rate(0, 1e6));
    for (const double rate : { 0.0, -1.0, nan_hz, inf_hz })
        BOOST_TEST(!clock.set_rate(0, rate));
    BOOST_TEST(clock.sample_rate() == 1e6);
    BOOST_TEST(clock.set_rate(0, 2e6));

    BOOST_TEST(!clock.set_frequency(100e6));
    for (const double hz : { nan_hz, inf_hz })
        BOOST_TEST(!clock.set_frequency(hz));
    BOOST_TEST(clock.at(1).center_frequency == 100e6);
    BOOST_TEST(clock.set_frequency(101e6));
    BOOST_TEST(clock.at(1).center_frequency == 101e6);
}

BOOST_AUTO_TEST_CASE(forgets_its_time_when_told)
{
    stream_clock clock(1e6, 100e6, bins, bins);
    clock.set_time(1000, epoch, 0.0);
    clock.restart();
    BOOST_TEST(!clock.at(0).has_time);
    BOOST_TEST(clock.set_rate(5, 2e6));
    BOOST_TEST(!clock.at(2000).has_time);
}

} // namespace speculative
} // namespace gr
