/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_KERNELS_KERNELS_H
#define INCLUDED_SPECULATIVE_KERNELS_KERNELS_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace gr {
namespace speculative {

/*! out[rows][columns] = relu?(bias + a W), the rows of a overlapping where lda < depth.
 *
 * A 1-D convolution over channels-last data is this product: row t of a starts at
 * position t stride and holds depth = kernel x channels consecutive floats.
 */
struct gemm_shape {
    size_t rows;
    size_t depth;
    size_t columns;
    size_t lda; //!< floats from one row of a to the next
    size_t ldo; //!< floats from one row of out to the next, >= columns
    bool relu;
    bool pair =
        false; //!< out has half of the rows (an even number): of each two, the larger
};

/*! Weights of a product in bytes: those of column c are scale[c] times an integer from -64 to
 * 64, so that no processor's sums of neighbouring products overflow 16 bits. */
struct byte_weights {
    //! packed, four bytes an element: [ceil(columns / lanes)][ceil(depth / 4)][lanes]
    const int32_t* values;
    const float* scale; //!< [columns, padded], of input and weight; > 0
};

/*! A window sliding over rows of `channels` floats: depthwise convolution and pooling. */
struct window_shape {
    size_t rows;     //!< of the output
    size_t size;     //!< input rows in a window
    size_t step;     //!< input rows from one window to the next
    size_t channels; //!< floats a row, of input and output
};

/*! The arithmetic of one instruction set.
 *
 * Sums run in a fixed order, so a row's result depends neither on how many rows are
 * computed together nor on where it stands among them. Functions of the first group may
 * read (never write) up to `lanes` floats beyond an input row; those of the second touch
 * only what they are given. Sizes may be any, also 0.
 */
struct kernel_set {
    const char* name;
    size_t lanes; //!< columns that packed weights come in; floats a vector register

    // Network. Packed weights: [ceil(columns / lanes)][depth][lanes], zero-padded; bias
    // and depthwise weights: rows padded with zeros to a multiple of lanes.
    void (*gemm)(const gemm_shape&,
                 const float* a,
                 const float* weights,
                 const float* bias,
                 float* out);
    /*! The same in integers: y = bias + scale (a W), exactly the same in every kernel set.
     * lda counts bytes, and up to 3 bytes beyond a row may be read. steps > 0: out is uint8_t,
     * steps y to the nearest integer (ties to even), within 0..255; 0: out is float. */
    void (*gemm_bytes)(const gemm_shape&,
                       const byte_weights&,
                       const uint8_t* a,
                       const float* bias,
                       float steps,
                       void* out);
    void (*depthwise)(const window_shape&,
                      const float* in,
                      const float* weights, // [size][channels, padded]
                      const float* bias,
                      bool relu,
                      float* out);
    void (*max_pool)(const window_shape&, const float* in, float* out);
    void (*sum_pool)(const window_shape&, const float* in, float scale, float* out);
    //! The k largest of each channel, the largest first: in [rows][channels] -> out
    //! [k][channels], 1 <= k <= min(rows, most_top)
    void (*top_k)(size_t rows, size_t channels, size_t k, const float* in, float* out);
    static constexpr size_t most_top = 8;

    //! out = steps in + zero to the nearest integer (ties to even), within 0..255
    void (*quantise)(const float* in, size_t n, float steps, float zero, uint8_t* out);

    // Elementwise, in place allowed.
    void (*relu)(const float* in, size_t n, float* out);
    void (*add)(const float* a, const float* b, size_t n, bool relu, float* out);
    //! exp(scale (in - max in)) over its sum; in finite, scale finite and > 0
    void (*softmax)(const float* in, size_t n, float scale, float* out);

    // Spectrum. Decibels are at least -200; the result says whether all n inputs were
    // valid (see fast_model::preprocess), out is finite either way.
    bool (*complex_to_db)(const float* in, size_t n, float* out); // in [n][2]
    bool (*power_to_db)(const float* in, size_t n, float* out);
    bool (*clamp_db)(const float* in, size_t n, float* out);
    //! in [blocks][size] -> out [blocks]
    void (*block_means)(const float* in, size_t blocks, size_t size, float* out);
    //! The same, of finite values, size >= 1: the largest of each block
    void (*block_maxima)(const float* in, size_t blocks, size_t size, float* out);
    //! out[i]: what would stand at index ranks[i] < n if in were sorted; takes n squared
    void (*ranked)(
        const float* in, size_t n, const size_t* ranks, size_t count, float* out);
    //! How many of n >= 1 finite values are at least `limit`, and the largest
    size_t (*levels)(const float* in, size_t n, float limit, float* largest);
    //! Lowers *low and raises *high to the smallest and the largest of n finite values
    void (*extend_range)(const float* in, size_t n, float* low, float* high);
    //! out = clip(scale (in - offset), low, high)
    void (*normalise)(const float* in,
                      size_t n,
                      float offset,
                      float scale,
                      float low,
                      float high,
                      float* out);
};

//! Plain C++, the definition that the others are tested against.
const kernel_set& reference_kernels();

//! What this processor and this build have, fastest first, the reference last.
std::vector<const kernel_set*> available_kernels();

/*! One of available_kernels() by name; the empty name: what the environment variable
 * SPECULATIVE_KERNEL says, else the first.
 * \throws std::invalid_argument with the names that there are
 */
const kernel_set& choose_kernels(const std::string& name);

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_KERNELS_KERNELS_H */
