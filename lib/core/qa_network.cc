/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "test_models.h"
#include "test_network.h"

#include <boost/test/unit_test.hpp>

using namespace gr::speculative;
using test::bench;
using test::bins;
using test::check;
using test::integer;
using test::integers;
using test::model_writer;

BOOST_AUTO_TEST_CASE(convolutions)
{
    for (const int64_t in : { 1, 3, 16, 17 })
        for (const int64_t out : { 1, 5, 16, 33 })
            for (const int64_t kernel : { 1, 2, 5 })
                for (const int64_t stride : { 1, 3 })
                    for (const int64_t before : { 0, 2 })
                        for (const int64_t after : { 0, 1, 6 }) {
                            bench b(static_cast<size_t>(in), 2);
                            check(b.finish(b.conv("y",
                                                  "x",
                                                  out,
                                                  in,
                                                  kernel,
                                                  { integers("strides", { stride }),
                                                    integers("pads", { before, after }),
                                                    integers("kernel_shape", { kernel }),
                                                    integers("dilations", { 1 }) },
                                                  out != 5)));
                        }
}

BOOST_AUTO_TEST_CASE(grouped_convolutions)
{
    for (const auto& [channels, out, groups] : { std::array<int64_t, 3>{ 4, 4, 4 },
                                                 { 17, 17, 17 },
                                                 { 40, 40, 40 },
                                                 { 6, 4, 2 },
                                                 { 4, 8, 4 },
                                                 { 6, 9, 3 } }) {
        bench b(static_cast<size_t>(channels));
        const std::vector<std::string> attributes = { integer("group", groups),
                                                      integers("strides", { 2 }),
                                                      integers("pads", { 1, 2 }) };
        b.conv("y", "x", out, channels / groups, 3, attributes);
        check(b.finish(b.m.node("Relu", "z", { "y" })));
    }
}

BOOST_AUTO_TEST_CASE(pools)
{
    for (const size_t channels : { 1, 5, 16, 19 })
        for (const char* op : { "MaxPool", "AveragePool" })
            for (const int64_t kernel : { 2, 3, 7 })
                for (const int64_t stride : { 1, 2, 5 })
                    for (const int64_t before : { 0, 1 })
                        for (const int64_t count : { 0, 1 }) {
                            bench b(channels);
                            std::vector<std::string> attributes = {
                                integers("kernel_shape", { kernel }),
                                integers("strides", { stride }),
                                integers("pads", { before, kernel - 1 })
                            };
                            if (op[0] == 'A')
                                attributes.push_back(integer("count_include_pad", count));
                            check(b.finish(b.m.node(op, "y", { "x" }, attributes)));
                        }
    for (const char* op : { "MaxPool", "AveragePool" }) { // windows that cover everything
        bench b(5);
        check(b.finish(
            b.m.node(op,
                     "y",
                     { "x" },
                     { integers("kernel_shape", { 34 }), integers("pads", { 4, 3 }) })));
    }
    for (const char* op : { "GlobalMaxPool", "GlobalAveragePool" }) {
        bench b(19);
        check(b.finish(b.m.node(op, "y", { "x" })));
    }
}

BOOST_AUTO_TEST_CASE(strongest)
{
    for (const size_t channels : { 1, 5, 16, 19 })
        for (const int64_t k : { 1, 2, 4, 8 }) {
            bench b(channels);
            const std::string y =
                b.m.node("TopK", "y", { "x", b.m.constant("k", { k }) }, {}, "where");
            const auto count = static_cast<int64_t>(channels) * k;
            b.m.node("Flatten", "flat", { y });
            b.m.node("Gemm", "z", { "flat", b.m.weight("w", { count, 3 }, b.random) });
            check(b.finish("z", true));
        }
}

BOOST_AUTO_TEST_CASE(gemm_after_flatten)
{
    for (const int64_t channels : { 1, 3, 16 })
        for (const int64_t out : { 1, 5, 16, 35 })
            for (const int64_t transposed : { 0, 1 }) {
                bench b(static_cast<size_t>(channels), 4);
                const int64_t in = channels * 8;
                b.m.node("Flatten", "flat", { "x" }, { integer("axis", 1) });
                const test::shape dims =
                    transposed ? test::shape{ out, in } : test::shape{ in, out };
                std::vector<std::string> inputs = { "flat",
                                                    b.m.weight("w", dims, b.random) };
                if (out != 5)
                    inputs.push_back(b.m.weight("bias", { out }, b.random));
                b.m.node("Gemm", "y", inputs, { integer("transB", transposed) });
                check(b.finish("y", true));
            }
}

BOOST_AUTO_TEST_CASE(adds_and_relus)
{
    for (const size_t channels : { 1, 7, 16 })
        for (int which = 0; which < 8; which++)
            BOOST_TEST_CONTEXT("graph " << which)
            {
                bench b(channels);
                const auto c = static_cast<int64_t>(channels);
                b.conv("y", "x", c, c, 3, { integers("pads", { 1, 1 }) });
                b.m.node("Gemm", "r", { "rate", b.m.weight("rw", { 1, c }, b.random) });
                b.m.node("Unsqueeze", "shift", { "r", b.m.constant("axes", { -1 }) });
                const auto relu = [&](const std::string& from) {
                    return b.m.node("Relu", from + ".relu", { from });
                };
                const auto add = [&](const std::string& one, const std::string& two) {
                    return b.m.node("Add", one + "+" + two, { one, two });
                };
                std::string last;
                switch (which) {
                case 0: // fused whole
                    last = relu(add("y", "shift"));
                    break;
                case 1: // the other way round
                    last = relu(add("shift", "y"));
                    break;
                case 2: // the sum comes after the Relu
                    last = add(relu("y"), "shift");
                    break;
                case 3: // the convolution has two readers
                    last = add("y", "shift");
                    last = add(last, relu("y"));
                    break;
                case 4: // a residual
                    last = relu(add("y", "x"));
                    break;
                case 5: // twice the same
                    last = add("y", "y");
                    break;
                case 6: // two shifts
                    last = add(add("y", "shift"), "shift");
                    break;
                default: // two Relus
                    last = relu(relu("y"));
                }
                check(b.finish(last));
            }
}

BOOST_AUTO_TEST_CASE(concat_and_views)
{
    for (const size_t channels : { 1, 5, 16 }) {
        const auto c = static_cast<int64_t>(channels);
        bench b(channels);
        b.conv("y", "x", 3, c, 1);
        b.m.node("Concat", "xy", { "x", "y", "x" }, { integer("axis", -2) });
        b.conv("z", "xy", 4, 2 * c + 3, 5, { integers("pads", { 2, 2 }) });
        b.m.node("Flatten", "flat", { "z" });
        b.m.node("Concat", "all", { "rate", "flat", "rate" }, { integer("axis", 1) });
        b.m.node("Unsqueeze", "all3", { "all", b.m.constant("axes", { 2 }) });
        b.m.node("Squeeze", "all2", { "all3", b.m.constant("axes2", { -1 }) });
        b.m.node("Reshape", "again3", { "all2", b.m.constant("shape", { 0, -1, 1 }) });
        check(b.finish(
            b.m.node("Reshape",
                     "again",
                     { "again3", b.m.constant("flat_shape", { -1, 4 * 30 + 2 }) }),
            true));
    }
}

BOOST_AUTO_TEST_CASE(flattened_values_keep_their_order)
{
    bench b(3);
    b.m.node("Flatten", "flat", { "x" });
    b.m.node("Reshape", "column", { "flat", b.m.constant("shape", { 0, 90, 1 }) });
    b.conv("y", "column", 4, 90, 1, { integers("pads", { 1, 1 }) });
    b.m.node(
        "Softmax", "p", { b.m.node("Flatten", "f", { "y" }) }, { integer("axis", -1) });
    check(b.finish("p", true));
}

BOOST_AUTO_TEST_CASE(the_small_model)
{
    model_writer m = test::small_model();
    const onnx::model model = onnx::parse(m.bytes(), "some.onnx");
    const network net(model, reference_kernels(), 4);
    BOOST_TEST(net.classes() == 3u);
    BOOST_TEST(net.feature_size() == 5u);
    BOOST_TEST(net.macs() == 16u * 6 * 5 + 6 + 7 * 5 + 5 * 3);
}
