/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_NETWORK_H
#define INCLUDED_SPECULATIVE_CORE_NETWORK_H

#include "aligned.h"
#include "kernels/kernels.h"
#include "onnx_reader.h"

#include <cstddef>
#include <functional>
#include <vector>

namespace gr {
namespace speculative {

/*! Where a value lies in the arena: channels-last, [n][length][channels].
 *
 * Two-dimensional values [n][channels] have length 1, except for what Flatten makes of a
 * three-dimensional one: it stays where it is, [n][length][channels], while ONNX counts
 * its elements channel by channel.
 */
struct activation {
    size_t rank = 2; //!< 2 or 3, with the batch
    size_t channels = 0;
    size_t length = 1;
    size_t offset = 0; //!< of the first element, in floats from the arena's start
    size_t stride = 0; //!< floats from one vector of the batch to the next; 0: one place,
                       //!< which every vector overwrites
    size_t halo = 0;   //!< positions before and after `length` that hold zeros
    float step = 0.0f; //!< > 0: the elements are bytes q, which mean step (q - zero)
    uint8_t zero = 0;

    size_t size() const { return channels * length; }
    bool is_bytes() const { return step > 0.0f; }
    //! that so many elements take
    size_t floats(size_t elements) const
    {
        return is_bytes() ? (elements + 3) / 4 : elements;
    }
};

/*! What network_builder makes of a graph: steps over one block of memory. */
struct plan {
    //! for the vectors from `first` to before `last` of a batch
    using step = std::function<void(float* arena, size_t first, size_t last)>;

    std::vector<step> each; //!< vector by vector, so that what they leave stays in L1
    std::vector<step>
        dense;             //!< then, over the batch: products whose rows are its vectors
    size_t arena_size = 0; //!< floats
    //! weights: offset into the arena, values
    std::vector<std::pair<size_t, std::vector<float>>> constants;
    activation spectrum, rate, logits, features;
    size_t macs = 0; //!< multiply-accumulates a vector
};

/*! A graph compiled for one instruction set; allocates only when constructed.
 *
 * Inputs `spectrum` [n][1][N] and `rate` [n][1], outputs `logits` [n][C] and `features`
 * [n][F]. A row's result does not depend on the batch it is in, bit for bit.
 */
class network
{
public:
    /*! \param max_batch vectors that go through the network together, >= 1
     *  \throws std::runtime_error naming the node, its operator, and what to do
     */
    network(const onnx::model& model, const kernel_set& kernels, size_t max_batch);

    size_t fft_size() const { return d_plan.spectrum.length; }
    size_t classes() const { return d_plan.logits.channels; }
    size_t feature_size() const { return d_plan.features.channels; }
    size_t macs() const { return d_plan.macs; } //!< multiply-accumulates a vector

    /*! A batch: for each b of 0..n-1, n <= max_batch, fill spectrum(b) and begin(b), in any
     * order; then finish(n). */
    float* spectrum(size_t b); //!< [N], kept until it is filled anew
    void begin(size_t b, float rate);
    //! \param logits [n][C]  \param features [n][F] or null
    void finish(size_t n, float* logits, float* features);

    /*! The same for vectors that lie elsewhere. \param spectrum [n][N]  \param rate [n]
     *  \param n any  \param logits [n][C]  \param features [n][F] or null
     */
    void run(const float* spectrum,
             const float* rate,
             size_t n,
             float* logits,
             float* features);

private:
    size_t d_max_batch;
    plan d_plan;
    aligned_floats d_arena;
};

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_NETWORK_H */
