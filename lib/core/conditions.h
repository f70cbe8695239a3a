/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_CONDITIONS_H
#define INCLUDED_SPECULATIVE_CORE_CONDITIONS_H

#include "core/monotonic.h"

#include <limits>

namespace gr {
namespace speculative {

/*! What the outside says about propagation. */
struct conditions {
    double propagation_quality = 1.0; //!< 0 (nothing as usual) to 1 (as when calibrated)
    bool tropospheric_duct_present = false;
    double noise_level = 0.0; //!< external noise, dB over k 290 K B
    double timestamp = 0.0;   //!< s since 1970 (UTC): when this was stated
};

/*! Since they were stated, by the clock on the wall: 0 for a time to come, a century for one that
 * is no number. */
monotonic::duration age_of(const conditions& c);

struct conditions_config {
    /*! How far the worst conditions move the threshold towards 1, in 0..1; 0: off. */
    double strength = 0.0;
    /*! How long a message counts after it was stated, > 0. */
    monotonic::duration lifetime = std::chrono::hours(1);
    /*! The site's noise_level when all is well; NaN: noise_level does not count. */
    double usual_noise = std::numeric_limits<double>::quiet_NaN();
};

/*! Turns conditions into caution: a threshold that may only be raised.
 *
 * severity = max(1 - propagation_quality, 0.5 if there is a duct, (noise_level -
 * usual_noise) / 20 dB), in 0..1; threshold' = threshold + (1 - threshold) * strength * severity. Without a
 * message that is still alive, and with strength 0, threshold' is the threshold itself,
 * bit for bit.
 */
class conditions_state
{
public:
    //! \throws std::invalid_argument naming the value that is out of range
    explicit conditions_state(const conditions_config& config = {});

    /*! Other settings; what was stated before them stays in force. Throws as the constructor. */
    void set(const conditions_config& config);

    /*! Values are clamped to their ranges; NaN counts as the worst, for it may hide
     * anything. A message older than the one in force, or than the lifetime, is ignored.
     * \param age since it was stated, by the clock on the wall
     * \return false if it was ignored */
    bool update(const conditions& c, monotonic::time_point now, monotonic::duration age);

    double tightened(double threshold, monotonic::time_point now) const;
    double severity(monotonic::time_point now) const; //!< 0..1, 0 when expired
    const conditions_config& config() const { return d_config; }

private:
    conditions_config d_config;
    double d_severity = 0.0;
    double d_timestamp = 0.0;
    bool d_any = false;
    monotonic::time_point d_expires;
};

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_CONDITIONS_H */
