/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_STREAM_CLOCK_H
#define INCLUDED_SPECULATIVE_CORE_STREAM_CLOCK_H

#include <cstddef>
#include <cstdint>

namespace gr {
namespace speculative {

/*! Where a vector lies in time and frequency. */
struct vector_position {
    uint64_t offset = 0; //!< index of the vector in the stream
    uint64_t sample_start = 0;
    uint64_t sample_count = 0;
    double sample_rate = 0.0;      //!< Hz
    double center_frequency = 0.0; //!< Hz
    bool has_time = false;         //!< the stream told its time
    uint64_t seconds = 0;          //!< whole seconds of the first sample
    double fraction = 0.0;         //!< 0 <= fraction < 1
    double stream_time = 0.0;      //!< s of signal since the stream began
};

/*! Dates vectors from what the stream's tags said so far. */
class stream_clock
{
public:
    /*! \param hop samples between the starts of two vectors, >= 1
     *  \param fft_size samples a vector
     *  \throws std::invalid_argument for a rate that is not finite and > 0 */
    stream_clock(double sample_rate,
                 double center_frequency,
                 size_t hop,
                 size_t fft_size);

    /*! The first sample of the vector `offset` was taken at this time.
     * \param fraction 0..1 */
    void set_time(uint64_t offset, uint64_t seconds, double fraction);

    /*! For a stream that starts anew: its offsets have nothing to do with the old time. */
    void restart()
    {
        d_has_time = false;
        d_rate_offset = 0;
        d_rate_time = 0.0;
    }

    /*! \return true if the rate changed; times are kept up from here on. Rates that are
     * not finite and > 0 are ignored. */
    bool set_rate(uint64_t offset, double sample_rate);

    /*! \return true if the frequency changed. One that is not finite is ignored. */
    bool set_frequency(double center_frequency);

    double sample_rate() const { return d_sample_rate; }
    vector_position at(uint64_t offset) const;

private:
    double d_sample_rate;
    double d_center_frequency;
    const size_t d_hop;
    const size_t d_fft_size;
    bool d_has_time = false;
    uint64_t d_rate_offset = 0; // the vector from which on the rate holds
    double d_rate_time = 0.0;   // its stream time
    uint64_t d_time_offset = 0; // the vector that d_seconds and d_fraction date
    uint64_t d_seconds = 0;
    double d_fraction = 0.0;
};

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_STREAM_CLOCK_H */
