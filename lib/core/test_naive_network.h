/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// The operators as the ONNX specification defines them, in double precision and ONNX's
// own element order, with no thought of speed: what the network is tested against.

#ifndef INCLUDED_SPECULATIVE_CORE_TEST_NAIVE_NETWORK_H
#define INCLUDED_SPECULATIVE_CORE_TEST_NAIVE_NETWORK_H

#include "onnx_reader.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace test {

namespace onnx = gr::speculative::onnx;

//! [dims[0]][dims[1]][dims[2]], the last one 1 for two dimensions
struct array {
    std::vector<size_t> dims;
    std::vector<double> data;

    array() = default;
    explicit array(std::vector<size_t> d) : dims(std::move(d)), data(count()) {}

    size_t length() const { return dims.size() > 2 ? dims[2] : 1; }
    size_t count() const
    {
        size_t n = 1;
        for (const size_t dim : dims)
            n *= dim;
        return n;
    }
    double& at(size_t b, size_t c, size_t l = 0)
    {
        return data[(b * dims[1] + c) * length() + l];
    }
    double at(size_t b, size_t c, size_t l = 0) const
    {
        return data[(b * dims[1] + c) * length() + l];
    }
};

class naive_network
{
public:
    explicit naive_network(const onnx::model& model) : d_model(model) {}

    //! spectrum [n][N], rate [n] -> the value `output`, row-major
    std::vector<double> run(const std::vector<float>& spectrum,
                            const std::vector<float>& rate,
                            const std::string& output)
    {
        const size_t n = rate.size();
        d_values.clear();
        d_values["spectrum"] = array({ n, 1, spectrum.size() / n });
        d_values["spectrum"].data.assign(spectrum.begin(), spectrum.end());
        d_values["rate"] = array({ n, 1 });
        d_values["rate"].data.assign(rate.begin(), rate.end());
        for (const auto& node : d_model.nodes)
            if (node.op == "DequantizeLinear" && weight(node, 0))
                d_weights[node.outputs[0]] = weights_of(node);
            else
                d_values[node.outputs[0]] = compute(node);
        return d_values.at(output).data;
    }

private:
    struct window {
        size_t kernel, stride, before, after;
    };

    static int64_t integer(const onnx::node& node, const char* name, int64_t fallback)
    {
        const auto found = node.attributes.find(name);
        return found == node.attributes.end() ? fallback : found->second.integer;
    }

    static size_t
    item(const onnx::node& node, const char* name, size_t index, size_t fallback)
    {
        const auto found = node.attributes.find(name);
        return found == node.attributes.end()
                   ? fallback
                   : static_cast<size_t>(found->second.integers[index]);
    }

    static window window_of(const onnx::node& node, size_t kernel)
    {
        return { item(node, "kernel_shape", 0, kernel),
                 item(node, "strides", 0, 1),
                 item(node, "pads", 0, 0),
                 item(node, "pads", 1, 0) };
    }

    const array& in(const onnx::node& node, size_t index) const
    {
        return d_values.at(node.inputs[index]);
    }

    const onnx::tensor* weight(const onnx::node& node, size_t index) const
    {
        if (index >= node.inputs.size())
            return nullptr;
        const auto made = d_weights.find(node.inputs[index]);
        if (made != d_weights.end())
            return &made->second;
        const auto found = d_model.initializers.find(node.inputs[index]);
        return found == d_model.initializers.end() ? nullptr : &found->second;
    }

    // int8 weights as the floats that they mean
    onnx::tensor weights_of(const onnx::node& node) const
    {
        onnx::tensor w = *weight(node, 0);
        const size_t row = w.ints.size() / static_cast<size_t>(w.dims[0]);
        for (size_t i = 0; i < w.ints.size(); i++)
            w.floats.push_back(static_cast<float>(w.ints[i]) *
                               weight(node, 1)->floats[i / row]);
        return w;
    }

    // f(b, c, l) for each element of an array of that shape
    template <typename function>
    static array make(std::vector<size_t> dims, function f)
    {
        array out(std::move(dims));
        for (size_t b = 0; b < out.dims[0]; b++)
            for (size_t c = 0; c < out.dims[1]; c++)
                for (size_t l = 0; l < out.length(); l++)
                    out.at(b, c, l) = f(b, c, l);
        return out;
    }

    array compute(const onnx::node& node) const
    {
        const std::string& op = node.op;
        if (op == "Conv")
            return conv(node);
        if (op == "Gemm")
            return gemm(node);
        if (op == "Concat")
            return concat(node);
        if (op == "TopK")
            return top(node);
        if (op.find("Pool") != std::string::npos)
            return pool(node);
        array x = in(node, 0);
        if (op == "Relu") {
            for (double& value : x.data)
                value = std::max(value, 0.0);
        } else if (op == "Add") {
            const array& y = in(node, 1);
            const bool swap = y.length() > x.length();
            const array& whole = swap ? y : x;
            const array& part = swap ? x : y;
            return make(whole.dims, [&](size_t b, size_t c, size_t l) {
                return whole.at(b, c, l) + part.at(b, c, part.length() == 1 ? 0 : l);
            });
        } else if (op == "QuantizeLinear") {
            const float steps = 1.0f / weight(node, 1)->floats[0];
            const auto zero = static_cast<float>(weight(node, 2)->ints[0]);
            for (double& value : x.data)
                value =
                    std::clamp(std::nearbyint(static_cast<float>(value) * steps + zero),
                               0.0f,
                               255.0f);
        } else if (op == "DequantizeLinear") {
            for (double& value : x.data)
                value = (value - static_cast<double>(weight(node, 2)->ints[0])) *
                        weight(node, 1)->floats[0];
        } else if (op == "Softmax") {
            for (size_t b = 0; b < x.dims[0]; b++) {
                double sum = 0.0;
                for (size_t c = 0; c < x.dims[1]; c++)
                    sum += std::exp(x.at(b, c));
                for (size_t c = 0; c < x.dims[1]; c++)
                    x.at(b, c) = std::exp(x.at(b, c)) / sum;
            }
        } else if (op == "Flatten" || op == "Squeeze") {
            x.dims = { x.dims[0], x.count() / x.dims[0] };
        } else if (op == "Unsqueeze") {
            x.dims.push_back(1);
        } else if (op == "Reshape") {
            x.dims = { x.dims[0], x.count() / x.dims[0] };
            x.dims.resize(weight(node, 1)->ints.size(), 1);
        } else if (op != "Identity") {
            throw std::logic_error(op);
        }
        return x;
    }

    array conv(const onnx::node& node) const
    {
        const array& x = in(node, 0);
        const onnx::tensor& w = *weight(node, 1);
        const onnx::tensor* const bias = weight(node, 2);
        const auto group = static_cast<size_t>(integer(node, "group", 1));
        const auto channels = static_cast<size_t>(w.dims[0]);
        const auto inputs = static_cast<size_t>(w.dims[1]);
        const window s = window_of(node, static_cast<size_t>(w.dims[2]));
        const size_t length = (s.before + x.length() + s.after - s.kernel) / s.stride + 1;
        return make({ x.dims[0], channels, length }, [&](size_t b, size_t c, size_t l) {
            double sum = bias ? bias->floats[c] : 0.0;
            for (size_t i = 0; i < inputs; i++)
                for (size_t k = 0; k < s.kernel; k++) {
                    const size_t at = l * s.stride + k;
                    if (at >= s.before && at < s.before + x.length())
                        sum +=
                            x.at(b, c / (channels / group) * inputs + i, at - s.before) *
                            w.floats[(c * inputs + i) * s.kernel + k];
                }
            return sum;
        });
    }

    array gemm(const onnx::node& node) const
    {
        const array& x = in(node, 0);
        const onnx::tensor& w = *weight(node, 1);
        const onnx::tensor* const bias = weight(node, 2);
        const bool transposed = integer(node, "transB", 0) != 0;
        const auto outputs = static_cast<size_t>(w.dims[transposed ? 0 : 1]);
        return make({ x.dims[0], outputs }, [&](size_t b, size_t c, size_t) {
            double sum = bias ? bias->floats[c] : 0.0;
            for (size_t i = 0; i < x.dims[1]; i++)
                sum += x.at(b, i) *
                       w.floats[transposed ? c * x.dims[1] + i : i * outputs + c];
            return sum;
        });
    }

    array pool(const onnx::node& node) const
    {
        const array& x = in(node, 0);
        const bool maximum = node.op.find("Max") != std::string::npos;
        const bool count_padding = integer(node, "count_include_pad", 0) != 0;
        const window s = window_of(node, x.length());
        const size_t length = (s.before + x.length() + s.after - s.kernel) / s.stride + 1;
        return make({ x.dims[0], x.dims[1], length }, [&](size_t b, size_t c, size_t l) {
            double sum = 0.0;
            double top = -std::numeric_limits<double>::infinity();
            size_t count = 0;
            for (size_t at = l * s.stride; at < l * s.stride + s.kernel; at++)
                if (at >= s.before && at < s.before + x.length()) {
                    sum += x.at(b, c, at - s.before);
                    top = std::max(top, x.at(b, c, at - s.before));
                    count++;
                }
            return maximum ? top
                           : sum / static_cast<double>(count_padding ? s.kernel : count);
        });
    }

    array top(const onnx::node& node) const
    {
        const array& x = in(node, 0);
        const auto k = static_cast<size_t>(weight(node, 1)->ints[0]);
        return make({ x.dims[0], x.dims[1], k }, [&](size_t b, size_t c, size_t l) {
            std::vector<double> values;
            for (size_t at = 0; at < x.length(); at++)
                values.push_back(x.at(b, c, at));
            std::sort(values.rbegin(), values.rend());
            return values[l];
        });
    }

    array concat(const onnx::node& node) const
    {
        std::vector<size_t> dims = in(node, 0).dims;
        dims[1] = 0;
        for (size_t i = 0; i < node.inputs.size(); i++)
            dims[1] += in(node, i).dims[1];
        return make(dims, [&](size_t b, size_t c, size_t l) {
            size_t i = 0;
            for (; c >= in(node, i).dims[1]; i++)
                c -= in(node, i).dims[1];
            return in(node, i).at(b, c, l);
        });
    }

    const onnx::model& d_model;
    std::map<std::string, array> d_values;
    std::map<std::string, onnx::tensor> d_weights; // that DequantizeLinear gives
};

} // namespace test

#endif /* INCLUDED_SPECULATIVE_CORE_TEST_NAIVE_NETWORK_H */
