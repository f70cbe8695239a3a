/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// The operators that wait for what can be fused into them: Conv, Gemm, Add, and Relu.

#include "network_builder.h"

#include <algorithm>

namespace gr {
namespace speculative {

template <typename weight_at>
size_t network_builder::pack(size_t columns, size_t depth, weight_at at)
{
    const size_t lanes = d_kernels->lanes;
    const size_t blocks = (columns + lanes - 1) / lanes;
    const size_t offset = allocate(blocks * depth * lanes);
    std::vector<float> packed(blocks * depth * lanes);
    for (size_t column = 0; column < columns; column++)
        for (size_t k = 0; k < depth; k++)
            packed[(column / lanes * depth + k) * lanes + column % lanes] = at(column, k);
    d_plan.constants.emplace_back(offset, std::move(packed));
    return offset;
}

void network_builder::add_conv(node_reader& node)
{
    const onnx::tensor& w =
        node.weight(1, 3); // [out channels][in channels / groups][kernel]
    const window_attributes window(node, static_cast<size_t>(w.dims[2]));
    const auto groups =
        static_cast<size_t>(std::max<int64_t>(node.integer("group", 1), 0));
    const auto channels = static_cast<size_t>(w.dims[0]);
    const auto group_channels = static_cast<size_t>(w.dims[1]);
    const activation& shape = shape_of(node.data(0));
    if (shape.rank != 3)
        node.fail("expected an input [batch, channels, positions]");
    if (static_cast<int64_t>(window.kernel) != w.dims[2])
        node.fail("attribute 'kernel_shape' and the weights disagree");
    if (groups < 1 || channels < 1 || channels % groups != 0 ||
        shape.channels % groups != 0 || group_channels != shape.channels / groups)
        node.fail("weights [" + std::to_string(channels) + "][" +
                  std::to_string(group_channels) + "][kernel] in " +
                  std::to_string(groups) + " groups do not fit an input of " +
                  std::to_string(shape.channels) + " channels");

    pending result;
    result.shape.rank = 3;
    result.shape.channels = channels;
    result.shape.length = window.output_length(node, shape.length);
    result.takes_bias = true;
    d_plan.macs += result.shape.size() * group_channels * window.kernel;

    const activation in =
        with_halo(read(node.data(0)), std::max(window.pad_before, window.pad_after));
    const size_t start = in.offset - window.pad_before * in.channels;
    const size_t bias = bias_constant(node, channels);
    const bool depthwise = group_channels == 1 && channels == groups && groups > 1;
    const size_t weights = depthwise ? pack_depthwise(w) : pack_convolution(w, groups);
    result.emit = [this, window, in, start, bias, depthwise, weights](
                      const pending& p, const activation& out) {
        const window_shape slide = {
            out.length, window.kernel, window.stride, out.channels
        };
        const gemm_shape product = { out.length,   window.kernel * in.channels,
                                     out.channels, window.stride * in.channels,
                                     out.channels, p.relu };
        const size_t sum = p.bias ? allocate(out.channels) : bias;
        emit([=, kernels = d_kernels, extra = p.bias](
                 float* arena, size_t first, size_t last) {
            for (size_t b = first; b < last; b++) {
                const float* const from = arena + start + b * in.stride;
                float* const to = arena + out.offset + b * out.stride;
                if (extra)
                    kernels->add(arena + bias,
                                 arena + extra->offset + b * extra->stride,
                                 out.channels,
                                 false,
                                 arena + sum);
                if (depthwise)
                    kernels->depthwise(
                        slide, from, arena + weights, arena + sum, product.relu, to);
                else
                    kernels->gemm(product, from, arena + weights, arena + sum, to);
            }
        });
    };
    d_pending[node.output()] = std::move(result);
}

// Groups become one product whose weights are zero between groups: simple, and rare
// enough.
size_t network_builder::pack_convolution(const onnx::tensor& w, size_t groups)
{
    const auto columns = static_cast<size_t>(w.dims[0]);
    const auto inputs = static_cast<size_t>(w.dims[1]); // of a group
    const auto kernel = static_cast<size_t>(w.dims[2]);
    return pack(columns, kernel * inputs * groups, [&](size_t column, size_t k) {
        const size_t position = k / (inputs * groups);
        const size_t channel = k % (inputs * groups);
        return channel / inputs == column / (columns / groups)
                   ? w.floats[(column * inputs + channel % inputs) * kernel + position]
                   : 0.0f;
    });
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

void network_builder::add_gemm(node_reader& node)
{
    const onnx::tensor& w = node.weight(1, 2);
    const bool transposed = node.integer("transB", 0) != 0; // [out][in]
    node.require("transA", 0);
    if (node.real("alpha", 1.0f) != 1.0f || node.real("beta", 1.0f) != 1.0f)
        node.fail("only alpha = beta = 1 is supported: fold them into the weights");
    const auto depth = static_cast<size_t>(w.dims[transposed ? 1 : 0]);
    const auto columns = static_cast<size_t>(w.dims[transposed ? 0 : 1]);
    const activation in = read(node.data(0));
    if (in.rank != 2 || in.size() != depth || columns < 1)
        node.fail("expected an input [batch, " + std::to_string(depth) + "], found " +
                  std::to_string(in.size()) + " features in " + std::to_string(in.rank) +
                  " dimensions");

    pending result;
    result.shape.channels = columns;
    d_plan.macs += depth * columns;
    const size_t bias = bias_constant(node, columns);
    const size_t weights = pack(columns, depth, [&](size_t column, size_t k) {
        // k counts as memory does, position by position; ONNX channel by channel
        const size_t row = k % in.channels * in.length + k / in.channels;
        return w.floats[transposed ? column * depth + row : row * columns + column];
    });
    result.emit = [this, in, depth, bias, weights](const pending& p,
                                                   const activation& out) {
        emit([=, kernels = d_kernels, relu = p.relu](
                 float* arena, size_t first, size_t last) {
            const gemm_shape product = { last - first, depth,      out.channels,
                                         in.stride,    out.stride, relu };
            kernels->gemm(product,
                          arena + in.offset + first * in.stride,
                          arena + weights,
                          arena + bias,
                          arena + out.offset + first * out.stride);
        });
    };
    d_pending[node.output()] = std::move(result);
}

void network_builder::add_add(node_reader& node)
{
    if (node.inputs() != 2)
        node.fail("expected two inputs");
    const auto broadcasts = [this](const std::string& whole, const std::string& part) {
        const activation& a = shape_of(whole);
        const activation& b = shape_of(part);
        return a.rank == 3 && b.rank == 3 && b.length == 1 && a.channels == b.channels;
    };
    std::string whole = node.data(0);
    std::string part = node.data(1);
    if (!broadcasts(whole, part) && broadcasts(part, whole))
        std::swap(whole, part);
    const auto found = d_pending.find(whole);
    if (broadcasts(whole, part) && found != d_pending.end() && is_private(whole) &&
        found->second.takes_bias && !found->second.bias && !found->second.relu) {
        pending result = std::move(found->second);
        d_pending.erase(found);
        result.bias = read(part);
        d_pending[node.output()] = std::move(result);
        return;
    }

    const activation a = read(whole);
    const activation b = read(part);
    const bool same =
        a.rank == b.rank && a.channels == b.channels && a.length == b.length;
    if (!same && !broadcasts(whole, part))
        node.fail("expected two inputs of the same shape, or one [batch, channels, 1]");
    pending result;
    result.shape.rank = a.rank;
    result.shape.channels = a.channels;
    result.shape.length = a.length;
    result.emit = [this, a, b, same](const pending& p, const activation& out) {
        const size_t parts = same ? 1 : a.length;
        const size_t size = a.size() / parts;
        emit([=, kernels = d_kernels, relu = p.relu](
                 float* arena, size_t first, size_t last) {
            for (size_t v = first; v < last; v++)
                for (size_t i = 0; i < parts; i++)
                    kernels->add(arena + a.offset + v * a.stride + i * size,
                                 arena + b.offset + v * b.stride,
                                 size,
                                 relu,
                                 arena + out.offset + v * out.stride + i * size);
        });
    };
    d_pending[node.output()] = std::move(result);
}

void network_builder::add_relu(node_reader& node)
{
    const auto found = d_pending.find(node.data(0));
    if (found != d_pending.end() && is_private(node.data(0))) {
        pending result = std::move(found->second);
        d_pending.erase(found);
        result.relu = true;
        d_pending[node.output()] = std::move(result);
        return;
    }
    const activation in = read(node.data(0));
    const activation out = place_for(node.output(), in);
    emit([=, kernels = d_kernels](float* arena, size_t first, size_t last) {
        for (size_t b = first; b < last; b++)
            kernels->relu(arena + in.offset + b * in.stride,
                          in.size(),
                          arena + out.offset + b * out.stride);
    });
    d_values[node.output()] = out;
}

} // namespace speculative
} // namespace gr
