/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/deferral_rules.h"

#include "kernels/kernels.h"

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <stdexcept>
#include <vector>

namespace gr {
namespace speculative {

namespace {

using floats = std::vector<float>;

classified_vector vector_of(const floats& p, const spectrum_levels& levels = {})
{
    return { p.data(), p.size(), top_two_of(p.data(), p.size()), levels };
}

double score(deferral_rule rule, const floats& p)
{
    return deferral_score(rule, vector_of(p), {});
}

// Bins of 0, but for `value` at one place.
floats with_a_peak(float value, size_t where, size_t n = 64)
{
    floats x(n);
    x[where] = value;
    return x;
}

} // namespace

BOOST_AUTO_TEST_CASE(names_of_rules)
{
    for (const auto& [word, rule] :
         { std::pair{ "margin", deferral_rule::margin },
           { "max_probability", deferral_rule::max_probability },
           { "entropy", deferral_rule::entropy },
           { "benefit", deferral_rule::benefit } })
        BOOST_TEST((deferral_rule_from(word) == rule));
    for (const char* const word : { "", "Margin", "loudest" })
        BOOST_CHECK_THROW(deferral_rule_from(word), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(scores_of_the_posterior)
{
    const floats p{ 0.25f, 0.625f, 0.125f };
    BOOST_TEST(score(deferral_rule::margin, p) == 0.375);
    BOOST_TEST(score(deferral_rule::max_probability, p) == 0.625);
}

BOOST_AUTO_TEST_CASE(entropy_scores_0_for_even_and_1_for_certain)
{
    const auto entropy = [](const floats& p) { return score(deferral_rule::entropy, p); };
    BOOST_TEST(std::abs(entropy({ 0.25f, 0.25f, 0.25f, 0.25f })) < 1e-6);
    BOOST_TEST(entropy({ 0.0f, 1.0f, 0.0f }) == 1.0);
    // H(1/2, 1/2, 0) = log 2
    BOOST_TEST(std::abs(entropy({ 0.5f, 0.5f, 0.0f }) -
                        (1.0 - std::log(2.0) / std::log(3.0))) < 1e-6);
}

BOOST_AUTO_TEST_CASE(levels_are_the_peak_and_the_occupied_share)
{
    const auto levels = [](const floats& x) {
        return levels_of(choose_kernels(""), x.data(), x.size());
    };
    for (size_t where = 0; where < 64; where++) { // in every lane
        const spectrum_levels found = levels(with_a_peak(2.5f, where));
        BOOST_TEST_REQUIRE(found.peak == 2.5f);
        BOOST_TEST_REQUIRE(found.occupied == 1.0f / 64.0f);
    }
    floats x(1024, -1.0f);
    BOOST_TEST(levels(x).peak == -1.0f);
    BOOST_TEST(levels(x).occupied == 0.0f);
    std::fill_n(x.begin() + 100, 256, 0.5f); // just occupied
    std::fill_n(x.begin() + 400, 256, std::nextafter(0.5f, 0.0f));
    BOOST_TEST(levels(x).occupied == 0.25f);
}

BOOST_AUTO_TEST_CASE(the_benefit_is_its_formula)
{
    benefit_model model;
    model.weights = { 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0 };
    model.labels = { 10.0, 20.0, 30.0, 40.0 };
    model.bias = -55.0;
    const floats p{ 0.25f, 0.25f, 0.0f, 0.5f }; // H = 1.5 bits of 2
    const spectrum_levels levels{ 2.0f, 1.0f / 64.0f };
    const double z = -55.0 + 0.5 + 2 * 0.25 + 3 * 0.25 + 4 * 0.25 + 5 * 0.75 + 6 * 2.0 +
                     7.0 / 64.0 + 40.0;
    const double found =
        deferral_score(deferral_rule::benefit, vector_of(p, levels), model);
    BOOST_TEST(std::abs(found - (1.0 - 1.0 / (1.0 + std::exp(-z)))) < 1e-6);

    model.labels = { -40.0, 50.0 }; // two labels have no third
    const floats two{ 0.75f, 0.25f };
    const double h = 2.0 - 0.75 * std::log2(3.0);
    const double z2 =
        -55.0 + 0.75 + 2 * 0.25 + 4 * 0.5 + 5 * h + 6 * 2.0 + 7.0 / 64.0 - 40.0;
    const double sure =
        deferral_score(deferral_rule::benefit, vector_of(two, levels), model);
    BOOST_TEST(std::abs(sure - (1.0 - 1.0 / (1.0 + std::exp(-z2)))) < 1e-6);

    for (const double bias : { -1e6, 1e6 }) { // far out it is 0 or 1, not NaN
        model.bias = bias;
        BOOST_TEST(deferral_score(deferral_rule::benefit,
                                  vector_of(two, levels),
                                  model) == (bias < 0.0 ? 1.0 : 0.0));
    }
}

BOOST_AUTO_TEST_CASE(strata_by_label)
{
    const threshold_strata none;
    const threshold_strata strata{ { 0.25, std::nan(""), 1.0 }, {} };
    const double expected[] = { 0.25, 0.5, 1.0 };
    for (int16_t label = 0; label < 3; label++) {
        BOOST_TEST(strata.of(label, 2.0f, 0.5) == expected[label]);
        BOOST_TEST(none.of(label, 2.0f, 0.5) == 0.5);
    }
}

BOOST_AUTO_TEST_CASE(strata_by_snr_hold_what_lies_on_their_lower_edge)
{
    const threshold_strata strata{ { 0.9, std::nan(""), 0.1 }, { 1.0, 2.0 } };
    BOOST_TEST(strata.of(0, -1.0f, 0.5) == 0.9);
    BOOST_TEST(strata.of(1, std::nextafter(1.0f, 0.0f), 0.5) == 0.9);
    BOOST_TEST(strata.of(2, 1.0f, 0.5) == 0.5);
    BOOST_TEST(strata.of(3, 1.9f, 0.5) == 0.5);
    BOOST_TEST(strata.of(4, 2.0f, 0.5) == 0.1);
    BOOST_TEST(strata.of(5, 3.0f, 0.5) == 0.1);
}

} // namespace speculative
} // namespace gr
