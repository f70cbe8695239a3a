/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "onnx_reader.h"
#include "onnx_tensor.h"

#include <set>
#include <stdexcept>

namespace gr {
namespace speculative {
namespace onnx {

namespace {

using protozero::pbf_reader;
using protozero::pbf_wire_type;
using protozero::tag_and_type;

constexpr auto varint = pbf_wire_type::varint;
constexpr auto bytes_type = pbf_wire_type::length_delimited;
constexpr auto fixed32 = pbf_wire_type::fixed32;

std::pair<std::string, attribute> read_attribute(pbf_reader reader)
{
    std::string name;
    attribute a;
    while (reader.next()) {
        switch (reader.tag_and_type()) {
        case tag_and_type(1, bytes_type):
            name = reader.get_string();
            break;
        case tag_and_type(2, fixed32):
            a.real = reader.get_float();
            a.type = attribute::kind::real;
            break;
        case tag_and_type(3, varint):
            a.integer = reader.get_int64();
            a.type = attribute::kind::integer;
            break;
        case tag_and_type(4, bytes_type):
            a.text = reader.get_string();
            a.type = attribute::kind::text;
            break;
        case tag_and_type(8, varint):
        case tag_and_type(8, bytes_type):
            append_ints(reader, a.integers);
            a.type = attribute::kind::integers;
            break;
        default:
            reader.skip();
        }
    }
    return { std::move(name), std::move(a) };
}

node read_node(pbf_reader reader)
{
    node n;
    while (reader.next()) {
        switch (reader.tag_and_type()) {
        case tag_and_type(1, bytes_type):
            bound(n.inputs, "inputs of a node");
            n.inputs.push_back(reader.get_string());
            break;
        case tag_and_type(2, bytes_type):
            bound(n.outputs, "outputs of a node");
            n.outputs.push_back(reader.get_string());
            break;
        case tag_and_type(3, bytes_type):
            n.name = reader.get_string();
            break;
        case tag_and_type(4, bytes_type):
            n.op = reader.get_string();
            break;
        case tag_and_type(5, bytes_type):
            bound(n.attributes, "attributes of a node");
            n.attributes.insert(read_attribute(reader.get_message()));
            break;
        case tag_and_type(7, bytes_type):
            n.domain = reader.get_string();
            break;
        default:
            reader.skip();
        }
    }
    return n;
}

// The first message field number `tag` of a message; empty if there is none.
pbf_reader child(pbf_reader reader, protozero::pbf_tag_type tag)
{
    return reader.next(tag, bytes_type) ? reader.get_message() : pbf_reader{};
}

value read_value(pbf_reader reader)
{
    value v;
    while (reader.next()) {
        switch (reader.tag_and_type()) {
        case tag_and_type(1, bytes_type):
            v.name = reader.get_string();
            break;
        case tag_and_type(2, bytes_type): {
            const pbf_reader type = child(reader.get_message(), 1); // tensor_type
            pbf_reader element = type;
            v.is_float = element.next(1, varint) && element.get_int32() == type_float;
            pbf_reader shape = child(type, 2);
            while (shape.next(1, bytes_type)) {
                if (v.dims.size() == max_rank)
                    fail(quote(v.name) + " has more than 8 dimensions");
                pbf_reader dim = shape.get_message();
                v.dims.push_back(dim.next(1, varint) ? dim.get_int64() : -1);
            }
            break;
        }
        default:
            reader.skip();
        }
    }
    return v;
}

void read_graph(pbf_reader reader, model& m)
{
    while (reader.next()) {
        switch (reader.tag_and_type()) {
        case tag_and_type(1, bytes_type):
            bound(m.nodes, "nodes");
            m.nodes.push_back(read_node(reader.get_message()));
            break;
        case tag_and_type(5, bytes_type): {
            bound(m.initializers, "weights");
            auto entry = read_tensor(reader.get_message());
            if (!m.initializers.insert(std::move(entry)).second)
                fail("two weights have the same name");
            break;
        }
        case tag_and_type(11, bytes_type):
            bound(m.inputs, "inputs");
            m.inputs.push_back(read_value(reader.get_message()));
            break;
        case tag_and_type(12, bytes_type):
            bound(m.outputs, "outputs");
            m.outputs.push_back(read_value(reader.get_message()));
            break;
        default:
            reader.skip();
        }
    }
}

model read_model(pbf_reader reader)
{
    model m;
    bool has_graph = false;
    while (reader.next()) {
        switch (reader.tag_and_type()) {
        case tag_and_type(7, bytes_type):
            if (has_graph)
                fail("it holds two graphs");
            has_graph = true;
            read_graph(reader.get_message(), m);
            break;
        case tag_and_type(8, bytes_type): {
            pbf_reader entry = reader.get_message();
            std::string domain;
            int64_t version = 0;
            while (entry.next()) {
                if (entry.tag_and_type() == tag_and_type(1, bytes_type))
                    domain = entry.get_string();
                else if (entry.tag_and_type() == tag_and_type(2, varint))
                    version = entry.get_int64();
                else
                    entry.skip();
            }
            if (domain.empty() || domain == "ai.onnx")
                m.opset = version;
            break;
        }
        case tag_and_type(14, bytes_type): {
            bound(m.metadata, "metadata entries");
            const pbf_reader entry = reader.get_message();
            pbf_reader key = entry;
            pbf_reader text = entry;
            if (key.next(1, bytes_type) && text.next(2, bytes_type))
                m.metadata[key.get_string()] = text.get_string();
            break;
        }
        default:
            reader.skip();
        }
    }
    if (!has_graph)
        fail("it holds no graph, so it is no ONNX model");
    return m;
}

void check_order(model& m)
{
    std::set<std::string> known;
    for (const auto& entry : m.initializers)
        known.insert(entry.first);
    // Before IR version 4 weights were listed among the inputs too.
    std::vector<value> inputs;
    for (auto& input : m.inputs)
        if (known.insert(input.name).second)
            inputs.push_back(std::move(input));
    m.inputs = std::move(inputs);
    for (const auto& n : m.nodes) {
        const std::string where = "node " + quote(n.name) + " (" + quote(n.op) + ")";
        for (const auto& name : n.inputs)
            if (!name.empty() && !known.count(name))
                fail(where + " reads " + quote(name) +
                     ", which no input, weight or earlier node gives: a weight is "
                     "missing, "
                     "or the graph is not sorted");
        for (const auto& name : n.outputs)
            if (!name.empty() && !known.insert(name).second)
                fail(where + " writes " + quote(name) + ", which exists already");
    }
    for (const auto& output : m.outputs)
        if (!known.count(output.name))
            fail("no node gives the output " + quote(output.name));
}

} // namespace

std::string quote(const std::string& name)
{
    constexpr size_t longest = 60;
    std::string out = "'";
    for (const char c : name.substr(0, longest))
        out += c >= ' ' && c <= '~' ? c : '?';
    return out + (name.size() > longest ? "...'" : "'");
}

model parse(const std::string& bytes, const std::string& source)
{
    try {
        model m = read_model(pbf_reader(bytes));
        check_order(m);
        return m;
    } catch (const protozero::exception& e) {
        throw std::runtime_error(
            source + ": not an ONNX file, or a damaged one (" + e.what() +
            "): give the fast.onnx that `gr-speculative train` makes");
    } catch (const std::runtime_error& e) {
        throw std::runtime_error(source + ": " + e.what());
    }
}

} // namespace onnx
} // namespace speculative
} // namespace gr
