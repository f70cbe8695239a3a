/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "contract.h"
#include "network.h"
#include "onnx_reader.h"
#include "test_models.h"

#include <boost/test/unit_test.hpp>

using namespace gr::speculative;

namespace {

// The message of the one error that these bytes cause; empty if they cause none.
std::string complaint(const std::string& bytes)
{
    try {
        const onnx::model model = onnx::parse(bytes, "some.onnx");
        const auto found = model.metadata.find("gr_speculative");
        if (found == model.metadata.end())
            return "no contract";
        parse_contract(found->second, "some.onnx");
        network(model, reference_kernels(), 1);
        return "";
    } catch (const std::runtime_error& e) {
        return e.what();
    }
}

void check_complaint(const std::string& bytes, const std::string& expected)
{
    const std::string found = complaint(bytes);
    BOOST_TEST(found.find("some.onnx: ") == 0, found);
    BOOST_TEST(found.find(expected) != std::string::npos, found);
}

// A weight written field by field.
std::string with_weight(const std::vector<int64_t>& dims,
                        int32_t type,
                        const std::string& raw,
                        bool external = false)
{
    test::model_writer m = test::small_model();
    {
        protozero::pbf_writer graph(m.graph());
        protozero::pbf_writer tensor(graph, 5);
        tensor.add_packed_int64(1, dims.begin(), dims.end());
        tensor.add_int32(2, type);
        tensor.add_string(8, "odd");
        tensor.add_bytes(9, raw);
        if (external)
            tensor.add_int32(14, 1);
    }
    return m.bytes();
}

} // namespace

BOOST_AUTO_TEST_CASE(reads_what_is_there)
{
    const onnx::model m = onnx::parse(test::small_model().bytes(), "some.onnx");
    BOOST_TEST(m.opset == 17);
    BOOST_TEST_REQUIRE(m.nodes.size() == 11u);
    BOOST_TEST(m.nodes[0].op == "Conv");
    BOOST_TEST(m.nodes[0].name == "conv1");
    BOOST_TEST(m.nodes[0].inputs[1] == "conv1.w");
    BOOST_TEST(m.nodes[0].attributes.at("strides").integers == std::vector<int64_t>{ 4 },
               boost::test_tools::per_element());
    BOOST_TEST(m.initializers.at("conv1.w").floats.size() == 30u);
    BOOST_TEST(m.initializers.at("axes").ints[0] == 2);
    BOOST_TEST_REQUIRE(m.inputs.size() == 2u);
    BOOST_TEST(m.inputs[0].dims[0] == -1);
    BOOST_TEST(m.inputs[0].dims[2] == 64);
    BOOST_TEST(m.metadata.at("gr_speculative") == test::contract);
    BOOST_TEST(complaint(test::small_model().bytes()) == "");
}

BOOST_AUTO_TEST_CASE(weights_among_the_inputs_are_no_inputs)
{
    test::model_writer m = test::small_model();
    m.input("conv1.w", { 6, 1, 5 });
    BOOST_TEST(onnx::parse(m.bytes(), "some.onnx").inputs.size() == 2u);
}

BOOST_AUTO_TEST_CASE(foreign_files)
{
    check_complaint("", "no graph");
    check_complaint("# GNU Radio\nnot a model at all\n", "not an ONNX file");
    check_complaint(std::string(1000, '\0'), "not an ONNX file");
    check_complaint(std::string(1000, '\xff'), "not an ONNX file");
}

BOOST_AUTO_TEST_CASE(damaged_weights)
{
    const std::string eight(8, '\0');
    BOOST_TEST(complaint(with_weight({ 2 }, 1, eight)) == "");
    check_complaint(with_weight({ 3 }, 1, eight), "'odd' has 2 elements");
    check_complaint(with_weight({ 2 }, 1, std::string(7, '\0')), "7 bytes");
    check_complaint(with_weight({ -2 }, 1, eight), "dimension of -2");
    check_complaint(with_weight({ INT64_MAX }, 1, eight),
                    "dimension of 9223372036854775807");
    check_complaint(with_weight({ 1 << 30, 1 << 30, 1 << 30 }, 1, eight), "overflow");
    check_complaint(with_weight({ 1 << 30, 1 << 30 }, 1, eight), "1152921504606846976");
    check_complaint(with_weight(std::vector<int64_t>(9, 1), 1, eight), "more than 8");
    check_complaint(with_weight(std::vector<int64_t>(100000, 1), 1, eight), "4096");
    check_complaint(with_weight({ 2 }, 10, eight), "element type 10");
    check_complaint(with_weight({ 2 }, 1, eight, true), "another file");
    check_complaint(with_weight({ 2 }, 1, std::string(8, '\xff')), "NaN");
}

BOOST_AUTO_TEST_CASE(graphs_that_do_not_hang_together)
{
    test::model_writer missing = test::small_model();
    missing.node("Relu", "loose", { "nowhere" });
    check_complaint(missing.bytes(), "node 'loose' ('Relu') reads 'nowhere'");

    test::model_writer cyclic = test::small_model();
    cyclic.node("Relu", "one", { "two" });
    cyclic.node("Relu", "two", { "one" });
    check_complaint(cyclic.bytes(), "reads 'two'");

    test::model_writer twice = test::small_model();
    twice.node("Relu", "logits", { "features" });
    check_complaint(twice.bytes(), "exists already");

    test::model_writer output = test::small_model();
    output.output("nothing", { -1, 3 });
    check_complaint(output.bytes(), "no node gives the output 'nothing'");

    test::model_writer many = test::small_model();
    for (int i = 0; i < 5000; i++)
        many.graph() += std::string("\x0a\x00", 2); // an empty node
    check_complaint(many.bytes(), "more than 4096 nodes");
}

BOOST_AUTO_TEST_CASE(names_are_made_safe_to_print)
{
    BOOST_TEST(onnx::quote("conv1") == "'conv1'");
    BOOST_TEST(onnx::quote("a\n\x1b[31m\xff") == "'a??[31m?'");
    BOOST_TEST(onnx::quote(std::string(1000, 'x')).size() < 70u);
}

// Whatever happens to a file, it loads or gives one error that begins with its name.
BOOST_AUTO_TEST_CASE(every_truncation)
{
    const std::string bytes = test::small_model().bytes();
    for (size_t size = 0; size < bytes.size(); size++) {
        const std::string found = complaint(bytes.substr(0, size));
        BOOST_TEST_REQUIRE(!found.empty(), "truncated to " << size);
    }
}

BOOST_AUTO_TEST_CASE(every_flipped_bit)
{
    const std::string bytes = test::small_model().bytes();
    size_t refused = 0;
    for (size_t bit = 0; bit < 8 * bytes.size(); bit++) {
        std::string damaged = bytes;
        damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
        refused += !complaint(damaged).empty();
    }
    BOOST_TEST(refused > bytes.size());
}

BOOST_AUTO_TEST_CASE(random_damage)
{
    std::mt19937 random(7);
    const std::string bytes = test::small_model().bytes();
    for (int round = 0; round < 2000; round++) {
        std::string damaged = bytes;
        for (int i = 0; i < 8; i++)
            damaged[random() % damaged.size()] = static_cast<char>(random());
        if (round % 2)
            damaged.erase(random() % damaged.size(), random() % 16);
        complaint(damaged);
    }
}
