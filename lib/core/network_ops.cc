/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// The operators that compute where they stand: pooling, TopK, Concat, Softmax, views.

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
    for (size_t i = 1; i < from.outputs.size(); i++)
        if (d_readers.count(from.outputs[i]))
            node.fail("output " + std::to_string(i) + ", " +
                      onnx::quote(from.outputs[i]) +
                      ", is read: only the first output is supported");
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
    else if (op == "TopK")
        add_top_k(node);
    else if (op == "Concat")
        add_concat(node);
    else if (op == "Softmax")
        add_softmax(node);
    else if (op == "QuantizeLinear")
        add_quantize(node);
    else if (op == "DequantizeLinear")
        add_dequantize(node);
    else if (op == "Flatten" || op == "Reshape" || op == "Squeeze" || op == "Unsqueeze" ||
             op == "Identity")
        add_view(node);
    else
        node.fail("this operator is not supported: use those in docs/model-format.md"
                  " (fold BatchNormalization into the convolution before it)");
    node.finish();
}

void network_builder::add_pool(node_reader& node, bool maximum, bool global)
{
    const activation& before = shape_of(node.data(0));
    if (before.rank != 3)
        node.fail("expected an input [batch, channels, positions]");
    window_attributes window(node, global ? before.length : 0);
    node.require("ceil_mode", 0);
    const bool count_padding = !maximum && node.integer("count_include_pad", 0) != 0;
    if (maximum)
        node.require("storage_order", 0);
    if (std::max(window.pad_before, window.pad_after) >= window.kernel)
        node.fail("pads must be smaller than the kernel");
    const size_t length = window.output_length(node, before.length);

    const auto found = d_pending.find(node.data(0));
    if (maximum && window.kernel == 2 && window.stride == 2 && window.pad_before == 0 &&
        window.pad_after == 0 && found != d_pending.end() && is_private(node.data(0)) &&
        found->second.takes_pair && !found->second.pair) {
        pending result = std::move(found->second);
        d_pending.erase(found);
        result.pair = true;
        result.shape.length = length;
        d_pending[node.output()] = std::move(result);
        return;
    }
    const activation in = read(node.data(0));

    activation shape;
    shape.rank = 3;
    shape.channels = in.channels;
    shape.length = length;
    const activation out = place_for(node.output(), shape);
    emit([=,
          kernels = d_kernels,
          runs = pool_runs(window, in, shape.length, count_padding)](
             float* arena, size_t first, size_t last) {
        for (size_t b = first; b < last; b++)
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

void network_builder::add_top_k(node_reader& node)
{
    const activation in = read(node.data(0));
    const auto& k = node.integers_input(1);
    if (in.rank != 3 || node.axis(-1, 3) != 2)
        node.fail("only the last axis of [batch, channels, positions] is supported");
    node.require("largest", 1);
    node.integer("sorted", 1); // sorted either way
    const auto most = static_cast<int64_t>(std::min(in.length, kernel_set::most_top));
    if (k.size() != 1 || k[0] < 1 || k[0] > most)
        node.fail("expected K from 1 to " + std::to_string(most));

    activation shape;
    shape.rank = 3;
    shape.channels = in.channels;
    shape.length = static_cast<size_t>(k[0]);
    const activation out = place_for(node.output(), shape);
    emit([=, kernels = d_kernels](float* arena, size_t first, size_t last) {
        for (size_t b = first; b < last; b++)
            kernels->top_k(in.length,
                           in.channels,
                           out.length,
                           arena + in.offset + b * in.stride,
                           arena + out.offset + b * out.stride);
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
    emit([=](float* arena, size_t first, size_t last) {
        for (size_t b = first; b < last; b++) {
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
    emit([=, kernels = d_kernels](float* arena, size_t first, size_t last) {
        for (size_t b = first; b < last; b++)
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
