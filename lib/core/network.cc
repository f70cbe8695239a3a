/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "network.h"
#include "network_builder.h"

#include <algorithm>
#include <new>

namespace gr {
namespace speculative {

namespace {

constexpr std::align_val_t cache_line{ 64 };

void load(const float* rows, const activation& to, size_t n, float* arena)
{
    for (size_t b = 0; b < n; b++, rows += to.size())
        std::copy_n(rows, to.size(), arena + to.offset + b * to.stride);
}

void store(const float* arena, const activation& from, size_t n, float* rows)
{
    for (size_t b = 0; b < n; b++, rows += from.size())
        std::copy_n(arena + from.offset + b * from.stride, from.size(), rows);
}

} // namespace

void network::aligned_delete::operator()(float* memory) const
{
    ::operator delete[](memory, cache_line);
}

network::network(const onnx::model& model, const kernel_set& kernels, size_t max_batch)
    : d_max_batch(max_batch),
      d_plan(network_builder(model, kernels, max_batch).build()),
      d_arena(static_cast<float*>(
          ::operator new[](d_plan.arena_size * sizeof(float), cache_line)))
{
    std::fill_n(d_arena.get(), d_plan.arena_size, 0.0f); // the halos stay zero
    for (const auto& constant : d_plan.constants)
        std::copy(constant.second.begin(),
                  constant.second.end(),
                  d_arena.get() + constant.first);
    d_plan.constants.clear();
}

void network::run(
    const float* spectrum, const float* rate, size_t n, float* logits, float* features)
{
    float* const arena = d_arena.get();
    while (n > 0) {
        const size_t batch = std::min(n, d_max_batch);
        load(spectrum, d_plan.spectrum, batch, arena);
        load(rate, d_plan.rate, batch, arena);
        for (const auto& step : d_plan.steps)
            step(arena, batch);
        store(arena, d_plan.logits, batch, logits);
        if (features) {
            store(arena, d_plan.features, batch, features);
            features += batch * feature_size();
        }
        spectrum += batch * fft_size();
        rate += batch;
        logits += batch * classes();
        n -= batch;
    }
}

} // namespace speculative
} // namespace gr
