/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// Writes small ONNX files for the tests.

#ifndef INCLUDED_SPECULATIVE_CORE_TEST_MODELS_H
#define INCLUDED_SPECULATIVE_CORE_TEST_MODELS_H

#include <protozero/pbf_writer.hpp>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace test {

using protozero::pbf_writer;
using shape = std::vector<int64_t>; // -1: a batch, left open

// AttributeProto messages
inline std::string integer(const std::string& name, int64_t value)
{
    std::string bytes;
    pbf_writer writer(bytes);
    writer.add_string(1, name);
    writer.add_int64(3, value);
    return bytes;
}

inline std::string real(const std::string& name, float value)
{
    std::string bytes;
    pbf_writer writer(bytes);
    writer.add_string(1, name);
    writer.add_float(2, value);
    return bytes;
}

inline std::string text(const std::string& name, const std::string& value)
{
    std::string bytes;
    pbf_writer writer(bytes);
    writer.add_string(1, name);
    writer.add_string(4, value);
    return bytes;
}

inline std::string integers(const std::string& name, const std::vector<int64_t>& values)
{
    std::string bytes;
    pbf_writer writer(bytes);
    writer.add_string(1, name);
    for (const int64_t value : values)
        writer.add_int64(8, value);
    return bytes;
}

/*! Collects a graph. Outputs of nodes are named as the nodes. */
class model_writer
{
public:
    void input(const std::string& name, const shape& dims) { value(11, name, dims); }
    void output(const std::string& name, const shape& dims) { value(12, name, dims); }

    //! Adds an operator and gives the name of its output, which is that of the node.
    std::string node(const std::string& op,
                     const std::string& name,
                     const std::vector<std::string>& inputs,
                     const std::vector<std::string>& attributes = {},
                     const std::string& second_output = "")
    {
        pbf_writer graph(d_graph);
        pbf_writer node(graph, 1);
        for (const auto& input : inputs)
            node.add_string(1, input);
        node.add_string(2, name);
        if (!second_output.empty())
            node.add_string(2, second_output);
        node.add_string(3, name);
        node.add_string(4, op);
        for (const auto& attribute : attributes)
            node.add_message(5, attribute);
        return name;
    }

    std::string
    weight(const std::string& name, const shape& dims, const std::vector<float>& values)
    {
        pbf_writer graph(d_graph);
        pbf_writer tensor(graph, 5);
        tensor.add_packed_int64(1, dims.begin(), dims.end());
        tensor.add_int32(2, 1);
        tensor.add_string(8, name);
        tensor.add_bytes(
            9, reinterpret_cast<const char*>(values.data()), 4 * values.size());
        return name;
    }

    //! Normal weights, scaled so that sums of about 16 products stay near 1.
    std::string weight(const std::string& name, const shape& dims, std::mt19937& random)
    {
        size_t count = 1;
        for (const int64_t dim : dims)
            count *= static_cast<size_t>(dim);
        std::normal_distribution<float> normal(0.0f, 0.25f);
        std::vector<float> values(count);
        for (float& value : values)
            value = normal(random);
        return weight(name, dims, values);
    }

    std::string coarse(const std::string& name, const shape& dims, std::mt19937& random)
    {
        size_t count = 1;
        for (const int64_t dim : dims)
            count *= static_cast<size_t>(dim);
        std::vector<float> values(count);
        for (float& value : values)
            value = static_cast<float>(random() % 64) / 32.0f - 1.0f;
        return weight(name, dims, values);
    }

    std::string constant(const std::string& name, const std::vector<int64_t>& values)
    {
        pbf_writer graph(d_graph);
        pbf_writer tensor(graph, 5);
        tensor.add_int64(1, static_cast<int64_t>(values.size()));
        tensor.add_int32(2, 7);
        for (const int64_t value : values)
            tensor.add_int64(7, value);
        tensor.add_string(8, name);
        return name;
    }

    //! 8-bit integers, of ONNX's type 2 (uint8) or 3 (int8); no dims: a scalar
    std::string bytes8(const std::string& name,
                       const shape& dims,
                       const std::vector<int>& values,
                       int32_t type)
    {
        pbf_writer graph(d_graph);
        pbf_writer tensor(graph, 5);
        for (const int64_t dim : dims)
            tensor.add_int64(1, dim);
        tensor.add_int32(2, type);
        tensor.add_string(8, name);
        tensor.add_bytes(9, std::string(values.begin(), values.end()));
        return name;
    }

    //! `from`, rounded to bytes and back
    std::string rounded(const std::string& from, float step, int zero)
    {
        const std::vector<std::string> by = {
            weight(from + ".step", shape{}, std::vector<float>{ step }),
            bytes8(from + ".zero", {}, { zero }, 2)
        };
        node("QuantizeLinear", from + ".bytes", { from, by[0], by[1] });
        return node(
            "DequantizeLinear", from + ".rounded", { from + ".bytes", by[0], by[1] });
    }

    //! int8 weights and what turns them into floats. These scales are sums of powers of two,
    //! and so are coarse() and steps like 1/32: nothing is near to half a step by rounding.
    std::string
    integers8(const std::string& name, const shape& dims, std::mt19937& random)
    {
        size_t count = 1;
        for (const int64_t dim : dims)
            count *= static_cast<size_t>(dim);
        std::vector<int> values(count);
        for (int& value : values)
            value = static_cast<int>(random() % 129) - 64;
        std::vector<float> scale(static_cast<size_t>(dims[0]));
        for (float& value : scale)
            value = static_cast<float>(1 + random() % 16) / 1024.0f;
        return node("DequantizeLinear",
                    name + ".float",
                    { bytes8(name, dims, values, 3),
                      weight(name + ".scale", { dims[0] }, scale) },
                    { integer("axis", 0) });
    }

    void metadata(const std::string& key, const std::string& text)
    {
        pbf_writer metadata(d_metadata);
        pbf_writer entry(metadata, 14);
        entry.add_string(1, key);
        entry.add_string(2, text);
    }

    //! The graph as it is, to append to by hand.
    std::string& graph() { return d_graph; }

    std::string bytes(int64_t opset = 17) const
    {
        std::string bytes;
        pbf_writer model(bytes);
        model.add_int64(1, 8); // IR version
        model.add_message(7, d_graph);
        {
            pbf_writer set(model, 8);
            set.add_string(1, "");
            set.add_int64(2, opset);
        }
        return bytes + d_metadata;
    }

private:
    void value(protozero::pbf_tag_type tag, const std::string& name, const shape& dims)
    {
        pbf_writer graph(d_graph);
        pbf_writer value(graph, tag);
        value.add_string(1, name);
        pbf_writer type(value, 2);
        pbf_writer tensor(type, 1);
        tensor.add_int32(1, 1);
        pbf_writer sizes(tensor, 2);
        for (const int64_t dim : dims) {
            pbf_writer size(sizes, 1);
            if (dim < 0)
                size.add_string(2, "batch");
            else
                size.add_int64(1, dim);
        }
    }

    std::string d_graph;
    std::string d_metadata;
};

inline const char* const contract = R"({
    "schema": 1, "role": "fast", "name": "tiny", "labels": ["a", "b", "c"],
    "fft_size": 64, "context": 1,
    "preprocessing": {"version": 1, "window": "blackmanharris", "floor_blocks": 32,
                      "floor_rank": 3, "reference_rank": 24, "max_depth_db": 20.0, "scale_db": 20.0, "clip_low": -1.0, "clip_high": 3.0},
    "temperature": 1.5, "rule": "margin", "threshold": 0.85,
    "merge": {"rule": "linear", "lambda": 0.7}, "slow_context": 16,
    "calibration": {}, "training": {}
})";

/*! A small classifier in the shape of the real ones: 64 bins, 3 classes, 5 features. */
inline model_writer small_model()
{
    std::mt19937 random(1);
    model_writer m;
    m.input("spectrum", { -1, 1, 64 });
    m.input("rate", { -1, 1 });
    m.node("Conv",
           "conv1",
           { "spectrum",
             m.weight("conv1.w", { 6, 1, 5 }, random),
             m.weight("conv1.b", { 6 }, random) },
           { integers("strides", { 4 }), integers("pads", { 2, 2 }) });
    m.node("Gemm",
           "shift",
           { "rate",
             m.weight("shift.w", { 6, 1 }, random),
             m.weight("shift.b", { 6 }, random) },
           { integer("transB", 1) });
    m.node("Unsqueeze", "shift3", { "shift", m.constant("axes", { 2 }) });
    m.node("Relu", "relu1", { m.node("Add", "add1", { "conv1", "shift3" }) });
    m.node("Flatten", "mean", { m.node("GlobalAveragePool", "pool", { "relu1" }) });
    m.node("Concat", "joined", { "mean", "rate" }, { integer("axis", 1) });
    m.node("Gemm",
           "hidden",
           { "joined",
             m.weight("hidden.w", { 5, 7 }, random),
             m.weight("hidden.b", { 5 }, random) },
           { integer("transB", 1) });
    m.node("Relu", "features", { "hidden" });
    m.node("Gemm", "logits", { "features", m.weight("logits.w", { 5, 3 }, random) });
    m.output("logits", { -1, 3 });
    m.output("features", { -1, 5 });
    m.metadata("gr_speculative", contract);
    return m;
}

constexpr size_t bins = 32;

/*! A graph with `channels` x `length` values "x" to try an operator on. */
struct bench {
    std::mt19937 random;
    model_writer m;

    explicit bench(size_t channels, int64_t stride = 1, unsigned int seed = 1)
        : random(seed)
    {
        m.input("spectrum", { -1, 1, bins });
        m.input("rate", { -1, 1 });
        conv("x",
             "spectrum",
             static_cast<int64_t>(channels),
             1,
             3,
             { integers("strides", { stride }) });
    }

    std::string conv(const std::string& name,
                     const std::string& from,
                     int64_t out,
                     int64_t in,
                     int64_t kernel,
                     std::vector<std::string> attributes = {},
                     bool bias = true)
    {
        std::vector<std::string> inputs = {
            from, m.weight(name + ".w", { out, in, kernel }, random)
        };
        if (bias)
            inputs.push_back(m.weight(name + ".b", { out }, random));
        return m.node("Conv", name, inputs, attributes);
    }

    // `from` flattened is both outputs; the features go through a view so that they
    // differ.
    std::string finish(const std::string& from, bool flat = false)
    {
        m.node(flat ? "Identity" : "Flatten", "logits", { from });
        m.node("Relu", "features", { "logits" });
        m.output("logits", { -1, -1 });
        m.output("features", { -1, -1 });
        return m.bytes();
    }
};

} // namespace test

#endif /* INCLUDED_SPECULATIVE_CORE_TEST_MODELS_H */
