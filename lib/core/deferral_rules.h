/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_DEFERRAL_RULES_H
#define INCLUDED_SPECULATIVE_CORE_DEFERRAL_RULES_H

#include "core/merge.h"

#include <gnuradio/speculative/fast_model.h>

#include <array>
#include <string>
#include <vector>

namespace gr {
namespace speculative {

struct kernel_set;

/*! What the learned rule and strata of SNR want to know of a normalised spectrum. */
struct spectrum_levels {
    float peak = 0.0f;     //!< the largest bin
    float occupied = 0.0f; //!< share of the bins at or above 0.5, 10 dB over the floor
};

//! \param x [n], n >= 1
spectrum_levels levels_of(const kernel_set& kernels, const float* x, size_t n);

/*! A vector and what the fast model says about it, as rules and strata look at it. */
struct classified_vector {
    const float* posterior = nullptr; //!< [classes]
    size_t classes = 0;
    top_two top;            //!< of the posterior
    spectrum_levels levels; //!< of the network's input, where the policy wants_levels()
};

/*! Logistic model of "the slow model is right and the fast one wrong": the rule `benefit`. */
struct benefit_model {
    //! of p1, p2, p3, p1 - p2, the entropy over log C, peak, occupied
    std::array<double, 7> weights{};
    std::vector<double> labels; //!< [C], by the fast model's label; empty: no model
    double bias = 0.0;
};

//! \throws std::invalid_argument naming the unknown word and the known ones
deferral_rule deferral_rule_from(const std::string& word);

/*! The rule's score of a vector, 0..1: how sure the fast model is (docs/deferral.md).
 * \param benefit which the rule of that name needs; only that rule looks at it and at the levels */
double deferral_score(deferral_rule rule,
                      const classified_vector& vector,
                      const benefit_model& benefit);

/*! Parts of the vectors that have thresholds of their own: by the fast model's label, or by the
 * peak of the spectrum over its floor, an estimate of the SNR. */
struct threshold_strata {
    std::vector<double> thresholds; //!< by stratum, NaN: the common one; empty: no strata
    std::vector<double> edges;      //!< of the peak, ascending; empty: strata are labels

    bool by_snr() const { return !edges.empty(); }
    /*! \param label of the fast model  \param peak of the spectrum
     * \return the threshold of that stratum, or `common` */
    double of(int16_t label, float peak, double common) const;
};

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_DEFERRAL_RULES_H */
