/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// Products of bytes: QuantizeLinear, DequantizeLinear, int8 weights.

#include "test_network.h"

using namespace gr::speculative;
using test::bench;
using test::check;
using test::integer;
using test::integers;
using test::model_writer;

namespace {

// A convolution of the spectrum in bytes, whose zero lies in the middle.
std::string byte_conv(bench& b, int64_t out, int64_t kernel, int64_t stride, int64_t pad)
{
    return b.m.node("Conv",
                    "y",
                    { b.m.rounded("spectrum", 1.0f / 32, 100),
                      b.m.integers8("w8", { out, 1, kernel }, b.random),
                      b.m.coarse("bias", { out }, b.random) },
                    { integers("strides", { stride }), integers("pads", { pad, pad }) });
}

std::string refusal(const std::string& bytes)
{
    const onnx::model model = onnx::parse(bytes, "some.onnx");
    try {
        network(model, reference_kernels(), 1);
    } catch (const std::runtime_error& e) {
        return e.what();
    }
    return "";
}

bool contains(const std::string& text, const std::string& part)
{
    return text.find(part) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_CASE(byte_convolutions)
{
    for (const int64_t out : { 1, 5, 8, 16, 33 })
        for (const int64_t kernel : { 1, 3, 4, 16 })
            for (const int64_t stride : { 1, 3, 8 })
                for (const int64_t pad : { 0, 4 }) {
                    bench b(1);
                    check(b.finish(byte_conv(b, out, kernel, stride, pad)));
                }
}

// Rounded at once where a Relu comes before, pooled or not, shifted or not.
BOOST_AUTO_TEST_CASE(chains_of_byte_products)
{
    for (const int64_t channels : { 3, 8, 16, 20 })
        for (int which = 0; which < 8; which++)
            BOOST_TEST_CONTEXT(channels << " channels, graph " << which)
            {
                bench b(1);
                std::string last = byte_conv(b, channels, 8, 1, 4);
                if (which & 1) {
                    b.m.node("Gemm",
                             "r",
                             { "rate", b.m.coarse("rw", { 1, channels }, b.random) });
                    b.m.node("Unsqueeze", "shift", { "r", b.m.constant("axes", { -1 }) });
                    last = b.m.node("Add", "shifted", { last, "shift" });
                }
                if (which & 2)
                    last = b.m.node("Relu", "relu", { last });
                if (which & 4)
                    last = b.m.node(
                        "MaxPool",
                        "pool",
                        { last },
                        { integers("kernel_shape", { 2 }), integers("strides", { 2 }) });
                last =
                    b.m.node("Conv",
                             "z",
                             { b.m.rounded(last, 1.0f / 64, which & 2 ? 0 : 128),
                               b.m.integers8("v8", { 6, channels, 3 }, b.random) },
                             { integers("strides", { 2 }), integers("pads", { 1, 1 }) });
                check(b.finish(b.m.node("Relu", "last", { last })));
            }
}

BOOST_AUTO_TEST_CASE(byte_gemm_over_a_batch)
{
    bench b(3);
    b.m.node("Flatten", "flat", { "x" });
    b.m.node("Gemm",
             "y",
             { b.m.rounded("flat", 1.0f / 16, 90),
               b.m.integers8("w8", { 18, 90 }, b.random),
               b.m.coarse("bias", { 18 }, b.random) },
             { integer("transB", 1) });
    b.m.node("Relu", "hidden", { "y" });
    b.m.node(
        "Gemm",
        "z",
        { b.m.rounded("hidden", 1.0f / 32, 0), b.m.integers8("v8", { 5, 18 }, b.random) },
        { integer("transB", 1) });
    check(b.finish("z", true));
}

BOOST_AUTO_TEST_CASE(what_is_refused_of_bytes)
{
    {
        bench b(1);
        const std::string bytes = b.m.rounded("x", 0.1f, 0);
        BOOST_TEST(contains(refusal(b.finish(b.m.node("Relu", "y", { bytes }))),
                            "'x.rounded' consists of bytes"));
    }
    {
        bench b(1);
        const std::string w = b.m.integers8("w8", { 2, 1, 3 }, b.random);
        BOOST_TEST(contains(refusal(b.finish(b.m.node("Conv", "y", { "x", w }))),
                            "must come from a QuantizeLinear"));
    }
    const auto with_weights = [](const std::vector<int>& values,
                                 int32_t type,
                                 int64_t axis) {
        bench b(1);
        const std::string x = b.m.rounded("x", 0.1f, 0);
        b.m.bytes8("w8", { 1, 1, 2 }, values, type);
        b.m.weight("scale", { 1 }, std::vector<float>{ 0.1f });
        b.m.node("DequantizeLinear", "w", { "w8", "scale" }, { integer("axis", axis) });
        return refusal(b.finish(b.m.node("Conv", "y", { x, "w" })));
    };
    BOOST_TEST(with_weights({ 64, -64 }, 3, 0) == "");
    BOOST_TEST(contains(with_weights({ 65, 0 }, 3, 0), "within -64 to 64"));
    BOOST_TEST(contains(with_weights({ 1, 1 }, 2, 0), "expected int8 weights"));
    BOOST_TEST(contains(with_weights({ 1, 1 }, 3, 1), "axis 0"));
    const auto with_scales = [](float one, float other, int32_t type) {
        bench b(1);
        b.m.weight("one", {}, std::vector<float>{ one });
        b.m.weight("other", {}, std::vector<float>{ other });
        b.m.bytes8("zero", {}, { 3 }, type);
        b.m.node("QuantizeLinear", "q", { "x", "one", "zero" });
        b.m.node("DequantizeLinear", "d", { "q", "other", "zero" });
        const std::string w = b.m.integers8("w8", { 2, 1, 3 }, b.random);
        return refusal(b.finish(b.m.node("Conv", "y", { "d", w })));
    };
    BOOST_TEST(with_scales(0.1f, 0.1f, 2) == "");
    BOOST_TEST(contains(with_scales(0.1f, 0.2f, 2), "the same scale"));
    BOOST_TEST(contains(with_scales(-0.1f, -0.1f, 2), "scale > 0"));
    BOOST_TEST(contains(with_scales(0.1f, 0.1f, 3), "zero point, uint8"));
}
