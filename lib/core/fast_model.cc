/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "contract.h"
#include "kernels/flush_denormals.h"
#include "network.h"
#include "onnx_reader.h"
#include "preprocessor.h"
#include <gnuradio/speculative/fast_model.h>

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace gr {
namespace speculative {

namespace {

constexpr size_t max_batch = 8;
constexpr uintmax_t largest_file = uintmax_t{ 64 } << 20; // bytes

std::string read_file(const std::string& path)
{
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    if (!std::filesystem::exists(status))
        throw std::runtime_error(path +
                                 ": no such model file (fast models are ONNX files)");
    if (!std::filesystem::is_regular_file(status))
        throw std::runtime_error(path + ": not a file, expected an ONNX model");
    const auto size = std::filesystem::file_size(path, error);
    if (!error && size > largest_file)
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

contract contract_of(const onnx::model& model, const std::string& path)
{
    const auto found = model.metadata.find("gr_speculative");
    if (found == model.metadata.end())
        throw std::runtime_error(
            path +
            ": it has no 'gr_speculative' entry in its metadata, so it is no model "
            "of gr-speculative, or it is truncated: export it with its contract");
    return parse_contract(found->second, path);
}

network
network_of(const onnx::model& model, const kernel_set& kernels, const std::string& path)
{
    try {
        return network(model, kernels, max_batch);
    } catch (const std::runtime_error& e) {
        throw std::runtime_error(path + ": " + e.what());
    }
}

} // namespace

struct fast_model::impl {
    impl(const std::string& bytes, const std::string& path, const kernel_set& kernel_set)
        : impl(onnx::parse(bytes, path), path, kernel_set)
    {
        sha256 = sha256_of(bytes);
    }

    impl(const onnx::model& model, const std::string& path, const kernel_set& kernel_set)
        : kernels(kernel_set),
          facts(contract_of(model, path)),
          net(network_of(model, kernels, path)),
          prepare(kernels, facts.fft_size, facts.preprocessing)
    {
        if (net.fft_size() != facts.fft_size)
            throw std::runtime_error(
                path + ": its input 'spectrum' has " + std::to_string(net.fft_size()) +
                " bins, its contract says fft_size " + std::to_string(facts.fft_size));
        if (net.classes() != facts.labels.size())
            throw std::runtime_error(path + ": its output 'logits' has " +
                                     std::to_string(net.classes()) +
                                     " classes, its contract names " +
                                     std::to_string(facts.labels.size()) + " labels");
    }

    const kernel_set& kernels;
    contract facts;
    network net;
    preprocessor prepare;
    std::string sha256;
};

fast_model::fast_model(const std::string& path, const std::string& kernel)
    : d_impl(std::make_unique<impl>(read_file(path), path, choose_kernels(kernel)))
{
}

fast_model::~fast_model() = default;
fast_model::fast_model(fast_model&&) noexcept = default;
fast_model& fast_model::operator=(fast_model&&) noexcept = default;

const std::string& fast_model::name() const { return d_impl->facts.name; }

const std::vector<std::string>& fast_model::labels() const
{
    return d_impl->facts.labels;
}

size_t fast_model::fft_size() const { return d_impl->facts.fft_size; }

size_t fast_model::feature_size() const { return d_impl->net.feature_size(); }

const std::string& fast_model::window() const
{
    return d_impl->facts.preprocessing.window;
}

double fast_model::temperature() const { return d_impl->facts.temperature; }

acceptance_rule fast_model::rule() const { return d_impl->facts.rule; }

double fast_model::threshold() const { return d_impl->facts.threshold; }

const merge_weights& fast_model::merge() const { return d_impl->facts.merge; }

size_t fast_model::slow_context() const { return d_impl->facts.slow_context; }

const std::string& fast_model::sha256() const { return d_impl->sha256; }

const char* fast_model::kernel_name() const { return d_impl->kernels.name; }

bool fast_model::preprocess(
    const void* in, input_kind kind, bool shift, float* db, float* x)
{
    const flush_denormals guard;
    return d_impl->prepare.run(in, kind, shift, db, x);
}

void fast_model::classify(
    const float* x, const float* rate, size_t n, float* posterior, float* features)
{
    const flush_denormals guard;
    const size_t classes = d_impl->facts.labels.size();
    const auto scale = static_cast<float>(1.0 / d_impl->facts.temperature);
    d_impl->net.run(x, rate, n, posterior, features);
    for (float* row = posterior; n > 0; n--, row += classes) {
        if (std::all_of(row, row + classes, [](float v) { return std::isfinite(v); }))
            d_impl->kernels.softmax(row, classes, scale, row);
        else
            std::fill_n(row, classes, 1.0f / static_cast<float>(classes));
    }
}

float fast_model::rate_feature(double sample_rate) const
{
    return static_cast<float>(
        std::log10(sample_rate / static_cast<double>(d_impl->facts.fft_size)) - 3.0);
}

std::vector<std::string> kernel_names()
{
    std::vector<std::string> names;
    for (const kernel_set* set : available_kernels())
        names.emplace_back(set->name);
    return names;
}

} // namespace speculative
} // namespace gr
