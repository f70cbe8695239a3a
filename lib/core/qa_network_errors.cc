/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// Graphs that the network refuses, and what it says.

#include "network.h"
#include "test_models.h"

#include <boost/test/unit_test.hpp>

using namespace gr::speculative;
using test::bench;
using test::bins;
using test::integer;
using test::integers;
using test::model_writer;

namespace {

void check_refused(const std::string& bytes, const std::string& expected)
{
    const onnx::model model = onnx::parse(bytes, "some.onnx");
    BOOST_CHECK_EXCEPTION(network(model, reference_kernels(), 1),
                          std::runtime_error,
                          [&](const std::runtime_error& e) {
                              const std::string what = e.what();
                              BOOST_TEST_MESSAGE(what);
                              return what.find(expected) != std::string::npos;
                          });
}

} // namespace

BOOST_AUTO_TEST_CASE(what_is_not_supported)
{
    const auto with = [](const std::string& op,
                         std::vector<std::string> inputs,
                         const std::vector<std::string>& attributes) {
        bench b(4);
        b.m.weight("w", { 4, 4, 3 }, b.random);
        b.m.weight("g", { 4, 120 }, b.random);
        b.m.constant("ints", { 1 });
        b.m.constant("nine", { 9 });
        b.m.node("Flatten", "flat", { "x" });
        return b.finish(b.m.node(op, "odd", inputs, attributes));
    };
    check_refused(with("LSTM", { "x" }, {}), "node 'odd' ('LSTM'): this operator is not");
    check_refused(with("Conv", { "x", "w" }, { integers("dilations", { 2 }) }),
                  "dilation 1");
    check_refused(with("Conv", { "x", "w" }, { test::text("auto_pad", "SAME_UPPER") }),
                  "auto_pad 'SAME_UPPER'");
    check_refused(with("Conv", { "x", "w" }, { integer("group", 2) }), "2 groups");
    check_refused(with("Conv", { "x", "w" }, { integer("group", 0) }), "0 groups");
    check_refused(with("Conv", { "x", "w" }, { integers("strides", { 0 }) }),
                  "'strides'");
    check_refused(with("Conv", { "x", "w" }, { integers("strides", { 1, 1 }) }),
                  "1-D only");
    check_refused(with("Conv", { "x", "w" }, { integers("pads", { -1, 0 }) }), "'pads'");
    check_refused(with("Conv", { "x", "w" }, { integers("kernel_shape", { 5 }) }),
                  "disagree");
    check_refused(with("Conv", { "x", "w" }, { integer("kernel_shape", 3) }),
                  "wrong type");
    check_refused(with("Conv", { "x", "w" }, { integer("novel", 3) }), "'novel'");
    check_refused(with("Conv", { "x", "x" }, {}), "must be a weight");
    check_refused(with("Conv", { "x", "ints" }, {}), "expected float32 weights");
    check_refused(with("Conv", { "x" }, {}), "expected float32 weights");
    check_refused(with("Conv", { "flat", "w" }, {}), "[batch, channels, positions]");
    check_refused(with("Gemm",
                       { "flat", "g" },
                       { integer("transB", 1), test::real("alpha", 2.0f) }),
                  "alpha = beta = 1");
    check_refused(with("Gemm", { "flat", "g" }, {}), "expected an input [batch, 4]");
    check_refused(with("Gemm", { "x", "g" }, { integer("transB", 1) }), "3 dimensions");
    check_refused(with("Add", { "x", "w" }, {}), "is a constant");
    check_refused(with("Add", { "x", "flat" }, {}), "same shape");
    check_refused(with("Add", { "x" }, {}), "two inputs");
    check_refused(with("MaxPool", { "x" }, {}), "'kernel_shape'");
    check_refused(with("MaxPool",
                       { "x" },
                       { integers("kernel_shape", { 2 }), integer("ceil_mode", 1) }),
                  "'ceil_mode' is 1");
    check_refused(with("AveragePool",
                       { "x" },
                       { integers("kernel_shape", { 2 }), integers("pads", { 2, 0 }) }),
                  "smaller than the kernel");
    check_refused(with("MaxPool", { "x" }, { integers("kernel_shape", { 31 }) }),
                  "longer than");
    check_refused(with("TopK", { "x" }, {}), "input 1");
    check_refused(with("TopK", { "x", "ints" }, { integer("axis", 1) }), "last axis");
    check_refused(with("TopK", { "flat", "ints" }, {}), "last axis");
    check_refused(with("TopK", { "x", "ints" }, { integer("largest", 0) }), "'largest'");
    check_refused(with("TopK", { "x", "nine" }, {}), "expected K from 1 to 8");
    check_refused(with("Concat", { "x", "flat" }, { integer("axis", 1) }), "differ");
    check_refused(with("Concat", { "x", "x" }, { integer("axis", 2) }), "axis 1");
    check_refused(with("Concat", {}, { integer("axis", 1) }), "no input");
    check_refused(with("Softmax", { "x" }, {}), "last axis");
    check_refused(with("Flatten", { "x" }, { integer("axis", 5) }), "out of range");
    check_refused(with("Squeeze", { "x", "ints" }, {}), "axis 2");
    check_refused(with("Reshape", { "x", "ints" }, {}), "[batch, channels, 1]");
    check_refused(with("Relu", {}, {}), "input 0 is missing");
}

BOOST_AUTO_TEST_CASE(second_output_read)
{
    bench b(4);
    b.m.node("TopK", "y", { "x", b.m.constant("k", { 1 }) }, {}, "where");
    check_refused(b.finish(b.m.node("Relu", "z", { "where" })),
                  "output 1, 'where', is read: only the first output is supported");
}

BOOST_AUTO_TEST_CASE(absurd_sizes)
{
    bench wide(4);
    wide.m.weight("w", { 4, 4, 1 }, wide.random);
    wide.m.node("Conv", "y", { "x", "w" }, { integers("pads", { 1 << 20, 1 << 20 }) });
    wide.conv("z", "y", 64, 4, 1);
    check_refused(wide.finish("z"), "256 MB");

    bench grouped(16384);
    grouped.conv("y", "x", 16384, 2, 1, { integer("group", 8192) });
    check_refused(grouped.finish("y"), "256 MB");

    bench doubling(16);
    std::string last = "x";
    for (int i = 0; i < 64; i++)
        last = doubling.m.node(
            "Concat", "c" + std::to_string(i), { last, last }, { integer("axis", 1) });
    check_refused(doubling.finish(last), "256 MB");
}

BOOST_AUTO_TEST_CASE(inputs_and_outputs)
{
    bench b(4);
    const std::string good = b.finish("x");
    check_refused(b.m.bytes(12), "opset 13 to 21");
    check_refused(b.m.bytes(22), "opset 13 to 21");
    b.m.input("third", { -1, 1 });
    check_refused(b.m.bytes(), "3 inputs");

    for (const test::shape& dims : { test::shape{ -1, bins },
                                     { -1, 2, bins },
                                     { -1, 1, -1 },
                                     { -1, 1, 1 << 21 } }) {
        model_writer m;
        m.input("spectrum", dims);
        m.input("rate", { -1, 1 });
        check_refused(m.bytes(), "input 'spectrum'");
    }
    model_writer m;
    m.input("spectrum", { -1, 1, bins });
    m.input("rate", { -1, 1 });
    m.node("Identity", "features", { "rate" });
    m.output("features", { -1, 1 });
    check_refused(m.bytes(), "output 'logits'");
    m.node("Identity", "logits", { "spectrum" });
    m.output("logits", { -1, 1, bins });
    check_refused(m.bytes(), "three dimensions");
}
