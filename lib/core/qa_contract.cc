/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "contract.h"
#include "test_models.h"

#include <nlohmann/json.hpp>
#include <boost/test/unit_test.hpp>

#include <cmath>

using namespace gr::speculative;
using nlohmann::json;

namespace {

std::string complaint(const std::string& text)
{
    try {
        parse_contract(text, "some.onnx");
        return "";
    } catch (const std::runtime_error& e) {
        return e.what();
    }
}

// Puts value at a dotted path and checks that the error names file and field.
void check_refused(const std::string& path, const json& value)
{
    std::string pointer = "/" + path;
    std::replace(pointer.begin(), pointer.end(), '.', '/');
    json document = json::parse(test::contract);
    document[json::json_pointer(pointer)] = value;
    const std::string found = complaint(document.dump());
    BOOST_TEST(found.find("some.onnx: field '" + path + "': expected ") == 0,
               path << " = " << value << ": " << found);
}

} // namespace

BOOST_AUTO_TEST_CASE(reads_every_field)
{
    const contract c = parse_contract(test::contract, "some.onnx");
    BOOST_TEST(c.name == "tiny");
    BOOST_TEST(c.labels == (std::vector<std::string>{ "a", "b", "c" }),
               boost::test_tools::per_element());
    BOOST_TEST(c.fft_size == 64u);
    BOOST_TEST(c.preprocessing.window == "blackmanharris");
    BOOST_TEST(c.preprocessing.floor_blocks == 32u);
    BOOST_TEST(c.preprocessing.floor_rank == 3u);
    BOOST_TEST(c.preprocessing.reference_rank == 24u);
    BOOST_TEST(c.preprocessing.max_depth_db == 20.0f);
    BOOST_TEST(c.preprocessing.scale_db == 20.0f);
    BOOST_TEST(c.preprocessing.clip_low == -1.0f);
    BOOST_TEST(c.preprocessing.clip_high == 3.0f);
    BOOST_TEST(c.temperature == 1.5);
    BOOST_CHECK(c.rule == deferral_rule::margin);
    BOOST_TEST(c.threshold == 0.85);
    BOOST_CHECK(c.merge.rule == merge_rule::linear);
    BOOST_TEST(c.merge.slow == 0.7);
    BOOST_TEST(c.merge.fast == 1.0 - 0.7);
    BOOST_TEST(c.slow_context == 16u);
}

BOOST_AUTO_TEST_CASE(the_other_rules)
{
    json document = json::parse(test::contract);
    document["rule"] = "max_probability";
    document["merge"] = { { "rule", "log_linear" },
                          { "weight_fast", 0 },
                          { "weight_slow", 1.25 } };
    const contract c = parse_contract(document.dump(), "some.onnx");
    BOOST_CHECK(c.rule == deferral_rule::max_probability);
    BOOST_CHECK(c.merge.rule == merge_rule::log_linear);
    BOOST_TEST(c.merge.fast == 0.0);
    BOOST_TEST(c.merge.slow == 1.25);
}

BOOST_AUTO_TEST_CASE(a_learned_rule)
{
    json document = json::parse(test::contract);
    BOOST_TEST(parse_contract(document.dump(), "some.onnx").benefit.labels.empty());
    document["rule"] = "benefit";
    BOOST_TEST(complaint(document.dump()).find("'calibration.benefit'") !=
               std::string::npos);
    document["calibration"]["benefit"] = { { "weights", { 1, 2, 3, 4, 5, 6, 7.5 } },
                                           { "labels", { -1, 0, 1 } },
                                           { "bias", 0.25 } };
    const benefit_model found = parse_contract(document.dump(), "some.onnx").benefit;
    BOOST_TEST(found.weights[6] == 7.5);
    BOOST_TEST(found.labels == (std::vector<double>{ -1.0, 0.0, 1.0 }),
               boost::test_tools::per_element());
    BOOST_TEST(found.bias == 0.25);
    document["rule"] = "margin"; // it is there to be chosen, and must be sound
    for (const auto& [key, value] :
         { std::pair<const char*, json>{ "weights", { 1, 2, 3 } },
           { "weights", "seven" },
           { "labels", { 1, 2, 3, 4 } },
           { "labels", { 1, 2, nullptr } },
           { "labels", { 1, 2, 1e9 } },
           { "bias", nullptr } }) {
        json damaged = document;
        damaged["calibration"]["benefit"][key] = value;
        BOOST_TEST(complaint(damaged.dump())
                       .find(std::string("'calibration.benefit.") + key + "'") !=
                   std::string::npos);
    }
    check_refused("calibration", "lost");
}

BOOST_AUTO_TEST_CASE(disagreement_is_a_share_or_absent)
{
    json document = json::parse(test::contract);
    BOOST_TEST(parse_contract(document.dump(), "some.onnx").disagreement == 0.004);
    document["disagreement"] = 0.02;
    BOOST_TEST(parse_contract(document.dump(), "some.onnx").disagreement == 0.02);
    check_refused("disagreement", 0);
    check_refused("disagreement", 0.7);
    check_refused("disagreement", "little");
}

BOOST_AUTO_TEST_CASE(thresholds_by_stratum)
{
    json document = json::parse(test::contract);
    BOOST_TEST(parse_contract(document.dump(), "some.onnx").strata.thresholds.empty());
    document["strata"] = { { "by", "label" }, { "thresholds", { 0, nullptr, 0.5 } } };
    threshold_strata found = parse_contract(document.dump(), "some.onnx").strata;
    BOOST_TEST(!found.by_snr());
    BOOST_TEST((found.thresholds.size() == 3u && std::isnan(found.thresholds[1]) &&
                found.thresholds[2] == 0.5));
    document["strata"] = { { "by", "snr" },
                           { "edges_db", { 15, 40 } },
                           { "thresholds", { 1, 0.5, nullptr } } };
    found = parse_contract(document.dump(), "some.onnx").strata;
    BOOST_TEST(found.by_snr());
    BOOST_TEST(found.edges == (std::vector<double>{ 0.75, 2.0 }),
               boost::test_tools::per_element());
    for (const auto& [key, value] : { std::pair<const char*, json>{ "by", "mood" },
                                      { "edges_db", json::array() },
                                      { "edges_db", { 40, 15 } },
                                      { "edges_db", { 15, nullptr } },
                                      { "thresholds", { 1, 0.5 } },
                                      { "thresholds", { 1, 0.5, 1.5 } },
                                      { "thresholds", { 1, 0.5, "x" } } }) {
        json damaged = document;
        damaged["strata"][key] = value;
        BOOST_TEST(complaint(damaged.dump()).find(std::string("'strata.") + key + "'") !=
                   std::string::npos);
    }
    check_refused("strata", nullptr);
}

BOOST_AUTO_TEST_CASE(fields_out_of_range)
{
    check_refused("schema", 2);
    check_refused("schema", "1");
    check_refused("role", "slow");
    check_refused("role", "medium");
    check_refused("name", "");
    check_refused("name", 3);
    check_refused("labels", json::array({ "a" }));
    check_refused("labels", json::array({ "a", "a" }));
    check_refused("labels", json::array({ "a", "" }));
    check_refused("labels", json::array({ "a", 1 }));
    check_refused("labels", "abc");
    check_refused("fft_size", 0);
    check_refused("fft_size", -64);
    check_refused("fft_size", 48);
    check_refused("fft_size", 64.0);
    check_refused("fft_size", uint64_t{ 1 } << 40);
    check_refused("context", 16);
    check_refused("preprocessing", 1);
    check_refused("preprocessing.version", 2);
    check_refused("preprocessing.window", "");
    check_refused("preprocessing.floor_blocks", 0);
    check_refused("preprocessing.floor_blocks", 33);
    check_refused("preprocessing.floor_rank", 32);
    check_refused("preprocessing.reference_rank", 32);
    check_refused("preprocessing.max_depth_db", -1.0);
    check_refused("preprocessing.scale_db", 0.0);
    check_refused("preprocessing.scale_db", -20.0);
    check_refused("preprocessing.clip_low", "low");
    check_refused("preprocessing.clip_high", -1.0);
    check_refused("temperature", 0);
    check_refused("temperature", true);
    check_refused("temperature", nullptr);
    check_refused("rule", "surprise");
    check_refused("threshold", 1.01);
    check_refused("threshold", -0.01);
    check_refused("merge", json::array());
    check_refused("merge.rule", "median");
    check_refused("merge.lambda", 1.5);
    check_refused("merge", nullptr);
    check_refused("slow_context", 0);
    check_refused("slow_context", 1000000);
}

BOOST_AUTO_TEST_CASE(weights_not_both_zero)
{
    json document = json::parse(test::contract);
    document["merge"] = { { "rule", "log_linear" },
                          { "weight_fast", 0 },
                          { "weight_slow", 0 } };
    BOOST_TEST(complaint(document.dump()).find("'merge.weight_slow'") !=
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(every_field_is_required)
{
    const json document = json::parse(test::contract);
    for (const auto& field : document.items()) {
        if (field.key() == "calibration" || field.key() == "training")
            continue; // records, of no use to the engine
        json without = document;
        without.erase(field.key());
        const std::string found = complaint(without.dump());
        BOOST_TEST(found.find("'" + field.key() + "'") != std::string::npos, found);
        BOOST_TEST(found.find("found nothing") != std::string::npos, found);
    }
}

BOOST_AUTO_TEST_CASE(not_json)
{
    for (const std::string& text : { std::string(),
                                     std::string("{"),
                                     std::string("[1, 2]"),
                                     std::string("{\"name\": \"\xff\"}"),
                                     std::string("{\"temperature\": 1e999}"),
                                     std::string(100000, '[') }) {
        const std::string found = complaint(text);
        BOOST_TEST(found.find("some.onnx: the contract") == 0, found);
    }
    const std::string all = test::contract;
    for (size_t size = 0; size < all.size(); size++)
        BOOST_TEST_REQUIRE(!complaint(all.substr(0, size)).empty());
}
