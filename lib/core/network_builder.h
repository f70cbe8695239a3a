/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_NETWORK_BUILDER_H
#define INCLUDED_SPECULATIVE_CORE_NETWORK_BUILDER_H

#include "network.h"
#include "node_reader.h"

#include <functional>
#include <map>
#include <optional>
#include <string>

namespace gr {
namespace speculative {

/*! Turns a graph into a plan: infers shapes, packs weights, lays out memory, fuses
 * epilogues.
 *
 * All that has positions is computed vector by vector, up to the last operator that looks
 * at them, the product behind it and what follows over the batch, as there the weights are
 * what fills the cache.
 *
 * Conv, Gemm and Add are not emitted where they stand but when their result is first
 * read, so that a bias [n][C][1] and a Relu that follow become part of them.
 */
class network_builder
{
public:
    network_builder(const onnx::model& model,
                    const kernel_set& kernels,
                    size_t max_batch);

    //! \throws std::runtime_error naming the node, its operator, and what to do
    plan build();

private:
    // An operation whose result nobody has read yet.
    struct pending {
        activation shape; // without a place
        bool takes_bias = false;
        bool takes_pair = false;        // may be pooled by two
        bool takes_bytes = false;       // may be rounded to bytes
        std::optional<activation> bias; // [n][channels], added to each position
        bool relu = false;
        bool pair = false; // the larger of each two positions
        std::function<void(const pending&, const activation& out)> emit;
    };

    void emit(plan::step step);
    void begin_dense();
    void add_node(const onnx::node& node);
    // Weights of Conv and Gemm, float32, or int8 behind a DequantizeLinear.
    struct weights {
        const onnx::tensor* values = nullptr;
        std::vector<float> scale; // of each output channel; empty: float32

        bool is_bytes() const { return !scale.empty(); }
        float at(size_t i) const
        {
            return is_bytes() ? static_cast<float>(values->ints[i]) : values->floats[i];
        }
    };
    // Places of packed weights, in floats from the arena's start.
    struct packed {
        size_t values, scale, bias;
    };

    void add_conv(node_reader& node);
    size_t pack_depthwise(const onnx::tensor& w);
    void add_gemm(node_reader& node);
    void add_add(node_reader& node);
    void add_relu(node_reader& node);
    void add_pool(node_reader& node, bool maximum, bool global);
    void add_top_k(node_reader& node);
    void add_concat(node_reader& node);
    void add_softmax(node_reader& node);
    void add_view(node_reader& node);
    void add_quantize(node_reader& node);
    void add_dequantize(node_reader& node);

    // Graph
    bool is_private(const std::string& name) const; // one reader, no graph output
    const activation& shape_of(const std::string& name) const;
    activation read(const std::string& name); // floats
    activation read_any(const std::string& name);
    // what a product whose weights are these reads
    activation read_for(const node_reader& node, const weights& w);
    weights weights_of(const node_reader& node, size_t rank) const;
    activation
    plain(const activation& in); // two-dimensional values in ONNX's element order
    activation input(const char* name, size_t rank);
    activation output(const char* name);

    // Memory
    size_t allocate(size_t count);
    activation place(activation shape, size_t halo = 0);
    activation place_each(activation shape, size_t halo = 0); // a place for every vector
    activation place_copies(activation shape, size_t halo, size_t copies);
    activation kept(const activation& in);
    activation place_for(const std::string& name, const activation& shape);
    activation with_halo(const activation& in, size_t halo);
    size_t constant(std::vector<float> values);
    std::vector<float> bias_of(const node_reader& node, size_t channels) const;
    //! of an element of the weights by (column, k); none: it is zero
    using weight_index = std::function<size_t(size_t column, size_t k)>;
    static constexpr size_t none = static_cast<size_t>(-1);
    packed pack(const node_reader& node,
                const weights& w,
                const activation& in,
                size_t columns,
                size_t depth,
                const weight_index& index);

    const onnx::model& d_model;
    const kernel_set* const d_kernels;
    const size_t d_max_batch;
    bool d_dense = false; // the steps are of the batch now
    plan d_plan;
    std::map<std::string, activation> d_values;
    std::map<std::string, weights> d_weights; // that DequantizeLinear gives
    std::map<std::string, pending> d_pending;
    std::map<std::string, size_t>
        d_readers;                         // of each value, outputs of the graph included
    std::map<std::string, size_t> d_halos; // what the convolutions that read a value need
};

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_NETWORK_BUILDER_H */
