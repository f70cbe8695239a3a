/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_DEFERRAL_POLICY_H
#define INCLUDED_SPECULATIVE_CORE_DEFERRAL_POLICY_H

#include "core/conditions.h"
#include "core/deferral_budget.h"
#include "core/deferral_rules.h"
#include "core/risk_monitor.h"

#include <limits>
#include <random>

namespace gr {
namespace speculative {

struct policy_config {
    deferral_rule rule = deferral_rule::margin;
    benefit_model benefit;   //!< of the rule of that name, which needs it
    double threshold = 0.85; //!< 0..1: a vector whose score is lower is uncertain
    threshold_strata strata; //!< thresholds that count instead of it
    double budget =
        std::numeric_limits<double>::infinity(); //!< deferrals a second of stream
    double burst = 32.0;                         //!< see deferral_budget
    double audit_fraction = 0.0;                 //!< 0..1, 0: no audits
    risk_config risk;
    conditions_config conditions;
    uint64_t seed = 1; //!< of the draw of audits, 1..max_seed
};

constexpr uint64_t max_seed = std::minstd_rand::modulus - 1;

enum class deferral {
    none,       //!< the fast model is sure enough
    uncertain,  //!< it is not: ask
    audit,      //!< it is, but drawn at random to be checked
    unbudgeted, //!< it is not, but asking is over budget
};

enum class threshold_cause { set, alarm, conditions };
const char* to_string(threshold_cause cause);

struct threshold_change {
    double before = 0.0;
    double after = 0.0;
    threshold_cause cause = threshold_cause::set;
};

/*! Which vectors the slow model is asked about.
 *
 * The score of the rule is held against the threshold; uncertain vectors are bought from the
 * budget with 1 - score as their benefit. Among confident ones each is drawn with probability
 * audit_fraction to be audited, at most one in a run of vectors of one label (what follows it
 * would say much the same). The threshold in force is the one that was set (for the vector's
 * stratum, if there are strata), raised half-way to 1 by each drift alarm until it is set anew,
 * and raised further while conditions are poor.
 *
 * Deterministic under its seed. Times: `stream_time` in seconds, not decreasing; `now` monotonic.
 */
class deferral_policy
{
public:
    //! \throws std::invalid_argument naming the value that is out of range
    explicit deferral_policy(const policy_config& config);

    struct decision {
        deferral what = deferral::none;
        double probability = 1.0; //!< with which an audit was drawn
    };

    decision decide(const classified_vector& vector,
                    double stream_time,
                    monotonic::time_point now);

    /*! What may be asked about the emission that a vector belongs to. */
    struct question {
        bool due = true;      //!< it may be asked about now
        bool known = true;    //!< if not, it is uncertain whatever the score
        double* audit_chance; //!< that none of it was drawn before; 1 to begin with
        bool again = false;   //!< asked whatever the score, if the budget has a token
    };

    /*! The same where emissions are asked about and not each of their vectors. With a
     * threshold of 0 nothing is. At most one audit an emission. */
    decision decide(const classified_vector& vector,
                    const question& about,
                    double stream_time,
                    monotonic::time_point now);

    /*! The verdict on an audit. \return true if it raised the alarm, and the threshold */
    bool on_audit(bool disagrees, double probability);

    /*! See conditions_state::update(). */
    bool on_conditions(const conditions& c,
                       monotonic::time_point now,
                       monotonic::duration age);

    //! In force; where there are strata, for vectors of those without one of their own.
    double threshold(monotonic::time_point now) const;

    /*! Tells of each change of the threshold in force, once, also where only strata are set or
     * replaced, and before and after are the same. \return false if there was none
     * since the last call */
    bool changed(monotonic::time_point now, threshold_change& change);

    //! Setters throw std::invalid_argument for values out of range, and then change nothing.
    void set_threshold(double threshold, const threshold_strata& strata = {});
    void set_rule(deferral_rule rule);
    void set_budget(double rate, double burst);
    //! With another seed than before, the draw begins anew.
    void set_audits(double fraction, uint64_t seed);
    void set_conditions(const conditions_config& config);

    //! Whether what is in force looks at classified_vector::levels.
    bool wants_levels() const
    {
        return d_config.rule == deferral_rule::benefit || d_config.strata.by_snr();
    }

    const policy_config& config() const { return d_config; }
    const deferral_budget& budget() const { return d_budget; }
    const risk_monitor& risk() const { return d_risk; }

private:
    double raised(double threshold, monotonic::time_point now) const;

    policy_config d_config;
    deferral_budget d_budget;
    risk_monitor d_risk;
    conditions_state d_conditions;
    double d_caution = 0.0; // how far towards 1 alarms have raised the threshold
    double d_told = 0.0;    // the threshold that changed() knows of
    bool d_strata_told = true;
    threshold_cause d_cause = threshold_cause::set;
    std::minstd_rand d_random;
    int16_t d_run_label = -1;
    double d_run_chance = 1.0; // as question::audit_chance
};

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_DEFERRAL_POLICY_H */
