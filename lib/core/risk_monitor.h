/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_RISK_MONITOR_H
#define INCLUDED_SPECULATIVE_CORE_RISK_MONITOR_H

#include <array>
#include <cstddef>
#include <cstdint>

namespace gr {
namespace speculative {

struct risk_config {
    /*! Share of audits on which fast and slow disagree when all is well, in (0, 1). */
    double baseline = 0.004;
    /*! Audits between two false alarms, on average at least, >= 100. */
    double run_length = 20000.0;
    /*! Audits after which one counts half in the estimate, >= 1. */
    double half_life = 1000.0;
};

/*! Watches what audits say: how often the published label of a vector that was not meant
 * to be deferred is another than the slow model's.
 *
 * Estimate: each audit stands for 1/p vectors, p the probability with which it was drawn
 * (Horvitz and Thompson, 1952); older ones fade. The interval is Wilson's at 95 % for the
 * effective number of audits, (sum w)^2 / sum w^2 (Kish, 1965).
 *
 * Alarm: an e-detector (Shin, Ramdas, Rinaldo, 2024) of Shiryaev-Roberts type: a mixture
 * over a few worse disagreement rates, by their odds, of M <- (M + 1) * likelihood ratio
 * against the baseline. While the disagreement rate is at most the baseline, M minus the
 * number of audits is a supermartingale, so that the mean run length to M >= run_length is
 * at least run_length.
 */
class risk_monitor
{
public:
    /*! \throws std::invalid_argument naming the value that is out of range */
    explicit risk_monitor(const risk_config& config = {});

    /*! The verdict on an audited vector.
     * \param disagrees the slow model's label is not the published one
     * \param probability with which this vector was drawn, in (0, 1]
     * \return true if this raises the alarm; the detector then starts afresh */
    bool add(bool disagrees, double probability);

    double risk() const; //!< share of accepted vectors on which the models disagree; 0
                         //!< before the first
    double risk_lower() const; //!< 95 % interval; 0..1 before the first audit
    double risk_upper() const;
    double evidence() const; //!< of the detector: alarm at run_length
    uint64_t audits() const { return d_audits; }
    uint64_t alarms() const { return d_alarms; }
    const risk_config& config() const { return d_config; }

private:
    static constexpr size_t n_alternatives = 3;

    double bound(double sign) const;

    risk_config d_config;
    double d_decay = 1.0;
    double d_weights = 0.0;         // sum w
    double d_squared_weights = 0.0; // sum w^2
    double d_disagreeing = 0.0;     // sum w over disagreements
    std::array<double, n_alternatives> d_agree_ratio{};
    std::array<double, n_alternatives> d_disagree_ratio{};
    std::array<double, n_alternatives> d_evidence{};
    uint64_t d_audits = 0;
    uint64_t d_alarms = 0;
};

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_RISK_MONITOR_H */
