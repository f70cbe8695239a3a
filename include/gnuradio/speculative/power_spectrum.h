/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_POWER_SPECTRUM_H
#define INCLUDED_SPECULATIVE_POWER_SPECTRUM_H

#include <gnuradio/block.h>
#include <gnuradio/speculative/api.h>

#include <vector>

namespace gr {
namespace speculative {

/*!
 * \brief Complex samples to power spectra, DC centred, with tags placed to the sample.
 * \ingroup speculative
 *
 * \details
 * Output vector v is the mean of `average` windowed power spectra whose starts lie `hop`
 * samples apart; it begins at the sample v * average * hop. A full-scale tone in the
 * middle of a bin has power 1. Put fast_classifier behind it with
 * `input_kind::power` and `vector_hop = average * hop`.
 *
 * A chain of stream_to_vector and fft rounds the place of a tag to the nearest vector.
 * Here, a vector within which the frequency (`rx_freq`) or the rate (`rx_rate`) changes,
 * or samples were lost (an `rx_time` that does not follow from the one before), is filled
 * with NaN, which the classifier counts as invalid. Each of those tags goes on the first
 * vector that its sample touches; `rx_time` is moved to that vector's first sample. Other
 * tags go along.
 */
class SPECULATIVE_API power_spectrum : virtual public gr::block
{
public:
    typedef std::shared_ptr<power_spectrum> sptr;

    /*!
     * \param window [N] taps, N the FFT size, 32 to 65536 and a multiple of 32; their sum
     *        must not be 0
     * \param sample_rate Hz, > 0, until an `rx_rate` tag says otherwise; dates vectors
     * \param hop samples between the starts of successive spectra, >= 1; less than N:
     *        overlap; more: samples between are skipped; 0: N
     * \param average spectra a vector, 1 to 1024
     * \throws std::invalid_argument naming the parameter that is out of range
     */
    static sptr make(const std::vector<float>& window,
                     double sample_rate,
                     size_t hop = 0,
                     size_t average = 1);
};

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_POWER_SPECTRUM_H */
