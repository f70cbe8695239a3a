/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_ONNX_READER_H
#define INCLUDED_SPECULATIVE_CORE_ONNX_READER_H

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace gr {
namespace speculative {
namespace onnx {

/*! A weight. Exactly one of floats and ints is used, row-major, as many as dims say. */
struct tensor {
    std::vector<int64_t> dims;
    std::vector<float> floats; //!< all finite
    std::vector<int64_t> ints;
    bool is_float = true;
    bool is_uint8 = false; //!< else, if not float: int8 or int64
};

struct attribute {
    enum class kind { integer, real, text, integers, other };
    kind type = kind::other;
    int64_t integer = 0;
    float real = 0.0f;
    std::string text;
    std::vector<int64_t> integers;
};

struct node {
    std::string name;
    std::string op;
    std::string domain;
    std::vector<std::string> inputs; //!< an empty name is an optional input left out
    std::vector<std::string> outputs;
    std::map<std::string, attribute> attributes;
};

/*! A graph input or output. */
struct value {
    std::string name;
    bool is_float = false;
    std::vector<int64_t> dims; //!< -1 where the file leaves it open (a batch)
};

struct model {
    int64_t opset = 0; //!< of the default operator set
    std::vector<node> nodes;
    std::map<std::string, tensor> initializers;
    std::vector<value> inputs; //!< without those that initializers give
    std::vector<value> outputs;
    std::map<std::string, std::string> metadata;
};

/*! Parses an ONNX file (onnx.proto, ModelProto) and checks that its graph hangs together.
 *
 * Every name that a node reads is an input, a weight, or the output of an earlier node.
 * Memory stays within a small multiple of the bytes, whatever they claim.
 *
 * \param bytes the whole file
 * \param source the name that errors begin with
 * \throws std::runtime_error naming source and what is wrong
 */
model parse(const std::string& bytes, const std::string& source);

/*! A name from a file, safe to print: quoted, printable, at most 60 characters. */
std::string quote(const std::string& name);

} // namespace onnx
} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_ONNX_READER_H */
