/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "network_builder.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace gr {
namespace speculative {

using onnx::quote;

namespace {

constexpr size_t cache_line = 16;                 // floats
constexpr size_t arena_limit = size_t{ 1 } << 26; // floats, 256 MB
constexpr size_t longest_input = size_t{ 1 } << 20;

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error(what); }

size_t round_up(size_t value, size_t step) { return (value + step - 1) / step * step; }

plan::step copy(const activation& in, const activation& out)
{
    return [in, out](float* arena, size_t first, size_t last) {
        for (size_t b = first; b < last; b++)
            std::copy_n(arena + in.offset + b * in.stride,
                        in.floats(in.size()),
                        arena + out.offset + b * out.stride);
    };
}

bool looks_at_positions(const onnx::node& node)
{
    return node.op == "Conv" || node.op == "TopK" || node.op.find("Pool") != node.op.npos;
}

} // namespace

network_builder::network_builder(const onnx::model& model,
                                 const kernel_set& kernels,
                                 size_t max_batch)
    : d_model(model), d_kernels(&kernels), d_max_batch(max_batch)
{
    for (const auto& node : model.nodes) {
        for (const auto& name : node.inputs)
            d_readers[name]++;
        const auto pads = node.attributes.find("pads");
        if (node.op == "Conv" && pads != node.attributes.end() && !node.inputs.empty())
            for (const int64_t pad : pads->second.integers)
                d_halos[node.inputs[0]] =
                    std::max(d_halos[node.inputs[0]],
                             static_cast<size_t>(std::clamp<int64_t>(
                                 pad, 0, static_cast<int64_t>(longest_input))));
    }
    for (auto node = model.nodes.rbegin(); node != model.nodes.rend(); node++)
        if (node->op == "DequantizeLinear" && !node->inputs.empty() &&
            !node->outputs.empty())
            d_halos[node->inputs[0]] =
                std::max(d_halos[node->inputs[0]], d_halos[node->outputs[0]]);
    for (const auto& value : model.outputs)
        d_readers[value.name]++;
}

plan network_builder::build()
{
    if (d_model.opset < 13 || d_model.opset > 21)
        fail("ONNX operator set " + std::to_string(d_model.opset) +
             " is not supported: export with opset 13 to 21");
    if (d_model.inputs.size() != 2)
        fail("the network has " + std::to_string(d_model.inputs.size()) +
             " inputs, expected two: 'spectrum' and 'rate'");
    d_plan.spectrum = input("spectrum", 3);
    d_plan.rate = input("rate", 2);
    const auto& nodes = d_model.nodes;
    const auto dense =
        std::find_if(nodes.rbegin(), nodes.rend(), looks_at_positions).base();
    for (auto node = nodes.begin(); node != nodes.end(); node++) {
        if (node >= dense && node->op == "Gemm")
            begin_dense();
        add_node(*node);
    }
    begin_dense();
    d_plan.logits = output("logits");
    d_plan.features = output("features");
    allocate(2 * cache_line); // kernels may read a little beyond a row
    return std::move(d_plan);
}

void network_builder::emit(plan::step step)
{
    (d_dense ? d_plan.dense : d_plan.each).push_back(std::move(step));
}

// Nothing may wait to be emitted that reads what the next vector overwrites.
void network_builder::begin_dense()
{
    while (!d_dense && !d_pending.empty())
        read_any(std::string(d_pending.begin()->first));
    d_dense = true;
}

activation network_builder::input(const char* name, size_t rank)
{
    const auto found =
        std::find_if(d_model.inputs.begin(),
                     d_model.inputs.end(),
                     [&](const onnx::value& value) { return value.name == name; });
    const bool good = found != d_model.inputs.end() && found->is_float &&
                      found->dims.size() == rank && found->dims[1] == 1;
    if (!good || (rank == 3 && (found->dims[2] < 1 ||
                                found->dims[2] > static_cast<int64_t>(longest_input))))
        fail(std::string("expected an input '") + name + "', float32 " +
             (rank == 3 ? "[batch, 1, FFT size]" : "[batch, 1]"));
    activation shape;
    shape.rank = rank;
    shape.channels = 1;
    shape.length = rank == 3 ? static_cast<size_t>(found->dims[2]) : 1;
    return d_values[name] = place_each(shape, d_halos[name]);
}

activation network_builder::output(const char* name)
{
    const bool declared =
        std::any_of(d_model.outputs.begin(),
                    d_model.outputs.end(),
                    [&](const onnx::value& value) { return value.name == name; });
    if (!declared || d_model.initializers.count(name))
        fail(std::string("expected an output '") + name + "', float32 [batch, size]");
    const activation value = plain(read(name));
    if (value.rank != 2)
        fail(std::string("output '") + name +
             "' has three dimensions, expected [batch, size]");
    return value;
}

bool network_builder::is_private(const std::string& name) const
{
    return d_readers.at(name) == 1;
}

const activation& network_builder::shape_of(const std::string& name) const
{
    const auto found = d_pending.find(name);
    return found == d_pending.end() ? d_values.at(name) : found->second.shape;
}

activation network_builder::read(const std::string& name)
{
    const activation value = read_any(name);
    if (value.is_bytes())
        fail(quote(name) +
             " consists of bytes: only a Conv or Gemm whose weights are int8 "
             "reads them, through a DequantizeLinear");
    return value;
}

activation network_builder::read_any(const std::string& name)
{
    const auto found = d_pending.find(name);
    if (found != d_pending.end()) {
        const activation out = place_for(name, found->second.shape);
        found->second.emit(found->second, out);
        d_values[name] = out;
        d_pending.erase(found);
    }
    activation& value = d_values.at(name);
    if (d_dense && value.stride == 0)
        value = kept(value);
    return value;
}

activation network_builder::plain(const activation& in)
{
    if (in.rank == 3 || in.length == 1)
        return in;
    activation shape;
    shape.channels = in.size();
    if (in.channels == 1) { // the same order in memory
        shape.offset = in.offset;
        shape.stride = in.stride;
        return shape;
    }
    const activation out = place(shape);
    emit([in, out](float* arena, size_t first, size_t last) {
        for (size_t b = first; b < last; b++) {
            const float* const from = arena + in.offset + b * in.stride;
            float* to = arena + out.offset + b * out.stride;
            for (size_t c = 0; c < in.channels; c++)
                for (size_t l = 0; l < in.length; l++)
                    *to++ = from[l * in.channels + c];
        }
    });
    return out;
}

size_t network_builder::allocate(size_t count)
{
    const size_t offset = d_plan.arena_size;
    if (count > arena_limit || offset + count > arena_limit)
        fail("the network needs more than 256 MB of memory");
    d_plan.arena_size = offset + round_up(count, cache_line);
    return offset;
}

activation network_builder::place(activation shape, size_t halo)
{
    return place_copies(shape, halo, d_dense ? d_max_batch : 1);
}

activation network_builder::place_each(activation shape, size_t halo)
{
    return place_copies(shape, halo, d_max_batch);
}

activation network_builder::place_copies(activation shape, size_t halo, size_t copies)
{
    const size_t before = round_up(shape.floats(halo * shape.channels), cache_line);
    const size_t size = before + shape.floats((shape.length + halo) * shape.channels);
    const size_t stride = round_up(size, cache_line);
    const size_t start = allocate(stride * copies);
    if (shape.is_bytes() && halo > 0) { // zeros are not 0 there
        const uint8_t zeros[4] = { shape.zero, shape.zero, shape.zero, shape.zero };
        float four;
        std::memcpy(&four, zeros, sizeof(four));
        d_plan.constants.emplace_back(start, std::vector<float>(stride * copies, four));
    }
    shape.halo = halo;
    shape.stride = copies > 1 ? stride : 0;
    shape.offset = start + before;
    return shape;
}

// What the next vector would overwrite, in a place for every vector.
activation network_builder::kept(const activation& in)
{
    const activation out = place_each(in);
    d_plan.each.push_back(copy(in, out));
    return out;
}

activation network_builder::place_for(const std::string& name, const activation& shape)
{
    const auto found = d_halos.find(name);
    return place(shape, shape.rank == 3 && found != d_halos.end() ? found->second : 0);
}

activation network_builder::with_halo(const activation& in, size_t halo)
{
    if (in.halo >= halo)
        return in;
    const activation out = place(in, halo);
    emit(copy(in, out));
    return out;
}

size_t network_builder::constant(std::vector<float> values)
{
    const size_t offset = allocate(values.size());
    d_plan.constants.emplace_back(offset, std::move(values));
    return offset;
}

} // namespace speculative
} // namespace gr
