/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// QuantizeLinear and DequantizeLinear: which values are bytes, and which weights int8.

#include "network_builder.h"

namespace gr {
namespace speculative {

namespace {

float scalar(const node_reader& node, size_t index)
{
    const onnx::tensor* const t = node.optional_weight(index);
    if (!t || !t->is_float || t->floats.size() != 1 || !(t->floats[0] > 1e-30f))
        node.fail("input " + std::to_string(index) + ": expected one scale > 0");
    return t->floats[0];
}

uint8_t zero_point(const node_reader& node)
{
    const onnx::tensor* const t = node.optional_weight(2);
    if (!t || !t->is_uint8 || t->ints.size() != 1)
        node.fail("input 2: expected one zero point, uint8");
    return static_cast<uint8_t>(t->ints[0]);
}

} // namespace

void network_builder::add_quantize(node_reader& node)
{
    node.integer("axis", 1); // of no meaning for one scale
    const float step = scalar(node, 1);
    const uint8_t zero = zero_point(node);
    const std::string& name = node.data(0);
    const auto found = d_pending.find(name);
    // Rounding to 0..255 from a zero of 0 rectifies.
    if (found != d_pending.end() && is_private(name) && found->second.takes_bytes &&
        found->second.relu && zero == 0) {
        pending result = std::move(found->second);
        d_pending.erase(found);
        result.takes_pair = false;
        result.shape.step = step;
        d_pending[node.output()] = std::move(result);
        return;
    }
    const activation in = read(name);
    activation shape = in;
    shape.step = step;
    shape.zero = zero;
    const activation out = place_for(node.output(), shape);
    emit([=, kernels = d_kernels](float* arena, size_t first, size_t last) {
        for (size_t b = first; b < last; b++)
            kernels->quantise(
                arena + in.offset + b * in.stride,
                in.size(),
                1.0f / out.step,
                static_cast<float>(out.zero),
                reinterpret_cast<uint8_t*>(arena + out.offset + b * out.stride));
    });
    d_values[node.output()] = out;
}

void network_builder::add_dequantize(node_reader& node)
{
    const int64_t axis = node.integer("axis", 1);
    if (node.inputs() > 0 && node.has_weight(0)) {
        weights w;
        w.values = node.optional_weight(0);
        const onnx::tensor* const scale = node.optional_weight(1);
        const onnx::tensor* const zero = node.optional_weight(2);
        if (w.values->is_float || w.values->is_uint8 || !scale || !scale->is_float ||
            axis != 0 || w.values->dims.empty() ||
            static_cast<int64_t>(scale->floats.size()) != w.values->dims[0])
            node.fail(
                "expected int8 weights, a scale for each of their rows, and axis 0");
        for (const float one : scale->floats)
            if (!(one > 1e-30f))
                node.fail("a scale is not > 0");
        if (zero)
            for (const int64_t one : zero->ints)
                if (one != 0)
                    node.fail("the zero points of weights must be 0");
        w.scale = scale->floats;
        d_weights[node.output()] = std::move(w);
        return;
    }
    const activation in = read_any(node.data(0));
    if (!in.is_bytes() || scalar(node, 1) != in.step || zero_point(node) != in.zero)
        node.fail(
            "expected what a QuantizeLinear with the same scale and zero point gives");
    d_values[node.output()] = in;
}

} // namespace speculative
} // namespace gr
