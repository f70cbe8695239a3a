/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_INPUT_CHECK_H
#define INCLUDED_SPECULATIVE_CORE_INPUT_CHECK_H

#include <array>
#include <cstddef>

namespace gr {
namespace speculative {

/*! Recognises spectra that are not what they are said to be, as they come out of flowgraphs
 * put together by hand. */
class input_check
{
public:
    /*! \param fft_size N, a multiple of 32 */
    explicit input_check(size_t fft_size);

    /*! Whether what is said to be power is not: one of 16 bins spread over it is negative, as
     * most are in decibels. \param power [N] */
    bool is_negative(const float* power) const;

    /*! Tell it every valid vector of a stream from the first on.
     *
     * A receiver's band falls off at its edges. If DC is at bin 0, the edges meet in the
     * middle, which then lies 2 dB below all of the rest. On the first vectors of 340
     * recordings, 64 or as many as there are, none looked so as it should be (the nearest at
     * 1.1 dB), and 64 in 100 did with the halves exchanged; a flat band shows nothing.
     *
     * \param db [N] decibels, DC where the middle is believed to be
     * \return true at most once: after 64 vectors that look so */
    bool looks_unshifted(const float* db);

    //! A new stream begins.
    void restart();

private:
    static constexpr size_t blocks = 32;
    static constexpr size_t vectors = 64;

    const size_t d_fft_size;
    std::array<double, blocks> d_sums{}; // over the vectors, of each block's mean, dB
    size_t d_seen = 0;
};

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_INPUT_CHECK_H */
