/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "model_file.h"

#include <openssl/evp.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace gr {
namespace speculative {

std::string read_model_file(const std::string& path)
{
    std::error_code error;
    constexpr uintmax_t largest = uintmax_t{ 64 } << 20; // bytes
    const auto status = std::filesystem::status(path, error);
    if (!std::filesystem::exists(status))
        throw std::runtime_error(path +
                                 ": no such model file (fast models are ONNX files)");
    if (!std::filesystem::is_regular_file(status))
        throw std::runtime_error(path + ": not a file, expected an ONNX model");
    const auto size = std::filesystem::file_size(path, error);
    if (!error && size > largest)
        throw std::runtime_error(path + ": larger than 64 MiB, which no fast model is");
    std::string bytes(error ? 0 : size, '\0');
    std::ifstream file(path, std::ios::binary);
    if (error || !file.read(&bytes[0], static_cast<std::streamsize>(bytes.size())))
        throw std::runtime_error(path + ": cannot be read (check its permissions)");
    return bytes;
}

std::string sha256_of(const std::string& bytes)
{
    std::array<unsigned char, 32> digest;
    if (EVP_Digest(
            bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr) !=
        1)
        throw std::runtime_error("libcrypto has no SHA-256");
    std::string hex;
    for (const unsigned char byte : digest) {
        hex += "0123456789abcdef"[byte >> 4];
        hex += "0123456789abcdef"[byte & 15];
    }
    return hex;
}

} // namespace speculative
} // namespace gr
