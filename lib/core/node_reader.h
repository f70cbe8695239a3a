/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_NODE_READER_H
#define INCLUDED_SPECULATIVE_CORE_NODE_READER_H

#include "onnx_reader.h"

#include <set>
#include <string>
#include <vector>

namespace gr {
namespace speculative {

/*! Reads one node of a graph; every complaint names it ("node 'conv1' (Conv): ..."). */
class node_reader
{
public:
    node_reader(const onnx::model& model, const onnx::node& node);

    //! \throws std::runtime_error always
    [[noreturn]] void fail(const std::string& what) const;

    const std::string& op() const { return d_node.op; }
    size_t inputs() const { return d_node.inputs.size(); }
    const std::string& output() const { return d_node.outputs[0]; }

    //! Name of an input that is data. \throws std::runtime_error if left out, or a weight
    const std::string& data(size_t index) const;
    //! Name of any input, empty if left out
    std::string input(size_t index) const
    {
        return index < d_node.inputs.size() ? d_node.inputs[index] : std::string();
    }
    bool has_weight(size_t index) const
    {
        return d_model.initializers.count(input(index)) > 0;
    }
    //! An input that is a weight, or null if left out. \throws std::runtime_error if it
    //! is data
    const onnx::tensor* optional_weight(size_t index) const;
    //! A weight that must be there, float32 [rank dimensions]
    const onnx::tensor& weight(size_t index, size_t rank) const;
    //! A weight that must be there, int64 [any]
    const std::vector<int64_t>& integers_input(size_t index) const;

    int64_t integer(const std::string& name, int64_t fallback);
    float real(const std::string& name, float fallback);
    std::string text(const std::string& name, const std::string& fallback);
    std::vector<int64_t> integers(const std::string& name,
                                  const std::vector<int64_t>& fallback);
    //! \throws std::runtime_error if the attribute is there with another value
    void require(const std::string& name, int64_t value);
    //! An axis attribute, counted from the front. \throws std::runtime_error if out of
    //! range
    size_t axis(int64_t fallback, size_t rank);

    //! \throws std::runtime_error naming an attribute that nobody asked for
    void finish() const;

private:
    const onnx::attribute* find(const std::string& name, onnx::attribute::kind kind);

    const onnx::model& d_model;
    const onnx::node& d_node;
    std::set<std::string> d_read;
};

/*! A window over positions: kernel_shape, strides, pads, dilations, auto_pad of a node.
 */
struct window_attributes {
    size_t kernel = 1;
    size_t stride = 1;
    size_t pad_before = 0;
    size_t pad_after = 0;

    /*! \param default_kernel when the node has no kernel_shape
     *  \throws std::runtime_error for anything but one dimension, dilation 1, explicit
     * pads
     */
    window_attributes(node_reader& node, size_t default_kernel);

    //! Positions out for positions in. \throws std::runtime_error if the window does not
    //! fit
    size_t output_length(const node_reader& node, size_t length) const;
};

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_NODE_READER_H */
