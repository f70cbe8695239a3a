/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_MERGE_H
#define INCLUDED_SPECULATIVE_CORE_MERGE_H

#include <cstddef>
#include <cstdint>

namespace gr {
namespace speculative {

enum class merge_rule { log_linear, linear };

/*! How the fast posterior p and the slow posterior q become one.
 *
 * log_linear: r is proportional to p^weight_fast q^weight_slow (a product of experts; the
 * weights come from stacking on held-out negative log-likelihood). linear: r =
 * weight_slow q + weight_fast p with weights that sum to 1. Weights are >= 0 and not both
 * 0.
 */
struct merge_weights {
    merge_rule rule = merge_rule::log_linear;
    double fast = 0.5;
    double slow = 0.5;
};

/*! \param p, q [n] probabilities  \param out [n] probabilities; may be p or q */
void merge(
    const merge_weights& weights, const float* p, const float* q, size_t n, float* out);

/*! True if the n values are finite, >= 0 and sum to 1 within 1e-3. */
bool is_distribution(const float* p, size_t n);

/*! The best label of a distribution and how far the next one is behind. */
struct top_two {
    int16_t label = -1;
    float confidence = 0.0f; //!< the largest probability
    float margin = 0.0f;     //!< largest minus second largest
};
top_two top_two_of(const float* p, size_t n);

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_MERGE_H */
