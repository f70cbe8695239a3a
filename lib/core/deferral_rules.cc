/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/deferral_rules.h"

#include "kernels/kernels.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <utility>

namespace gr {
namespace speculative {

namespace {

// Extensions of GCC and Clang; four lanes, which every processor has.
using floats = float __attribute__((vector_size(16)));
using integers = int32_t __attribute__((vector_size(16)));
constexpr size_t lanes = 4;

// log2(x) for a normal x > 0, within 4e-7 plus rounding: with x = 2^e (1 + t),
// sqrt(1/2) <= 1 + t < sqrt(2), it is e + t Q(t), Q as in the kernels' decibels.
floats log2_of(floats x)
{
    integers bits;
    std::memcpy(&bits, &x, sizeof(bits));
    const integers exponent = (bits - 0x3f3504f3) >> 23; // 0x3f3504f3: sqrt(1/2)
    bits -= exponent << 23;
    floats mantissa;
    std::memcpy(&mantissa, &bits, sizeof(mantissa));
    const floats t = mantissa - 1.0f;
    const floats t2 = t * t; // in pairs, which do not wait for each other
    const floats q = (1.44269970f - 0.72137590f * t) +
                     (0.48046502f - 0.35896185f * t) * t2 +
                     (0.29726258f - 0.27269793f * t + 0.17063446f * t2) * (t2 * t2);
    return __builtin_convertvector(exponent, floats) + t * q;
}

double entropy_of(const float* p, size_t n)
{
    constexpr float smallest = std::numeric_limits<float>::min();
    floats sum{};
    for (size_t i = 0; i < n; i += lanes) {
        floats x{}; // 0 log 0 = 0, also beyond n
        if (i + lanes <= n)
            std::memcpy(&x, p + i, sizeof(x));
        else
            std::copy(p + i, p + n, reinterpret_cast<float*>(&x));
        sum -= x * log2_of(x > smallest ? x : smallest - floats{});
    }
    const float bits = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    return n > 1 ? bits / log2_of(floats{} + static_cast<float>(n))[0] : 0.0f;
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
    return 1.0f / (1.0f + std::exp(static_cast<float>(-z)));
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
