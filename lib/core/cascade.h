/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_CASCADE_H
#define INCLUDED_SPECULATIVE_CORE_CASCADE_H

#include "core/counters.h"
#include "core/deferral_policy.h"
#include "core/emission_tracker.h"
#include "core/latency_histogram.h"
#include "core/merge.h"
#include "core/messages.h"
#include "core/pending_table.h"
#include "core/result.h"

#include <gnuradio/speculative/fast_model.h>

#include <optional>

namespace gr {
namespace speculative {

struct cascade_config {
    size_t classes = 0; //!< C >= 1
    size_t bins = 0;    //!< N of the spectra, if they are given
    size_t context = 1; //!< vectors that the slow model sees at once, K >= 1
    int16_t noise = -1; //!< label of vectors with nothing on air; -1: none has it
    policy_config policy;
    merge_weights merge;
    const kernel_set* kernels = &reference_kernels();       //!< the model's
    monotonic::duration deadline = std::chrono::seconds(2); //!< > 0
    size_t max_in_flight = 256;                             //!< >= 1
    bool per_emission = false; //!< ask about emissions, see emission_tracker
};

/*! What a fast model's contract says, with the rest as it is by default.
 * \param threshold 0..1; negative: the model's own  \param deadline seconds
 * \throws std::invalid_argument for a deadline that is out of range */
cascade_config config_of(const fast_model& model, double threshold, double deadline);

/*! Decides what the fast model may answer alone, remembers what it may not, merges
 * verdicts.
 *
 * Plain single-threaded bookkeeping: the caller holds a lock around each call and passes
 * the time. Nothing blocks and nothing allocates after the `result` passed in has grown
 * to C scores. counters().conserved() holds after every call.
 *
 * With per_emission the vectors of one transmission share an opinion: their fast posteriors
 * are fused, one of them is deferred for all, and its verdict is fused into what is published
 * of those that follow. All others count as accepted. A revised result then holds for the
 * emission's earlier vectors, too.
 */
class cascade
{
public:
    /*! \throws std::invalid_argument naming the value that is out of range */
    explicit cascade(const cascade_config& config);

    /*! A classified vector. \param x [N] its normalised spectrum, as the network saw it;
     * nullptr: not known, not with per_emission \param levels of it, where policy().wants_levels()
     * \param scores [C] calibrated posterior of the fast model
     * \return the result to publish now: final (accepted, over budget, or a fallback because
     * the table is full) or provisional; a provisional one has a seq under which its verdict
     * is awaited */
    void on_vector(const vector_position& where,
                   const float* x,
                   const spectrum_levels& levels,
                   const float* scores,
                   monotonic::time_point now,
                   result& out);

    /*! A new stream: what was known of emissions no longer counts. */
    void restart();

    /*! A vector that could not be classified. */
    void on_invalid() { d_counters.vectors++, d_counters.invalid++; }

    /*! A verdict of this session. Call expire() first: what is still in flight counts as
     * in time. \return true if `out` is a result to publish */
    bool on_verdict(const verdict& v, monotonic::time_point now, result& out);

    /*! A message on the verdict port that is no verdict, or one of another session. */
    void on_malformed() { d_counters.malformed++; }
    void on_unknown() { d_counters.unknown++; }

    /*! The next deferral whose deadline has passed; call until it returns false. */
    bool expire(monotonic::time_point now, result& out);

    /*! The next deferral still in flight, given up; call until it returns false. */
    bool abandon(monotonic::time_point now, result& out);

    /*! Whether emissions are asked about. When that changes, what was known of them no longer
     * counts; what is in flight is answered all the same.
     * \throws std::invalid_argument if `bins` is no multiple of 32 >= 32 */
    void set_per_emission(bool on);
    bool per_emission() const { return d_config.per_emission; }

    //! \throws std::invalid_argument if not positive
    void set_deadline(monotonic::duration deadline);
    monotonic::duration deadline() const { return d_config.deadline; }

    deferral_policy& policy() { return d_policy; }
    const deferral_policy& policy() const { return d_policy; }

    /*! A consistent view: in_flight is up to date. */
    const struct counters& counters() const { return d_counters; }
    const latency_histogram& latency() const { return d_latency; }

private:
    observation
    observe(const vector_position& where, const float* x, const float* scores);
    result_source merged_source() const;
    void land(pending& entry, pending_state state);
    void describe(const pending& entry, monotonic::time_point now, result& out) const;
    void fall_back(pending& entry,
                   pending_state state,
                   monotonic::time_point now,
                   result& out);
    void check_audit(const pending& entry, const verdict& v);
    void merge_in(pending& entry,
                  const verdict& v,
                  bool late,
                  monotonic::time_point now,
                  result& out);

    cascade_config d_config;
    deferral_policy d_policy;
    std::optional<emission_tracker> d_emissions;
    double d_frequency = 0.0; // of the vector before, Hz
    double d_rate = 0.0;
    pending_table d_pending;
    struct counters d_counters;
    latency_histogram d_latency;
};

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_CASCADE_H */
