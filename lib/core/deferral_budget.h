/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_DEFERRAL_BUDGET_H
#define INCLUDED_SPECULATIVE_CORE_DEFERRAL_BUDGET_H

namespace gr {
namespace speculative {

/*! How many deferrals the stream may spend, and on which of the uncertain vectors.
 *
 * A token bucket bounds them: over any stretch of t seconds at most rate*t + burst.
 * Within it a price decides: a deferral is bought if its benefit is above the price,
 * which rises with each purchase and falls with time at the rate that tokens come in
 * (online dual ascent on the budget constraint, as in Balseiro, Lu, Mirrokni, "The best
 * of many worlds: dual mirror descent for online allocation problems", 2023). In quiet
 * times the price is 0 and everything uncertain is bought; in a storm it settles where
 * the best ones just use up what comes in.
 *
 * Time is the stream's own, in seconds, so that a run is repeatable.
 */
class deferral_budget
{
public:
    /*! \param rate deferrals a second, > 0; infinity: no limit
     *  \param burst tokens that quiet times can save up, >= 1
     *  \throws std::invalid_argument naming the value that is out of range */
    explicit deferral_budget(double rate, double burst = 32.0);

    /*! An uncertain vector asks. \param time s, not decreasing but where a stream starts
     * anew  \param benefit 0..1
     * \return true if it is bought */
    bool spend(double time, double benefit);

    /*! Changes the limits and keeps the tokens, as far as they fit. Throws as the
     * constructor. */
    void set(double rate, double burst);

    double rate() const { return d_rate; }
    double burst() const { return d_burst; }
    double price() const { return d_price; }
    double tokens() const { return d_tokens; }

private:
    double d_rate = 0.0;
    double d_burst = 0.0;
    double d_tokens = 0.0;
    double d_price = 0.0;
    double d_time = 0.0;
};

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_DEFERRAL_BUDGET_H */
