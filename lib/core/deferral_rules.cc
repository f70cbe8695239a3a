/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/deferral_rules.h"

#include "kernels/kernels.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <utility>

namespace gr {
namespace speculative {

namespace {

double entropy_of(const float* p, size_t n)
{
    double entropy = 0.0;
    for (size_t i = 0; i < n; i++)
        entropy -= p[i] > 0.0f ? p[i] * std::log(p[i]) : 0.0f;
    return n > 1 ? entropy / std::log(static_cast<double>(n)) : 0.0;
}

std::array<float, 3> top_three_of(const float* p, size_t n)
{
    std::array<float, 3> top{}; // a third of two labels is 0
    for (size_t i = 0; i < n; i++) {
        float value = p[i];
        for (float& place : top) { // no branches, which nothing could predict
            const float smaller = std::min(value, place);
            place = std::max(value, place);
            value = smaller;
        }
    }
    return top;
}

double benefit_of(const classified_vector& vector, const benefit_model& benefit)
{
    const auto top = top_three_of(vector.posterior, vector.classes);
    const std::array<double, 7> inputs{ top[0],
                                        top[1],
                                        top[2],
                                        top[0] - top[1],
                                        entropy_of(vector.posterior, vector.classes),
                                        vector.levels.peak,
                                        vector.levels.occupied };
    const double z = std::inner_product(inputs.begin(),
                                        inputs.end(),
                                        benefit.weights.begin(),
                                        benefit.bias + benefit.labels[vector.top.label]);
    return 1.0 / (1.0 + std::exp(-z));
}

} // namespace

deferral_rule deferral_rule_from(const std::string& word)
{
    if (word == "margin")
        return deferral_rule::margin;
    if (word == "max_probability")
        return deferral_rule::max_probability;
    if (word == "entropy")
        return deferral_rule::entropy;
    if (word == "benefit")
        return deferral_rule::benefit;
    throw std::invalid_argument(
        "rule is '" + word + "', expected margin, max_probability, entropy or benefit");
}

double deferral_score(deferral_rule rule,
                      const classified_vector& vector,
                      const benefit_model& benefit)
{
    switch (rule) {
    case deferral_rule::max_probability:
        return vector.top.confidence;
    case deferral_rule::entropy:
        return 1.0 - entropy_of(vector.posterior, vector.classes);
    case deferral_rule::benefit:
        return 1.0 - benefit_of(vector, benefit);
    default:
        return vector.top.margin;
    }
}

spectrum_levels levels_of(const kernel_set& kernels, const float* x, size_t n)
{
    spectrum_levels levels;
    levels.occupied = static_cast<float>(kernels.levels(x, n, 0.5f, &levels.peak)) /
                      static_cast<float>(n);
    return levels;
}

double threshold_strata::of(int16_t label, float peak, double common) const
{
    if (thresholds.empty())
        return common;
    const size_t stratum =
        by_snr() ? std::upper_bound(edges.begin(), edges.end(), peak) - edges.begin()
                 : label;
    return std::isnan(thresholds[stratum]) ? common : thresholds[stratum];
}

} // namespace speculative
} // namespace gr
