/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/deferral_rules.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <stdexcept>

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

double benefit_of(const classified_vector& vector, const benefit_model& benefit)
{
    std::array<float, 3> top{}; // a third of two labels is 0
    std::partial_sort_copy(vector.posterior,
                           vector.posterior + vector.classes,
                           top.begin(),
                           top.end(),
                           std::greater<>());
    const spectrum_levels levels = levels_of(vector.spectrum, vector.bins);
    const std::array<double, 7> inputs{ top[0],
                                        top[1],
                                        top[2],
                                        top[0] - top[1],
                                        entropy_of(vector.posterior, vector.classes),
                                        levels.peak,
                                        levels.occupied };
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

spectrum_levels levels_of(const float* x, size_t n)
{
    if (!x)
        return {};
    constexpr size_t lanes = 16; // independent of each other, so that compilers vectorise
    constexpr float occupied = 0.5f;
    std::array<float, lanes> peak;
    std::array<int, lanes> count{};
    std::copy_n(x, lanes, peak.begin());
    for (size_t i = 0; i < n; i += lanes)
        for (size_t k = 0; k < lanes; k++) {
            const float value = x[i + k];
            peak[k] = value > peak[k] ? value : peak[k];
            count[k] += value >= occupied;
        }
    const int total = std::accumulate(count.begin(), count.end(), 0);
    return { *std::max_element(peak.begin(), peak.end()),
             static_cast<float>(total) / static_cast<float>(n) };
}

double threshold_strata::of(const classified_vector& vector, double common) const
{
    if (thresholds.empty())
        return common;
    size_t stratum = vector.top.label;
    if (by_snr()) {
        const double peak = levels_of(vector.spectrum, vector.bins).peak;
        stratum = std::upper_bound(edges.begin(), edges.end(), peak) - edges.begin();
    }
    return std::isnan(thresholds[stratum]) ? common : thresholds[stratum];
}

} // namespace speculative
} // namespace gr
