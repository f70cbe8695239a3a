/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/merge.h"

#include <boost/test/unit_test.hpp>

#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

namespace gr {
namespace speculative {

namespace {

const std::vector<float> p{ 0.7f, 0.2f, 0.1f };
const std::vector<float> q{ 0.1f, 0.6f, 0.3f };
constexpr double near = 1e-6;

std::vector<float> merged(merge_rule rule,
                          double fast,
                          double slow,
                          const std::vector<float>& a,
                          const std::vector<float>& b)
{
    std::vector<float> out(a.size());
    merge({ rule, fast, slow }, a.data(), b.data(), a.size(), out.data());
    return out;
}

void check_near(const std::vector<float>& got, const std::vector<double>& expected)
{
    BOOST_TEST_REQUIRE(got.size() == expected.size());
    for (size_t i = 0; i < got.size(); i++)
        BOOST_TEST(std::abs(got[i] - expected[i]) < near,
                   i << ": " << got[i] << " is not " << expected[i]);
}

double total(const std::vector<float>& r)
{
    return std::accumulate(r.begin(), r.end(), 0.0);
}

std::vector<float> random_distribution(std::mt19937& random, size_t n)
{
    // Sharp ones too: squaring thrice takes most of the mass to one or two classes.
    std::uniform_real_distribution<double> unit(1e-3, 1.0);
    std::vector<float> r(n);
    for (auto& value : r)
        value = static_cast<float>(std::pow(unit(random), 8));
    const double sum = total(r);
    for (auto& value : r)
        value = static_cast<float>(value / sum);
    return r;
}

} // namespace

BOOST_AUTO_TEST_CASE(log_linear_is_the_weighted_geometric_mean)
{
    for (const auto& [fast, slow] : std::vector<std::pair<double, double>>{
             { 0.5, 0.5 }, { 1.0, 1.0 }, { 0.2, 1.3 }, { 2.0, 0.0 } }) {
        std::vector<double> expected(p.size());
        double sum = 0.0;
        for (size_t i = 0; i < p.size(); i++)
            sum += expected[i] = std::pow(p[i], fast) * std::pow(q[i], slow);
        for (auto& value : expected)
            value /= sum;
        check_near(merged(merge_rule::log_linear, fast, slow, p, q), expected);
    }
}

BOOST_AUTO_TEST_CASE(one_weight_of_zero_leaves_the_other_model)
{
    check_near(merged(merge_rule::log_linear, 1.0, 0.0, p, q), { 0.7, 0.2, 0.1 });
    check_near(merged(merge_rule::log_linear, 0.0, 1.0, p, q), { 0.1, 0.6, 0.3 });
    check_near(merged(merge_rule::linear, 1.0, 0.0, p, q), { 0.7, 0.2, 0.1 });
    check_near(merged(merge_rule::linear, 0.0, 1.0, p, q), { 0.1, 0.6, 0.3 });
}

BOOST_AUTO_TEST_CASE(linear_is_the_weighted_mean)
{
    check_near(merged(merge_rule::linear, 0.3, 0.7, p, q), { 0.28, 0.48, 0.24 });
}

BOOST_AUTO_TEST_CASE(a_zero_is_no_veto)
{
    // Each is sure of another class: equal weights must not decide by accident.
    check_near(merged(merge_rule::log_linear, 0.5, 0.5, { 1, 0 }, { 0, 1 }),
               { 0.5, 0.5 });
    // The fast model excludes class 2, which the slow one is sure of and weighs more.
    const auto r =
        merged(merge_rule::log_linear, 0.4, 1.0, { 0.9f, 0.1f, 0 }, { 0, 0, 1 });
    BOOST_TEST(is_distribution(r.data(), r.size()));
    BOOST_TEST(top_two_of(r.data(), r.size()).label == 2);
    // All zeros on one side is no distribution, but must not give NaN either.
    const auto even = merged(merge_rule::log_linear, 1.0, 1.0, { 0, 0 }, { 0, 0 });
    check_near(even, { 0.5, 0.5 });
}

BOOST_AUTO_TEST_CASE(out_may_be_an_input)
{
    for (const auto rule : { merge_rule::log_linear, merge_rule::linear }) {
        const auto expected = merged(rule, 0.3, 0.7, p, q);
        auto a = p;
        merge({ rule, 0.3, 0.7 }, a.data(), q.data(), a.size(), a.data());
        BOOST_TEST(a == expected, boost::test_tools::per_element());
        auto b = q;
        merge({ rule, 0.3, 0.7 }, p.data(), b.data(), b.size(), b.data());
        BOOST_TEST(b == expected, boost::test_tools::per_element());
    }
}

BOOST_AUTO_TEST_CASE(merged_distributions_are_distributions_and_keep_what_both_say)
{
    std::mt19937 random(2);
    std::uniform_real_distribution<double> weight(0.05, 1.0);
    for (int trial = 0; trial < 2000; trial++) {
        const size_t n = 2 + trial % 9;
        const auto a = random_distribution(random, n);
        const auto b = random_distribution(random, n);
        const double w = weight(random);
        for (const auto rule : { merge_rule::log_linear, merge_rule::linear }) {
            const auto r =
                merged(rule, rule == merge_rule::linear ? 1.0 - w : 1.5 * w, w, a, b);
            BOOST_TEST_REQUIRE(is_distribution(r.data(), n));
            BOOST_TEST_REQUIRE(std::abs(total(r) - 1.0) < 1e-5);
            const int16_t label = top_two_of(a.data(), n).label;
            if (label == top_two_of(b.data(), n).label)
                BOOST_TEST_REQUIRE(top_two_of(r.data(), n).label == label);
        }
    }
}

BOOST_AUTO_TEST_CASE(distributions_are_told_from_other_numbers)
{
    const auto good = [](std::vector<float> v) {
        return is_distribution(v.data(), v.size());
    };
    constexpr float nan = std::numeric_limits<float>::quiet_NaN();
    constexpr float inf = std::numeric_limits<float>::infinity();
    BOOST_TEST(good({ 1.0f }));
    BOOST_TEST(good({ 0.0f, 1.0f }));
    BOOST_TEST(good({ 0.5f, 0.4995f }));
    BOOST_TEST(!good({ 0.5f, 0.498f }));
    BOOST_TEST(!good({ 0.5f, 0.502f }));
    BOOST_TEST(!good({ 1.1f, -0.1f }));
    BOOST_TEST(!good({ nan, 1.0f }));
    BOOST_TEST(!good({ 1.0f, inf }));
    BOOST_TEST(!good({ inf, -inf }));
    BOOST_TEST(!good({ 0.0f, 0.0f }));
    BOOST_TEST(!good({}));
}

BOOST_AUTO_TEST_CASE(top_two_finds_label_confidence_and_margin)
{
    const auto check =
        [](std::vector<float> v, int label, float confidence, float margin) {
            const top_two top = top_two_of(v.data(), v.size());
            BOOST_TEST(top.label == label);
            BOOST_TEST(top.confidence == confidence);
            BOOST_TEST(top.margin == margin, boost::test_tools::tolerance(1e-6f));
        };
    check({ 0.7f, 0.2f, 0.1f }, 0, 0.7f, 0.5f);
    check({ 0.1f, 0.2f, 0.7f }, 2, 0.7f, 0.5f);
    check({ 0.2f, 0.5f, 0.3f }, 1, 0.5f, 0.2f);
    check({ 0.4f, 0.4f, 0.2f }, 0, 0.4f, 0.0f);
    check({ 1.0f }, 0, 1.0f, 1.0f);
    check({ 0.0f, 0.0f }, 0, 0.0f, 0.0f);
    check({}, -1, 0.0f, 0.0f);
}

} // namespace speculative
} // namespace gr
