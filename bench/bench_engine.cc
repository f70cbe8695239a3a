/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// Nanoseconds a vector of the fast engine, for each instruction set: bench_engine
// MODEL.onnx

#include "core/aligned.h"
#include "core/model_file.h"
#include "core/network.h"
#include "core/preprocessor.h"
#include "fma_peak.h"

#include <chrono>
#include <cstdio>
#include <random>
#include <stdexcept>

using namespace gr::speculative;

namespace {

// The best of many short runs: other work on the machine only ever adds time.
template <typename function>
double nanoseconds(function run)
{
    using clock = std::chrono::steady_clock;
    using ns = std::chrono::duration<double, std::nano>;
    const auto begin = clock::now();
    run();
    const double once = ns(clock::now() - begin).count();
    const int runs = 1 + static_cast<int>(1e5 / once); // about 0.1 ms: few interruptions
    double best = once;
    const auto end = begin + std::chrono::milliseconds(400);
    for (auto start = begin; start < end;) {
        start = clock::now();
        for (int i = 0; i < runs; i++)
            run();
        best = std::min(best, ns(clock::now() - start).count() / runs);
    }
    return best;
}

std::vector<float> noise(size_t n)
{
    std::mt19937 generator(1);
    std::normal_distribution<float> normal(0.0f, 1e-3f);
    std::vector<float> values(n);
    for (float& value : values)
        value = normal(generator);
    return values;
}

void measure(const kernel_set& kernels, const onnx::model& model)
{
    constexpr size_t batch = 64;
    network net(model, kernels, 8);
    const size_t n = net.fft_size();
    preprocessing_constants constants;
    preprocessor prepare(kernels, n, constants);

    const auto spectra = noise(batch * 2 * n);
    const std::vector<float> rates(batch, 0.3f);
    const auto db = make_aligned(n); // as the block's are
    const auto x = make_aligned(batch * n);
    std::vector<float> logits(batch * net.classes());
    std::vector<float> features(batch * net.feature_size());
    const auto prepare_ns = [&](input_kind kind) {
        return nanoseconds(
            [&] { prepare.run(spectra.data(), kind, true, db.get(), x.get()); });
    };
    const double complex_ns = prepare_ns(input_kind::complex_fft);
    const double power_ns = prepare_ns(input_kind::power);
    for (size_t b = 0; b < batch; b++)
        prepare.run(
            &spectra[b * 2 * n], input_kind::complex_fft, false, db.get(), &x[b * n]);
    const auto classify_ns = [&](size_t vectors) {
        return nanoseconds([&] {
                   net.run(
                       x.get(), rates.data(), vectors, logits.data(), features.data());
               }) /
               static_cast<double>(vectors);
    };
    const double one_ns = classify_ns(1);
    const double many_ns = classify_ns(batch);
    double operations = 0.0;
    const double peak_ns = nanoseconds(
        [&] { operations = static_cast<double>(multiply_add(kernels.name, 1000)); });
    std::printf("%-9s %10.0f %10.0f %12.0f %12.0f %10.1f %10.1f\n",
                kernels.name,
                complex_ns,
                power_ns,
                one_ns,
                many_ns,
                2.0 * static_cast<double>(net.macs()) / many_ns,
                operations / peak_ns);
}

} // namespace

int main(int argc, char** argv)
{
    if (argc != 2) {
        std::fprintf(stderr, "usage: bench_engine MODEL.onnx\n");
        return 2;
    }
    try {
        const onnx::model model = onnx::parse(read_model_file(argv[1]), argv[1]);
        const network net(model, reference_kernels(), 1);
        std::printf("%s: %zu bins, %zu multiply-accumulates\n",
                    argv[1],
                    net.fft_size(),
                    net.macs());
        std::printf("%-9s %10s %10s %12s %12s %10s %10s\n",
                    "kernel",
                    "complex ns",
                    "power ns",
                    "1 vector ns",
                    "64, each ns",
                    "GFLOP/s",
                    "FMA peak");
        for (const kernel_set* kernels : available_kernels())
            measure(*kernels, model);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
    return 0;
}
