/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_MODEL_FILE_H
#define INCLUDED_SPECULATIVE_CORE_MODEL_FILE_H

#include <string>

namespace gr {
namespace speculative {

/*! The bytes of a model file.
 * \throws std::runtime_error naming the path: missing, not a file, over 64 MiB,
 * unreadable
 */
std::string read_model_file(const std::string& path);

//! SHA-256, 64 hexadecimal digits.
std::string sha256_of(const std::string& bytes);

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_MODEL_FILE_H */
