/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_OFFLINE_CASCADE_H
#define INCLUDED_SPECULATIVE_CORE_OFFLINE_CASCADE_H

#include <gnuradio/speculative/api.h>
#include <gnuradio/speculative/fast_model.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gr {
namespace speculative {

/*! The blocks' cascade without blocks, for Python: one vector at a time, on the clock of
 * this machine. One thread at a time. */
class SPECULATIVE_API offline_cascade
{
public:
    /*! What is published about one vector at one time, in the words of docs/protocol.md. */
    struct answer {
        std::string status; //!< provisional, final, revised
        std::string source;
        int label = -1;
        double confidence = 0.0;
        bool deferred = false;
        uint64_t seq = 0;                 //!< if deferred
        std::optional<uint64_t> emission; //!< where emissions are asked about
        double elapsed_ms = 0.0;
        std::vector<float> scores; //!< [C]
    };

    /*! \param threshold 0..1; negative: the model's
     * \param deadline seconds, > 0
     * \param conditions_strength 0 (off) to 1, how far conditions may raise the threshold
     * \throws std::invalid_argument naming the value that is out of range */
    offline_cascade(const fast_model& model,
                    double threshold,
                    double deadline,
                    double conditions_strength);
    ~offline_cascade();

    /*! \param posterior [C] of the fast model  \param x [N] its input */
    answer on_vector(const std::vector<float>& posterior, const std::vector<float>& x);
    void on_invalid();

    /*! What follows has nothing to do with what came before. */
    void restart();

    /*! As fast_classifier's. */
    void set_per_emission(bool on);

    /*! \param scores [C] class probabilities of the slow model; empty: it failed
     * \return nothing if nothing is to be published */
    std::optional<answer> on_verdict(uint64_t seq, const std::vector<float>& scores);

    /*! The next deferral whose deadline has passed. */
    std::optional<answer> expire();

    /*! As a message on the port `conditions`. \return false if it was too old to count */
    bool on_conditions(double propagation_quality,
                       bool tropospheric_duct_present,
                       double noise_level,
                       double timestamp);

    double threshold() const; //!< in force
    std::map<std::string, uint64_t> counters() const;
    double latency_quantile(double q) const; //!< ms

private:
    struct impl;
    std::unique_ptr<impl> d_impl;
};

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_OFFLINE_CASCADE_H */
