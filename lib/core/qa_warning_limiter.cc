/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/warning_limiter.h"

#include <boost/test/unit_test.hpp>

namespace gr {
namespace speculative {

using namespace std::chrono_literals;

BOOST_AUTO_TEST_CASE(first_occasion_is_said_at_once)
{
    warning_limiter limiter(10s);
    uint64_t held_back = 99;
    BOOST_TEST(limiter.allow(warning_limiter::clock::time_point{}, held_back));
    BOOST_TEST(held_back == 0u);
}

BOOST_AUTO_TEST_CASE(says_one_an_interval_and_counts_the_others)
{
    warning_limiter limiter(10s);
    const warning_limiter::clock::time_point start{ 1000s };
    uint64_t held_back = 0;
    BOOST_TEST(limiter.allow(start, held_back));
    for (int i = 1; i <= 7; i++)
        BOOST_TEST(!limiter.allow(start + i * 1s, held_back));
    BOOST_TEST(!limiter.allow(start + 10s - 1ns, held_back));
    BOOST_TEST(limiter.allow(start + 10s, held_back));
    BOOST_TEST(held_back == 8u);
    BOOST_TEST(!limiter.allow(start + 11s, held_back));
    BOOST_TEST(limiter.allow(start + 1h, held_back));
    BOOST_TEST(held_back == 1u);
}

BOOST_AUTO_TEST_CASE(every_occasion_is_either_said_or_counted)
{
    warning_limiter limiter(3s);
    const warning_limiter::clock::time_point start{};
    const int occasions = 1001;
    uint64_t accounted = 0;
    for (int i = 0; i < occasions; i++) {
        uint64_t held_back = 0;
        if (limiter.allow(start + i * 100ms, held_back))
            accounted += held_back + 1;
    }
    uint64_t held_back = 0;
    BOOST_TEST(limiter.allow(start + 1h, held_back));
    BOOST_TEST(accounted + held_back == static_cast<uint64_t>(occasions));
}

} // namespace speculative
} // namespace gr
