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
        std::optional<activation> bias; // [n][channels], added to each position
        bool relu = false;
        std::function<void(const pending&, const activation& out)> emit;
    };

    void emit(plan::step step);
    void begin_dense();
    void add_node(const onnx::node& node);
    void add_conv(node_reader& node);
    size_t pack_convolution(const onnx::tensor& w, size_t groups);
    size_t pack_depthwise(const onnx::tensor& w);
    void add_gemm(node_reader& node);
    void add_add(node_reader& node);
    void add_relu(node_reader& node);
    void add_pool(node_reader& node, bool maximum, bool global);
    void add_top_k(node_reader& node);
    void add_concat(node_reader& node);
    void add_softmax(node_reader& node);
    void add_view(node_reader& node);

    // Graph
    bool is_private(const std::string& name) const; // one reader, no graph output
    const activation& shape_of(const std::string& name) const;
    activation read(const std::string& name);
    activation
    plain(const activation& in); // two-dimensional values in ONNX's element order
    activation input(const char* name, size_t rank);
    activation output(const char* name);

    // Memory
    size_t allocate(size_t count);
    activation place(activation shape, size_t halo = 0);
    activation place_each(activation shape, size_t halo = 0); // a place for every vector
    activation kept(const activation& in);
    activation place_for(const std::string& name, const activation& shape);
    activation with_halo(const activation& in, size_t halo);
    size_t constant(std::vector<float> values);
    size_t bias_constant(const node_reader& node, size_t channels);
    template <typename weight_at>
    size_t pack(size_t columns, size_t depth, weight_at at);

    const onnx::model& d_model;
    const kernel_set* const d_kernels;
    const size_t d_max_batch;
    bool d_dense = false; // the steps are of the batch now
    plan d_plan;
    std::map<std::string, activation> d_values;
    std::map<std::string, pending> d_pending;
    std::map<std::string, size_t>
        d_readers;                         // of each value, outputs of the graph included
    std::map<std::string, size_t> d_halos; // what the convolutions that read a value need
};

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_NETWORK_BUILDER_H */
