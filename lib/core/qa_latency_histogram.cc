/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/latency_histogram.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace gr {
namespace speculative {

BOOST_AUTO_TEST_CASE(is_zero_while_empty)
{
    const latency_histogram histogram;
    BOOST_TEST(histogram.quantile(0.5) == 0.0);
    BOOST_TEST(histogram.count() == 0u);
}

BOOST_AUTO_TEST_CASE(quantiles_are_within_five_percent)
{
    std::mt19937 random(1);
    for (const double median_ms : { 0.05, 3.0, 250.0, 60000.0 }) {
        std::lognormal_distribution<double> latency(std::log(median_ms), 0.4);
        latency_histogram histogram;
        std::vector<double> exact;
        for (int i = 0; i < 10000; i++) {
            exact.push_back(latency(random));
            histogram.add(exact.back());
        }
        std::sort(exact.begin(), exact.end());
        BOOST_TEST(histogram.count() == exact.size());
        for (const double q : { 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0 }) {
            const auto rank = static_cast<size_t>(std::ceil(q * exact.size()));
            BOOST_TEST(histogram.quantile(q) == exact[rank - 1],
                       boost::test_tools::tolerance(0.05));
        }
    }
}

BOOST_AUTO_TEST_CASE(one_outlier_moves_only_the_top)
{
    latency_histogram histogram;
    for (int i = 0; i < 99; i++)
        histogram.add(10.0);
    histogram.add(1000.0);
    const auto within = boost::test_tools::tolerance(0.05);
    BOOST_TEST(histogram.quantile(0.0) == 10.0, within);
    BOOST_TEST(histogram.quantile(0.99) == 10.0, within);
    BOOST_TEST(histogram.quantile(1.0) == 1000.0, within);
}

BOOST_AUTO_TEST_CASE(values_outside_the_range_are_counted_at_its_ends)
{
    latency_histogram histogram;
    histogram.add(0.0);
    histogram.add(-5.0);
    histogram.add(1e12);
    BOOST_TEST(histogram.count() == 3u);
    BOOST_TEST(histogram.quantile(0.5) <= 0.011);
    BOOST_TEST(histogram.quantile(1.0) > 30.0 * 60e3);
    BOOST_TEST(histogram.quantile(-1.0) == histogram.quantile(0.0));
    BOOST_TEST(histogram.quantile(2.0) == histogram.quantile(1.0));
}

} // namespace speculative
} // namespace gr
