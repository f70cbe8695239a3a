/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "node_reader.h"

#include <stdexcept>

namespace gr {
namespace speculative {

using onnx::attribute;
using onnx::quote;

node_reader::node_reader(const onnx::model& model, const onnx::node& node)
    : d_model(model), d_node(node)
{
    if (!node.domain.empty() && node.domain != "ai.onnx")
        fail("operator set " + quote(node.domain) +
             " is not supported: export with standard ONNX operators");
    if (node.outputs.empty() || node.outputs[0].empty())
        fail("it has no output");
}

void node_reader::fail(const std::string& what) const
{
    throw std::runtime_error("node " + quote(d_node.name) + " (" + quote(d_node.op) +
                             "): " + what);
}

const std::string& node_reader::data(size_t index) const
{
    if (index >= d_node.inputs.size() || d_node.inputs[index].empty())
        fail("input " + std::to_string(index) + " is missing");
    const std::string& name = d_node.inputs[index];
    if (d_model.initializers.count(name))
        fail("input " + std::to_string(index) + ", " + quote(name) +
             ", is a constant: fold it into the weights of a Conv or Gemm at export");
    return name;
}

const onnx::tensor* node_reader::optional_weight(size_t index) const
{
    if (index >= d_node.inputs.size() || d_node.inputs[index].empty())
        return nullptr;
    const std::string& name = d_node.inputs[index];
    const auto found = d_model.initializers.find(name);
    if (found == d_model.initializers.end())
        fail("input " + std::to_string(index) + ", " + quote(name) +
             ", must be a weight stored in the file");
    return &found->second;
}

const onnx::tensor& node_reader::weight(size_t index, size_t rank) const
{
    const onnx::tensor* const w = optional_weight(index);
    if (!w || !w->is_float || w->dims.size() != rank)
        fail("input " + std::to_string(index) + ": expected float32 weights with " +
             std::to_string(rank) + " dimensions");
    return *w;
}

const std::vector<int64_t>& node_reader::integers_input(size_t index) const
{
    const onnx::tensor* const w = optional_weight(index);
    if (!w || w->is_float)
        fail("input " + std::to_string(index) + ": expected int64 constants");
    return w->ints;
}

const attribute* node_reader::find(const std::string& name, attribute::kind kind)
{
    d_read.insert(name);
    const auto found = d_node.attributes.find(name);
    if (found == d_node.attributes.end())
        return nullptr;
    if (found->second.type != kind)
        fail("attribute '" + name + "' has the wrong type");
    return &found->second;
}

int64_t node_reader::integer(const std::string& name, int64_t fallback)
{
    const attribute* const a = find(name, attribute::kind::integer);
    return a ? a->integer : fallback;
}

float node_reader::real(const std::string& name, float fallback)
{
    const attribute* const a = find(name, attribute::kind::real);
    return a ? a->real : fallback;
}

std::string node_reader::text(const std::string& name, const std::string& fallback)
{
    const attribute* const a = find(name, attribute::kind::text);
    return a ? a->text : fallback;
}

std::vector<int64_t> node_reader::integers(const std::string& name,
                                           const std::vector<int64_t>& fallback)
{
    const attribute* const a = find(name, attribute::kind::integers);
    return a ? a->integers : fallback;
}

void node_reader::require(const std::string& name, int64_t value)
{
    const int64_t found = integer(name, value);
    if (found != value)
        fail("attribute '" + name + "' is " + std::to_string(found) + ", only " +
             std::to_string(value) + " is supported");
}

size_t node_reader::axis(int64_t fallback, size_t rank)
{
    const auto dimensions = static_cast<int64_t>(rank);
    const int64_t found = integer("axis", fallback);
    if (found < -dimensions || found >= dimensions)
        fail("attribute 'axis' is " + std::to_string(found) + ", out of range");
    return static_cast<size_t>(found < 0 ? found + dimensions : found);
}

void node_reader::finish() const
{
    for (const auto& entry : d_node.attributes)
        if (!d_read.count(entry.first))
            fail("attribute " + quote(entry.first) +
                 " is not supported: export the model without it");
}

window_attributes::window_attributes(node_reader& node, size_t default_kernel)
{
    constexpr int64_t most = 1 << 20;
    const auto one = [&](const char* name, int64_t fallback) {
        const auto values = node.integers(name, { fallback });
        if (values.size() != 1 || values[0] < 1 || values[0] > most)
            node.fail(std::string("attribute '") + name +
                      "': expected one integer from 1 to 1048576 (1-D only)");
        return static_cast<size_t>(values[0]);
    };
    kernel = one("kernel_shape", static_cast<int64_t>(default_kernel));
    stride = one("strides", 1);
    if (one("dilations", 1) != 1)
        node.fail("only dilation 1 is supported");
    const auto pads = node.integers("pads", { 0, 0 });
    if (pads.size() != 2 || pads[0] < 0 || pads[1] < 0 || pads[0] > most ||
        pads[1] > most)
        node.fail("attribute 'pads': expected two integers from 0 to 1048576");
    pad_before = static_cast<size_t>(pads[0]);
    pad_after = static_cast<size_t>(pads[1]);
    const std::string auto_pad = node.text("auto_pad", "NOTSET");
    if (auto_pad != "NOTSET" && !(auto_pad == "VALID" && pad_before + pad_after == 0))
        node.fail("auto_pad " + quote(auto_pad) +
                  " is not supported: export with explicit pads");
}

size_t window_attributes::output_length(const node_reader& node, size_t length) const
{
    const size_t padded = pad_before + length + pad_after;
    if (kernel > padded)
        node.fail("the kernel (" + std::to_string(kernel) +
                  ") is longer than its padded input (" + std::to_string(padded) + ")");
    return (padded - kernel) / stride + 1;
}

} // namespace speculative
} // namespace gr
