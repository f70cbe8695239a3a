/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_FAST_CLASSIFIER_H
#define INCLUDED_SPECULATIVE_FAST_CLASSIFIER_H

#include <gnuradio/speculative/api.h>
#include <gnuradio/speculative/fast_model.h>
#include <gnuradio/sync_block.h>

#include <cstdint>
#include <limits>
#include <map>
#include <string>

namespace gr {
namespace speculative {

/*!
 * \brief Classifies every FFT vector inline and defers those it is unsure of.
 * \ingroup speculative
 *
 * \details
 * Input: vectors of fft_size items. Outputs, all optional: 0 the vectors as they came,
 * with a tag `uncertain` (dict seq, label, confidence) on each deferred one; 1 label
 * (int16, index into labels(); -1 for an invalid vector); 2 confidence (float, 0..1).
 *
 * Message ports (docs/protocol.md): out `deferred` (to slow_link, slow_model or a
 * gr-zeromq message sink), `results`, `telemetry`; in `verdicts`, `conditions`, and `cmd` (a
 * pair or a dict of the live settings: threshold, deadline, center_frequency, rule, budget,
 * burst, audit_fraction, conditions_strength, per_emission). A deferred vector's
 * provisional result leaves at once; a verdict before the deadline is merged in and
 * published as `revised`, otherwise the fast result becomes final with source
 * `fast_fallback`. Nothing in the stream ever waits for a verdict.
 *
 * Stream tags `rx_time`, `rx_rate` and `rx_freq` are honoured, their offsets counting
 * vectors. A vector on which the frequency or the rate changes is invalid (the change
 * lies somewhere inside it), as is one with NaN or infinite values.
 */
class SPECULATIVE_API fast_classifier : virtual public gr::sync_block
{
public:
    typedef std::shared_ptr<fast_classifier> sptr;

    /*!
     * \param model path of a fast model (ONNX with its contract in the metadata)
     * \param fft_size bins a vector, as the model wants it; 0: the model's
     * \param sample_rate Hz, of the complex samples before the FFT; > 0
     * \param input what the vectors hold
     * \param shift true if bin 0 is DC, false if the spectrum is already DC centred
     * \param threshold 0 (defer nothing) to 1 (defer all); negative: the model's own
     * \param deadline seconds a deferred vector waits for its verdict, > 0
     * \param center_frequency Hz, until an `rx_freq` tag says otherwise
     * \param vector_hop samples between the starts of two vectors; 0: fft_size (no overlap)
     * \param max_in_flight deferred vectors that may wait at once, >= 1; more are counted
     *        `dropped` and keep their fast label
     * \param max_run 1 publishes a result for every vector; n joins up to n successive
     *        accepted vectors of one label into one result with `count`, for high rates
     * \param telemetry_interval seconds between telemetry messages, >= 0.01; 0: none
     * \param node_id name in messages; empty: the host's
     * \throws std::runtime_error naming a model file that is missing, damaged or unsupported
     * \throws std::invalid_argument naming a parameter that is out of range
     */
    static sptr make(const std::string& model,
                     size_t fft_size,
                     double sample_rate,
                     input_kind input = input_kind::complex_fft,
                     bool shift = false,
                     double threshold = -1.0,
                     double deadline = 2.0,
                     double center_frequency = 0.0,
                     size_t vector_hop = 0,
                     size_t max_in_flight = 256,
                     size_t max_run = 1,
                     double telemetry_interval = 1.0,
                     const std::string& node_id = "");

    /*! Live setters; they take effect from the next vectors on and throw
     * std::invalid_argument for a value out of the constructor's range. */
    virtual void set_threshold(double threshold) = 0;
    virtual void set_deadline(double seconds) = 0;
    virtual void set_center_frequency(double hz) = 0;

    /*! \param rule `margin`, `max_probability`, `entropy`, `benefit` (where the model file has
     *        one), or empty: the model's own */
    virtual void set_rule(const std::string& rule) = 0;

    /*! Bounds deferrals to rate*t + burst over any t seconds of the stream; what is over it is
     * published with source `fast_unbudgeted`.
     * \param rate deferrals a second, > 0; 0: no limit, as to begin with
     * \param burst >= 1 */
    virtual void set_budget(double rate, double burst = 32.0) = 0;

    /*! Defers confident vectors too, at random, to see what would otherwise be invisible: the
     * telemetry then tells the live risk, and a drift raises the threshold.
     * \param fraction 0 (none, as to begin with) to 1
     * \param seed 1 to 2147483646, of the draw, which begins anew with another seed: the same
     *        vectors in, the same audits */
    virtual void set_audit_fraction(double fraction, uint64_t seed = 1) = 0;

    /*! How far messages on `conditions` may raise the threshold.
     * \param strength 0 (not at all, as to begin with) to 1
     * \param lifetime seconds that a message counts, > 0
     * \param usual_noise dB, the site's noise_level when all is well; NaN: it does not count */
    virtual void
    set_conditions(double strength,
                   double lifetime = 3600.0,
                   double usual_noise = std::numeric_limits<double>::quiet_NaN()) = 0;

    /*! Whether the slow model is asked about emissions and not about each of their vectors
     * (docs/deferral.md). As any setting it holds from one vector to the next: what was known of
     * emissions is forgotten, and what is in flight is answered all the same.
     * \param on false to begin with */
    virtual void set_per_emission(bool on) = 0;

    virtual bool per_emission() const = 0;
    virtual double threshold() const = 0;
    virtual double deadline() const = 0; //!< seconds
    virtual const fast_model& model() const = 0;

    /*! All counters by name (docs/architecture.md), one consistent snapshot. */
    virtual std::map<std::string, uint64_t> counters() const = 0;

    /*! The latency from deferral to merged verdict, in ms, that a share q of the in-time
     * verdicts did not exceed (within 5 %); 0 before the first. */
    virtual double latency_quantile(double q) const = 0;
};

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_FAST_CLASSIFIER_H */
