/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "network.h"
#include "network_builder.h"

#include <algorithm>

namespace gr {
namespace speculative {

namespace {

void store(const float* arena, const activation& from, size_t n, float* rows)
{
    for (size_t b = 0; b < n; b++, rows += from.size())
        std::copy_n(arena + from.offset + b * from.stride, from.size(), rows);
}

} // namespace

network::network(const onnx::model& model, const kernel_set& kernels, size_t max_batch)
    : d_max_batch(max_batch),
      d_plan(network_builder(model, kernels, max_batch).build()),
      d_arena(make_aligned(d_plan.arena_size)) // the halos stay zero
{
    for (const auto& constant : d_plan.constants)
        std::copy(constant.second.begin(),
                  constant.second.end(),
                  d_arena.get() + constant.first);
    d_plan.constants.clear();
}

float* network::spectrum(size_t b)
{
    return d_arena.get() + d_plan.spectrum.offset + b * d_plan.spectrum.stride;
}

void network::begin(size_t b, float rate)
{
    float* const arena = d_arena.get();
    arena[d_plan.rate.offset + b * d_plan.rate.stride] = rate;
    for (const auto& step : d_plan.each)
        step(arena, b, b + 1);
}

void network::finish(size_t n, float* logits, float* features)
{
    float* const arena = d_arena.get();
    for (const auto& step : d_plan.dense)
        step(arena, 0, n);
    store(arena, d_plan.logits, n, logits);
    if (features)
        store(arena, d_plan.features, n, features);
}

void network::run(
    const float* spectrum, const float* rate, size_t n, float* logits, float* features)
{
    while (n > 0) {
        const size_t batch = std::min(n, d_max_batch);
        for (size_t b = 0; b < batch; b++, spectrum += fft_size()) {
            std::copy_n(spectrum, fft_size(), this->spectrum(b));
            begin(b, *rate++);
        }
        finish(batch, logits, features);
        logits += batch * classes();
        if (features)
            features += batch * feature_size();
        n -= batch;
    }
}

} // namespace speculative
} // namespace gr
