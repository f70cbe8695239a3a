/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_COARSE_SPECTRUM_H
#define INCLUDED_SPECULATIVE_CORE_COARSE_SPECTRUM_H

#include <cstddef>

namespace gr {
namespace speculative {

/*! The largest value of each block of bins, which a mean would bury if it is narrow.
 * \param x [n * width]  \param n blocks, a multiple of 4  \param scale > 0
 * \param out [n] scale * the largest value of the block */
void block_maxima(const float* x, size_t width, size_t n, float scale, float* out);

/*! Squared Euclidean distance. \param n a multiple of 16  \param limit above it, any value
 * above it will do, and is found sooner */
float square_distance(const float* a, const float* b, size_t n, float limit);

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_COARSE_SPECTRUM_H */
