/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// The operators that wait for what can be fused into them: Conv, Gemm, Add, and Relu.

#include "network_builder.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace gr {
namespace speculative {

namespace {

// A product for one vector, or for the rows of a batch, where its weights lie.
struct product {
    const kernel_set* kernels;
    gemm_shape shape;
    size_t values, scale; // floats from the arena's start
    activation in, out;

    // `skip`: elements of the input before the first row
    void run(float* arena, size_t vector, size_t skip, const float* bias) const
    {
        const float* const from = arena + in.offset + vector * in.stride;
        float* const to = arena + out.offset + vector * out.stride;
        if (in.is_bytes())
            kernels->gemm_bytes(
                shape,
                { reinterpret_cast<const int32_t*>(arena + values), arena + scale },
                reinterpret_cast<const uint8_t*>(from) - skip,
                bias,
                out.is_bytes() ? 1.0f / out.step : 0.0f,
                to);
        else
            kernels->gemm(shape, from - skip, arena + values, bias, to);
    }
};

} // namespace

void network_builder::add_conv(node_reader& node)
{
    const weights w = weights_of(node, 3); // [out channels][in channels / groups][kernel]
    const auto& dims = w.values->dims;
    const window_attributes window(node, static_cast<size_t>(dims[2]));
    const auto groups =
        static_cast<size_t>(std::max<int64_t>(node.integer("group", 1), 0));
    const auto channels = static_cast<size_t>(dims[0]);
    const auto group_channels = static_cast<size_t>(dims[1]);
    const activation& shape = shape_of(node.data(0));
    if (shape.rank != 3)
        node.fail("expected an input [batch, channels, positions]");
    if (static_cast<int64_t>(window.kernel) != dims[2])
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
        with_halo(read_for(node, w), std::max(window.pad_before, window.pad_after));
    const bool depthwise =
        group_channels == 1 && channels == groups && groups > 1 && !w.is_bytes();
    result.takes_pair = !depthwise;
    result.takes_bytes = w.is_bytes();
    const size_t depth = window.kernel * in.channels;
    // Groups become one product whose weights are zero between groups: simple, and rare
    // enough.
    const packed p =
        depthwise
            ? packed{ pack_depthwise(*w.values), 0, constant(bias_of(node, channels)) }
            : pack(node, w, in, channels, depth, [&](size_t column, size_t k) {
                  const size_t position = k / in.channels;
                  const size_t channel = k % in.channels;
                  if (channel / group_channels != column / (channels / groups))
                      return none;
                  return (column * group_channels + channel % group_channels) *
                             window.kernel +
                         position;
              });
    result.emit = [this, window, in, depth, depthwise, p](const pending& last,
                                                          const activation& out) {
        const window_shape slide = {
            out.length, window.kernel, window.stride, out.channels
        };
        const size_t rows = last.pair ? 2 * out.length : out.length;
        const gemm_shape shape = { rows,         depth,
                                   out.channels, window.stride * in.channels,
                                   out.channels, last.relu,
                                   last.pair };
        const product one{ d_kernels, shape, p.values, p.scale, in, out };
        const size_t skip = window.pad_before * in.channels;
        const size_t sum = last.bias ? allocate(out.channels) : p.bias;
        emit([=, extra = last.bias](float* arena, size_t first, size_t end) {
            for (size_t b = first; b < end; b++) {
                if (extra)
                    one.kernels->add(arena + p.bias,
                                     arena + extra->offset + b * extra->stride,
                                     out.channels,
                                     false,
                                     arena + sum);
                if (depthwise)
                    one.kernels->depthwise(slide,
                                           arena + in.offset + b * in.stride - skip,
                                           arena + p.values,
                                           arena + sum,
                                           shape.relu,
                                           arena + out.offset + b * out.stride);
                else
                    one.run(arena, b, skip, arena + sum);
            }
        });
    };
    d_pending[node.output()] = std::move(result);
}

void network_builder::add_gemm(node_reader& node)
{
    const weights w = weights_of(node, 2);
    const bool transposed = node.integer("transB", 0) != 0; // [out][in]
    node.require("transA", 0);
    if (node.real("alpha", 1.0f) != 1.0f || node.real("beta", 1.0f) != 1.0f)
        node.fail("only alpha = beta = 1 is supported: fold them into the weights");
    if (w.is_bytes() && !transposed)
        node.fail("int8 weights must be [out, in], with transB = 1");
    const auto depth = static_cast<size_t>(w.values->dims[transposed ? 1 : 0]);
    const auto columns = static_cast<size_t>(w.values->dims[transposed ? 0 : 1]);
    const activation in = read_for(node, w);
    if (in.rank != 2 || in.size() != depth || columns < 1)
        node.fail("expected an input [batch, " + std::to_string(depth) + "], found " +
                  std::to_string(in.size()) + " features in " + std::to_string(in.rank) +
                  " dimensions");

    pending result;
    result.shape.channels = columns;
    result.takes_bytes = w.is_bytes();
    d_plan.macs += depth * columns;
    const packed p = pack(node, w, in, columns, depth, [&](size_t column, size_t k) {
        // k counts as memory does, position by position; ONNX channel by channel
        const size_t row = k % in.channels * in.length + k / in.channels;
        return transposed ? column * depth + row : row * columns + column;
    });
    result.emit = [this, in, depth, p](const pending& last, const activation& out) {
        const gemm_shape shape = { 0,
                                   depth,
                                   out.channels,
                                   in.stride * (in.is_bytes() ? sizeof(float) : 1),
                                   out.stride * (out.is_bytes() ? sizeof(float) : 1),
                                   last.relu };
        emit([=, rows = product{ d_kernels, shape, p.values, p.scale, in, out }](
                 float* arena, size_t first, size_t end) mutable {
            rows.shape.rows = end - first;
            rows.run(arena, first, 0, arena + p.bias);
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
        found->second.takes_bias && !found->second.bias && !found->second.relu &&
        !found->second.pair && !found->second.shape.is_bytes()) {
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
    if (found != d_pending.end() && is_private(node.data(0)) &&
        !found->second.shape.is_bytes()) {
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
