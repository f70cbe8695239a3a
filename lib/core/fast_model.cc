/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "contract.h"
#include "kernels/flush_denormals.h"
#include "model_file.h"
#include "network.h"
#include "onnx_reader.h"
#include "preprocessor.h"
#include <gnuradio/speculative/fast_model.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace gr {
namespace speculative {

namespace {

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
        return network(model, kernels, fast_model::max_batch);
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

    // Logits to posteriors, in place.
    void normalise(float* rows, size_t n) const
    {
        const size_t classes = facts.labels.size();
        const auto scale = static_cast<float>(1.0 / facts.temperature);
        for (float* row = rows; n > 0; n--, row += classes) {
            if (std::all_of(row, row + classes, [](float v) { return std::isfinite(v); }))
                kernels.softmax(row, classes, scale, row);
            else
                std::fill_n(row, classes, 1.0f / static_cast<float>(classes));
        }
    }

    const kernel_set& kernels;
    contract facts;
    network net;
    preprocessor prepare;
    std::string sha256;
};

fast_model::fast_model(const std::string& path, const std::string& kernel)
    : d_impl(std::make_unique<impl>(read_model_file(path), path, choose_kernels(kernel)))
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

deferral_rule fast_model::rule() const { return d_impl->facts.rule; }

double fast_model::threshold() const { return d_impl->facts.threshold; }

const threshold_strata& fast_model::strata() const { return d_impl->facts.strata; }
double fast_model::disagreement() const { return d_impl->facts.disagreement; }

const benefit_model& fast_model::benefit() const { return d_impl->facts.benefit; }

double fast_model::score(deferral_rule rule, const float* posterior, const float* x) const
{
    if (rule == deferral_rule::benefit && d_impl->facts.benefit.labels.empty())
        throw std::invalid_argument("rule is 'benefit', but the model has no "
                                    "calibration.benefit");
    const size_t classes = d_impl->facts.labels.size();
    classified_vector vector{ posterior, classes, top_two_of(posterior, classes), {} };
    if (rule == deferral_rule::benefit)
        vector.levels = levels(x);
    return deferral_score(rule, vector, d_impl->facts.benefit);
}

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
    d_impl->net.run(x, rate, n, posterior, features);
    d_impl->normalise(posterior, n);
}

bool fast_model::begin(size_t i,
                       const void* in,
                       input_kind kind,
                       bool shift,
                       float rate,
                       float* db,
                       spectrum_levels* levels)
{
    const flush_denormals guard;
    float* const x = d_impl->net.spectrum(i);
    if (!d_impl->prepare.run(in, kind, shift, db, x))
        return false;
    if (levels)
        *levels = this->levels(x);
    d_impl->net.begin(i, rate);
    return true;
}

spectrum_levels fast_model::levels(const float* x) const
{
    return levels_of(d_impl->kernels, x, d_impl->facts.fft_size);
}

const float* fast_model::x(size_t i) const { return d_impl->net.spectrum(i); }

void fast_model::finish(size_t n, float* posterior)
{
    const flush_denormals guard;
    d_impl->net.finish(n, posterior, nullptr);
    d_impl->normalise(posterior, n);
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
