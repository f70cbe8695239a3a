/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// Weights of products: where they come from, and the order that the kernels want.

#include "network_builder.h"

#include <cmath>
#include <cstring>

namespace gr {
namespace speculative {

network_builder::weights network_builder::weights_of(const node_reader& node,
                                                     size_t rank) const
{
    const auto found = d_weights.find(node.input(1));
    if (found == d_weights.end()) {
        weights w;
        w.values = &node.weight(1, rank);
        return w;
    }
    if (found->second.values->dims.size() != rank)
        node.fail("input 1: expected int8 weights with " + std::to_string(rank) +
                  " dimensions");
    return found->second;
}

activation network_builder::read_for(const node_reader& node, const weights& w)
{
    if (!w.is_bytes())
        return read(node.data(0));
    const activation in = read_any(node.data(0));
    if (!in.is_bytes())
        node.fail("its weights are int8, so its input must come from a QuantizeLinear");
    return in;
}

std::vector<float> network_builder::bias_of(const node_reader& node,
                                            size_t channels) const
{
    const onnx::tensor* const bias = node.optional_weight(2);
    if (!bias)
        return std::vector<float>(channels);
    if (!bias->is_float || bias->floats.size() != channels ||
        (!bias->dims.empty() && bias->dims.back() != static_cast<int64_t>(channels)))
        node.fail("the bias must be float32 with " + std::to_string(channels) +
                  " elements");
    return bias->floats;
}

network_builder::packed network_builder::pack(const node_reader& node,
                                              const weights& w,
                                              const activation& in,
                                              size_t columns,
                                              size_t depth,
                                              const weight_index& index)
{
    const auto at = [&](size_t column, size_t k) {
        const size_t i = index(column, k);
        return i == none ? 0.0f : w.at(i);
    };
    const size_t lanes = d_kernels->lanes;
    const size_t blocks = (columns + lanes - 1) / lanes;
    std::vector<float> bias = bias_of(node, columns);
    bias.resize(blocks * lanes);
    if (!w.is_bytes()) {
        std::vector<float> values(blocks * depth * lanes);
        for (size_t column = 0; column < columns; column++)
            for (size_t k = 0; k < depth; k++)
                values[(column / lanes * depth + k) * lanes + column % lanes] =
                    at(column, k);
        return { constant(std::move(values)), 0, constant(std::move(bias)) };
    }
    const size_t groups = (depth + 3) / 4;
    std::vector<int8_t> bytes(blocks * groups * lanes * 4);
    std::vector<float> scale(blocks * lanes);
    for (size_t column = 0; column < columns; column++) {
        scale[column] = in.step * w.scale[column];
        float sum = 0.0f;
        for (size_t k = 0; k < depth; k++) {
            const float value = at(column, k);
            if (std::abs(value) > 64.0f)
                node.fail("int8 weights must lie within -64 to 64: quantise to 7 bits "
                          "(reduce_range)");
            sum += value;
            const size_t group =
                (column / lanes * groups + k / 4) * lanes + column % lanes;
            bytes[group * 4 + k % 4] = static_cast<int8_t>(value);
        }
        bias[column] -= scale[column] * sum * static_cast<float>(in.zero);
    }
    std::vector<float> values(bytes.size() / sizeof(float));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return { constant(std::move(values)),
             constant(std::move(scale)),
             constant(std::move(bias)) };
}

size_t network_builder::pack_depthwise(const onnx::tensor& w)
{
    const auto channels = static_cast<size_t>(w.dims[0]);
    const auto kernel = static_cast<size_t>(w.dims[2]);
    const size_t lanes = d_kernels->lanes;
    const size_t row = (channels + lanes - 1) / lanes * lanes;
    std::vector<float> packed(kernel * row);
    for (size_t c = 0; c < channels; c++)
        for (size_t k = 0; k < kernel; k++)
            packed[k * row + c] = w.floats[c * kernel + k];
    return constant(std::move(packed));
}

} // namespace speculative
} // namespace gr
