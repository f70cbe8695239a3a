/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_CONTEXT_RING_H
#define INCLUDED_SPECULATIVE_CORE_CONTEXT_RING_H

#include "core/aligned.h"
#include "kernels/kernels.h"

#include <cstddef>
#include <cstdint>

namespace gr {
namespace speculative {

struct request;

/*! The last vectors in dB, kept so that a deferred one can be sent with what came before
 * it. */
class context_ring
{
public:
    /*! \param fft_size bins a vector, N
     *  \param context vectors that a request carries at most, K >= 1
     *  \param batch vectors that may be pushed before an earlier one is asked for
     */
    context_ring(const kernel_set& kernels,
                 size_t fft_size,
                 size_t context,
                 size_t batch);

    /*! Where to write the next vector, [N] dB; push() then makes it the newest. */
    float* next();
    void push() { d_pushed++; }

    /*! Forgets all vectors: what follows has no past (a retune, an invalid vector). */
    void clear() { d_start = d_pushed; }

    /*! Vectors pushed since construction. */
    uint64_t pushed() const { return d_pushed; }

    /*! Quantises the context that ends at the vector `index` (0 = first pushed) to uint8.
     * Fills payload, vectors, fft_size, db_scale, db_offset. The range is that of the
     * data, at most 127.5 dB below its peak, so that a step is at most 0.5 dB.
     */
    void quantise(uint64_t index, request& out) const;

private:
    const float* row(uint64_t index) const
    {
        return &d_db[(index % d_rows) * d_fft_size];
    }

    const kernel_set& d_kernels;
    const size_t d_fft_size;
    const size_t d_context;
    const size_t d_rows;
    aligned_floats d_db; // [rows][N]
    uint64_t d_pushed = 0;
    uint64_t d_start = 0; // index of the first vector that may be part of a context
};

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_CONTEXT_RING_H */
