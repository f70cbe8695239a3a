/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_ONNX_TENSOR_H
#define INCLUDED_SPECULATIVE_CORE_ONNX_TENSOR_H

#include "onnx_reader.h"

#include <protozero/pbf_reader.hpp>

#include <string>
#include <utility>
#include <vector>

namespace gr {
namespace speculative {
namespace onnx {

// Far above any model that could run inline. An empty message takes two bytes in the file
// and hundreds in memory, so counts are bounded, not only sizes.
constexpr size_t max_items = 4096;
constexpr size_t max_rank = 8;

constexpr int32_t type_float = 1; //!< TensorProto.DataType
constexpr int32_t type_uint8 = 2;
constexpr int32_t type_int8 = 3;
constexpr int32_t type_int64 = 7;

//! \throws std::runtime_error
[[noreturn]] void fail(const std::string& what);

//! \throws std::runtime_error if there is no room for one more
template <typename container>
void bound(const container& items, const char* what)
{
    if (items.size() >= max_items)
        fail("it has more than " + std::to_string(max_items) + " " + what);
}

//! Reads a repeated integer field, packed or not.
void append_ints(protozero::pbf_reader& reader, std::vector<int64_t>& out);

/*! Parses a TensorProto: its name and its content.
 * \throws std::runtime_error if its data is not what its type and dimensions say
 */
std::pair<std::string, tensor> read_tensor(protozero::pbf_reader reader);

} // namespace onnx
} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_ONNX_TENSOR_H */
