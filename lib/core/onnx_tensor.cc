/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "onnx_tensor.h"

#include <cmath>
#include <cstring>
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

// Elements that dims ask for; `present`, what the file holds, bounds it.
void check_count(const tensor& t, size_t present, const std::string& name)
{
    if (t.dims.size() > max_rank)
        fail("weight " + quote(name) + " has more than 8 dimensions");
    uint64_t count = 1;
    for (const int64_t dim : t.dims) {
        if (dim < 0 || dim > INT32_MAX)
            fail("weight " + quote(name) + " has a dimension of " + std::to_string(dim));
        if (__builtin_mul_overflow(count, static_cast<uint64_t>(dim), &count))
            fail("weight " + quote(name) + " has dimensions whose product overflows");
    }
    if (count != present)
        fail("weight " + quote(name) + " has " + std::to_string(present) +
             " elements, its dimensions ask for " + std::to_string(count) +
             " (a damaged file)");
}

template <typename element>
void unpack(const protozero::data_view& raw,
            std::vector<element>& out,
            const std::string& name)
{
    if (raw.size() % sizeof(element) != 0)
        fail("weight " + quote(name) + " has " + std::to_string(raw.size()) +
             " bytes of raw data, not a multiple of " + std::to_string(sizeof(element)));
    out.resize(raw.size() / sizeof(element));
    if (!out.empty())
        std::memcpy(out.data(), raw.data(), raw.size());
}

} // namespace

void fail(const std::string& what) { throw std::runtime_error(what); }

void append_ints(pbf_reader& reader, std::vector<int64_t>& out)
{
    if (reader.wire_type() == varint) {
        bound(out, "integers in a list");
        out.push_back(reader.get_int64());
        return;
    }
    for (const int64_t item : reader.get_packed_int64()) {
        bound(out, "integers in a list");
        out.push_back(item);
    }
}

std::pair<std::string, tensor> read_tensor(pbf_reader reader)
{
    std::string name;
    tensor t;
    int32_t type = 0;
    protozero::data_view raw;
    bool external = false;
    while (reader.next()) {
        switch (reader.tag_and_type()) {
        case tag_and_type(1, varint):
        case tag_and_type(1, bytes_type):
            append_ints(reader, t.dims);
            break;
        case tag_and_type(2, varint):
            type = reader.get_int32();
            break;
        case tag_and_type(4, fixed32):
            t.floats.push_back(reader.get_float());
            break;
        case tag_and_type(4, bytes_type):
            for (const float item : reader.get_packed_float())
                t.floats.push_back(item);
            break;
        case tag_and_type(7, varint):
        case tag_and_type(7, bytes_type):
            append_ints(reader, t.ints);
            break;
        case tag_and_type(8, bytes_type):
            name = reader.get_string();
            break;
        case tag_and_type(9, bytes_type):
            raw = reader.get_view();
            break;
        case tag_and_type(14, varint):
            external = reader.get_int32() != 0;
            break;
        default:
            reader.skip();
        }
    }
    if (external)
        fail("weight " + quote(name) +
             " is stored in another file: save the model with its weights inside");
    if (type != type_float && type != type_int64 && type != type_int8 &&
        type != type_uint8)
        fail("weight " + quote(name) + " has element type " + std::to_string(type) +
             ", expected 1 (float32), 2 (uint8), 3 (int8) or 7 (int64)");
    t.is_float = type == type_float;
    t.is_uint8 = type == type_uint8;
    if (!raw.empty()) {
        if (!t.floats.empty() || !t.ints.empty())
            fail("weight " + quote(name) + " has its data twice");
        if (type == type_float)
            unpack(raw, t.floats, name);
        else if (type == type_int64)
            unpack(raw, t.ints, name);
        else
            for (size_t i = 0; i < raw.size(); i++)
                t.ints.push_back(t.is_uint8 ? static_cast<uint8_t>(raw.data()[i])
                                            : static_cast<int8_t>(raw.data()[i]));
    }
    check_count(t, t.is_float ? t.floats.size() : t.ints.size(), name);
    for (const float item : t.floats)
        if (!std::isfinite(item))
            fail("weight " + quote(name) + " holds a NaN or an infinity");
    return { std::move(name), std::move(t) };
}

} // namespace onnx
} // namespace speculative
} // namespace gr
