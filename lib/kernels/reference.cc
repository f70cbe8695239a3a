/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "kernels.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace gr {
namespace speculative {

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float largest = std::numeric_limits<float>::max();

// Not std::max, which keeps a NaN in its first argument.
float rectify(float value, bool relu) { return !relu || value > 0.0f ? value : 0.0f; }

// store(index into out, sum(row, column), column) for each element of a product
template <typename element, typename function>
void product(const gemm_shape& s, element sum, function store)
{
    const size_t step = s.pair ? 2 : 1;
    for (size_t row = 0; row < s.rows; row += step)
        for (size_t column = 0; column < s.columns; column++)
            store(row / step * s.ldo + column,
                  std::max(sum(row, column), sum(row + step - 1, column)),
                  column);
}

void gemm(const gemm_shape& s,
          const float* a,
          const float* weights,
          const float* bias,
          float* out)
{
    const auto sum = [&](size_t row, size_t column) {
        float value = bias[column];
        for (size_t k = 0; k < s.depth; k++)
            value += a[row * s.lda + k] * weights[column * s.depth + k];
        return value;
    };
    product(s, sum, [&](size_t at, float value, size_t) {
        out[at] = rectify(value, s.relu);
    });
}

uint8_t to_byte(float value)
{
    return static_cast<uint8_t>(std::nearbyint(std::min(std::max(value, 0.0f), 255.0f)));
}

void gemm_bytes(const gemm_shape& s,
                const byte_weights& weights,
                const uint8_t* a,
                const float* bias,
                float steps,
                void* out)
{
    const auto* const w = reinterpret_cast<const int8_t*>(weights.values);
    const auto sum = [&](size_t row, size_t column) {
        int32_t value = 0;
        for (size_t k = 0; k < s.depth; k++)
            value += a[row * s.lda + k] * w[column * ((s.depth + 3) / 4 * 4) + k];
        return value;
    };
    product(s, sum, [&](size_t at, int32_t value, size_t column) {
        const float y = static_cast<float>(value) * weights.scale[column] + bias[column];
        if (steps > 0.0f)
            static_cast<uint8_t*>(out)[at] = to_byte(steps * y);
        else
            static_cast<float*>(out)[at] = rectify(y, s.relu);
    });
}

void quantise(const float* in, size_t n, float steps, float zero, uint8_t* out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = to_byte(steps * in[i] + zero);
}

// out[row][c] = result of `step` over the rows of its window, beginning with first(c)
template <typename start, typename update, typename finish>
void slide(const window_shape& s,
           const float* in,
           float* out,
           start first,
           update step,
           finish last)
{
    for (size_t row = 0; row < s.rows; row++)
        for (size_t c = 0; c < s.channels; c++) {
            float value = first(c);
            for (size_t k = 0; k < s.size; k++)
                value = step(value, in[(row * s.step + k) * s.channels + c], k, c);
            out[row * s.channels + c] = last(value);
        }
}

void depthwise(const window_shape& s,
               const float* in,
               const float* weights,
               const float* bias,
               bool relu,
               float* out)
{
    slide(
        s,
        in,
        out,
        [=](size_t c) { return bias[c]; },
        [=](float sum, float x, size_t k, size_t c) {
            return sum + x * weights[k * s.channels + c];
        },
        [=](float sum) { return rectify(sum, relu); });
}

void max_pool(const window_shape& s, const float* in, float* out)
{
    slide(
        s,
        in,
        out,
        [](size_t) { return -infinity; },
        [](float value, float x, size_t, size_t) { return std::max(value, x); },
        [](float value) { return value; });
}

void sum_pool(const window_shape& s, const float* in, float scale, float* out)
{
    slide(
        s,
        in,
        out,
        [](size_t) { return 0.0f; },
        [](float sum, float x, size_t, size_t) { return sum + x; },
        [=](float sum) { return scale * sum; });
}

void top_k(size_t rows, size_t channels, size_t k, const float* in, float* out)
{
    std::fill_n(out, k * channels, -infinity);
    for (size_t row = 0; row < rows; row++)
        for (size_t c = 0; c < channels; c++) {
            float x = in[row * channels + c];
            for (size_t i = 0; i < k; i++)
                if (x > out[i * channels + c])
                    std::swap(x, out[i * channels + c]);
        }
}

void relu(const float* in, size_t n, float* out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = rectify(in[i], true);
}

void add(const float* a, const float* b, size_t n, bool relu, float* out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = rectify(a[i] + b[i], relu);
}

void softmax(const float* in, size_t n, float scale, float* out)
{
    const float top = n > 0 ? *std::max_element(in, in + n) : 0.0f;
    float sum = 0.0f;
    for (size_t i = 0; i < n; i++) {
        out[i] = std::exp(scale * (in[i] - top));
        sum += out[i];
    }
    for (size_t i = 0; i < n; i++)
        out[i] /= sum;
}

float to_db(float power)
{
    return 10.0f * std::log10(std::min(std::max(1e-20f, power), largest));
}

bool complex_to_db(const float* in, size_t n, float* out)
{
    bool valid = true;
    for (size_t i = 0; i < n; i++) {
        const float power = in[2 * i] * in[2 * i] + in[2 * i + 1] * in[2 * i + 1];
        valid &= std::isfinite(power);
        out[i] = to_db(power);
    }
    return valid;
}

bool power_to_db(const float* in, size_t n, float* out)
{
    bool valid = true;
    for (size_t i = 0; i < n; i++) {
        valid &= std::isfinite(in[i]);
        out[i] = to_db(in[i]);
    }
    return valid;
}

bool clamp_db(const float* in, size_t n, float* out)
{
    bool valid = true;
    for (size_t i = 0; i < n; i++) {
        valid &= in[i] < infinity;
        out[i] = std::min(std::max(-200.0f, in[i]), largest);
    }
    return valid;
}

void block_means(const float* in, size_t blocks, size_t size, float* out)
{
    for (size_t b = 0; b < blocks; b++) {
        double sum = 0.0;
        for (size_t i = 0; i < size; i++)
            sum += in[b * size + i];
        out[b] = static_cast<float>(sum / static_cast<double>(size));
    }
}

void block_maxima(const float* in, size_t blocks, size_t size, float* out)
{
    for (size_t b = 0; b < blocks; b++, in += size)
        out[b] = *std::max_element(in, in + size);
}

size_t levels(const float* in, size_t n, float limit, float* largest)
{
    *largest = *std::max_element(in, in + n);
    return std::count_if(in, in + n, [=](float x) { return x >= limit; });
}

// The value at a rank is the largest of those that no more than `rank` others are below.
void ranked(const float* in, size_t n, const size_t* ranks, size_t count, float* out)
{
    std::fill_n(out, count, -infinity);
    for (size_t i = 0; i < n; i++) {
        size_t below = 0;
        for (size_t j = 0; j < n; j++)
            below += in[j] < in[i];
        for (size_t k = 0; k < count; k++)
            if (below <= ranks[k])
                out[k] = std::max(out[k], in[i]);
    }
}

void extend_range(const float* in, size_t n, float* low, float* high)
{
    for (size_t i = 0; i < n; i++) {
        *low = std::min(*low, in[i]);
        *high = std::max(*high, in[i]);
    }
}

void normalise(const float* in,
               size_t n,
               float offset,
               float scale,
               float low,
               float high,
               float* out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = std::min(std::max(scale * (in[i] - offset), low), high);
}

} // namespace

const kernel_set& reference_kernels()
{
    static const kernel_set set = {
        "reference",   1,           gemm,     gemm_bytes,
        depthwise,     max_pool,    sum_pool, top_k,
        quantise,      relu,        add,      softmax,
        complex_to_db, power_to_db, clamp_db, block_means,
        block_maxima,  ranked,      levels,   extend_range,
        normalise,
    };
    return set;
}

} // namespace speculative
} // namespace gr
