/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/merge.h"

#include <algorithm>
#include <cmath>

namespace gr {
namespace speculative {

namespace {

// Probabilities that underflowed to zero must not veto the other model.
constexpr double smallest = 1e-7;

void log_linear(
    const merge_weights& weights, const float* p, const float* q, size_t n, float* out)
{
    double largest = -HUGE_VAL;
    for (size_t i = 0; i < n; i++) {
        const double log_r = weights.fast * std::log(std::max<double>(p[i], smallest)) +
                             weights.slow * std::log(std::max<double>(q[i], smallest));
        out[i] = static_cast<float>(log_r);
        largest = std::max(largest, log_r);
    }
    double total = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double r = std::exp(out[i] - largest);
        out[i] = static_cast<float>(r);
        total += r;
    }
    for (size_t i = 0; i < n; i++)
        out[i] = static_cast<float>(out[i] / total);
}

} // namespace

void merge(
    const merge_weights& weights, const float* p, const float* q, size_t n, float* out)
{
    if (weights.rule == merge_rule::log_linear) {
        log_linear(weights, p, q, n, out);
        return;
    }
    for (size_t i = 0; i < n; i++)
        out[i] = static_cast<float>(weights.fast * p[i] + weights.slow * q[i]);
}

bool is_distribution(const float* p, size_t n)
{
    double total = 0.0;
    for (size_t i = 0; i < n; i++) {
        if (!std::isfinite(p[i]) || p[i] < 0.0f)
            return false;
        total += p[i];
    }
    return std::abs(total - 1.0) <= 1e-3;
}

top_two top_two_of(const float* p, size_t n)
{
    top_two best;
    float second = 0.0f;
    for (size_t i = 0; i < n; i++) {
        if (best.label < 0 || p[i] > best.confidence) {
            second = best.confidence;
            best.confidence = p[i];
            best.label = static_cast<int16_t>(i);
        } else {
            second = std::max(second, p[i]);
        }
    }
    best.margin = best.confidence - second;
    return best;
}

} // namespace speculative
} // namespace gr
