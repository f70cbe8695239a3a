/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// The operators: one function each, which checks the node and adds steps to the plan.

#include "network_builder.h"

#include <algorithm>

namespace gr {
namespace speculative {

namespace {

// A window over positions may be clipped at the ends, where it covers padding.
struct pool_run {
    window_shape shape;
    size_t from; // first input position
    size_t to;   // first output position
    float scale; // of an average
};

std::vector<pool_run> pool_runs(const window_attributes& window,
                                const activation& in,
                                size_t out_length,
                                bool count_padding)
{
    std::vector<pool_run> runs;
    for (size_t t = 0; t < out_length; t++) {
        const size_t start = t * window.stride; // in padded positions
        const size_t first = std::max(start, window.pad_before) - window.pad_before;
        const size_t last =
            std::min(start + window.kernel, window.pad_before + in.length) -
            window.pad_before;
        const size_t size = last - first;
        if (!runs.empty() && runs.back().shape.size == size &&
            runs.back().from + runs.back().shape.rows * window.stride == first) {
            runs.back().shape.rows++;
            continue;
        }
        const auto count = static_cast<float>(count_padding ? window.kernel : size);
        runs.push_back(
            { { 1, size, window.stride, in.channels }, first, t, 1.0f / count });
    }
    return runs;
}

} // namespace

void network_builder::add_node(const onnx::node& from)
{
    node_reader node(d_model, from);
    const std::string& op = node.op();
    if (op == "Conv")
        add_conv(node);
    else if (op == "Gemm")
        add_gemm(node);
    else if (op == "Add")
        add_add(node);
    else if (op == "Relu")
        add_relu(node);
    else if (op == "MaxPool" || op == "AveragePool")
        add_pool(node, op == "MaxPool", false);
    else if (op == "GlobalMaxPool" || op == "GlobalAveragePool")
        add_pool(node, op == "GlobalMaxPool", true);
    else if (op == "Concat")
        add_concat(node);
    else if (op == "Softmax")
        add_softmax(node);
    else if (op == "Flatten" || op == "Reshape" || op == "Squeeze" || op == "Unsqueeze" ||
             op == "Identity")
        add_view(node);
    else
        node.fail("this operator is not supported: use those in docs/model-format.md"
                  " (fold BatchNormalization into the convolution before it)");
    node.finish();
}

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
        d_plan.steps.push_back(
            [=, kernels = d_kernels, extra = p.bias](float* arena, size_t n) {
                for (size_t b = 0; b < n; b++) {
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
        d_plan.steps.push_back(
            [=, kernels = d_kernels, relu = p.relu](float* arena, size_t n) {
                const gemm_shape product = { n,         depth,      out.channels,
                                             in.stride, out.stride, relu };
                kernels->gemm(product,
                              arena + in.offset,
                              arena + weights,
                              arena + bias,
                              arena + out.offset);
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
        d_plan.steps.push_back(
            [=, kernels = d_kernels, relu = p.relu](float* arena, size_t n) {
                for (size_t v = 0; v < n; v++)
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
    d_plan.steps.push_back([=, kernels = d_kernels](float* arena, size_t n) {
        for (size_t b = 0; b < n; b++)
            kernels->relu(arena + in.offset + b * in.stride,
                          in.size(),
                          arena + out.offset + b * out.stride);
    });
    d_values[node.output()] = out;
}

void network_builder::add_pool(node_reader& node, bool maximum, bool global)
{
    const activation in = read(node.data(0));
    if (in.rank != 3)
        node.fail("expected an input [batch, channels, positions]");
    window_attributes window(node, global ? in.length : 0);
    node.require("ceil_mode", 0);
    const bool count_padding = !maximum && node.integer("count_include_pad", 0) != 0;
    if (maximum)
        node.require("storage_order", 0);
    if (std::max(window.pad_before, window.pad_after) >= window.kernel)
        node.fail("pads must be smaller than the kernel");

    activation shape;
    shape.rank = 3;
    shape.channels = in.channels;
    shape.length = window.output_length(node, in.length);
    const activation out = place_for(node.output(), shape);
    d_plan.steps.push_back([=,
                            kernels = d_kernels,
                            runs = pool_runs(window, in, shape.length, count_padding)](
                               float* arena, size_t n) {
        for (size_t b = 0; b < n; b++)
            for (const pool_run& run : runs) {
                const float* const from =
                    arena + in.offset + b * in.stride + run.from * in.channels;
                float* const to =
                    arena + out.offset + b * out.stride + run.to * out.channels;
                if (maximum)
                    kernels->max_pool(run.shape, from, to);
                else
                    kernels->sum_pool(run.shape, from, run.scale, to);
            }
    });
    d_values[node.output()] = out;
}

void network_builder::add_concat(node_reader& node)
{
    std::vector<activation> parts;
    activation shape;
    for (size_t i = 0; i < node.inputs(); i++) {
        parts.push_back(plain(read(node.data(i))));
        if (parts[i].rank != parts[0].rank || parts[i].length != parts[0].length)
            node.fail("its inputs differ in more than the number of channels");
        shape.channels += parts[i].channels;
    }
    if (parts.empty())
        node.fail("it has no input");
    shape.rank = parts[0].rank;
    shape.length = parts[0].length;
    if (node.axis(0, shape.rank) != 1)
        node.fail("only axis 1 (channels) is supported");
    const activation out = place_for(node.output(), shape);
    d_plan.steps.push_back([=](float* arena, size_t n) {
        for (size_t b = 0; b < n; b++) {
            float* to = arena + out.offset + b * out.stride;
            for (size_t l = 0; l < out.length; l++)
                for (const activation& part : parts)
                    to = std::copy_n(arena + part.offset + b * part.stride +
                                         l * part.channels,
                                     part.channels,
                                     to);
        }
    });
    d_values[node.output()] = out;
}

void network_builder::add_softmax(node_reader& node)
{
    const activation in = plain(read(node.data(0)));
    if (in.rank != 2 || node.axis(-1, 2) != 1)
        node.fail("only the last axis of [batch, classes] is supported");
    const activation out = place(in);
    d_plan.steps.push_back([=, kernels = d_kernels](float* arena, size_t n) {
        for (size_t b = 0; b < n; b++)
            kernels->softmax(arena + in.offset + b * in.stride,
                             in.channels,
                             1.0f,
                             arena + out.offset + b * out.stride);
    });
    d_values[node.output()] = out;
}

// Operators that only rename: the memory stays as it is.
void network_builder::add_view(node_reader& node)
{
    const std::string& op = node.op();
    activation out = read(node.data(0));
    if (op == "Flatten") {
        if (node.axis(1, out.rank) != 1)
            node.fail("only axis 1 is supported");
        out.rank = 2;
    } else if (op == "Reshape") {
        node.require("allowzero", 0);
        const auto& shape = node.integers_input(1);
        const auto size = static_cast<int64_t>(out.size());
        const bool keeps_batch = !shape.empty() && (shape[0] == 0 || shape[0] == -1);
        const auto is = [&](size_t i, int64_t wanted) {
            return shape[i] == wanted || (shape[i] == -1 && shape[0] != -1);
        };
        if (keeps_batch && shape.size() == 2 && is(1, size)) {
            out.rank = 2;
        } else if (keeps_batch && shape.size() == 3 && is(1, size) && shape[2] == 1) {
            out.rank = 2;
            out = plain(out);
            out.rank = 3;
        } else {
            node.fail(
                "only [batch, channels] to [batch, channels, 1] and back is supported");
        }
    } else if (op == "Squeeze" || op == "Unsqueeze") {
        const bool squeeze = op == "Squeeze";
        const auto& axes = node.integers_input(1);
        if (axes.size() != 1 || (axes[0] != 2 && axes[0] != -1) ||
            out.rank != (squeeze ? 3 : 2) || (squeeze && out.length != 1))
            node.fail("only [batch, channels] to [batch, channels, 1] and back (axis 2)"
                      " is supported");
        out = plain(out);
        out.rank = squeeze ? 2 : 3;
    }
    d_values[node.output()] = out;
}

} // namespace speculative
} // namespace gr
