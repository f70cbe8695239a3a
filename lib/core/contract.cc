/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "contract.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>

namespace gr {
namespace speculative {

namespace {

using nlohmann::json;

std::string show(const json& value)
{
    constexpr size_t longest = 60;
    const std::string text =
        value.dump(-1, ' ', true, json::error_handler_t::replace); // ASCII only
    return text.size() <= longest ? text : text.substr(0, longest - 3) + "...";
}

/*! Reads checked fields of a JSON object; errors name the file and the field's dotted
 * path. */
class reader
{
public:
    reader(const json& object, std::string source, std::string prefix = "")
        : d_object(object), d_source(std::move(source)), d_prefix(std::move(prefix))
    {
    }

    [[noreturn]] void wrong(const std::string& key, const std::string& expected) const
    {
        const auto found = d_object.find(key);
        throw std::runtime_error(d_source + ": field '" + d_prefix + key +
                                 "': expected " + expected + ", found " +
                                 (found == d_object.end() ? "nothing" : show(*found)));
    }

    reader child(const std::string& key) const
    {
        const auto found = d_object.find(key);
        if (found == d_object.end() || !found->is_object())
            wrong(key, "a JSON object");
        return reader(*found, d_source, d_prefix + key + ".");
    }

    std::string text(const std::string& key) const
    {
        const auto found = d_object.find(key);
        if (found == d_object.end() || !found->is_string() ||
            found->get_ref<const std::string&>().empty())
            wrong(key, "a text that is not empty");
        return found->get<std::string>();
    }

    bool is_first_of(const std::string& key, const char* first, const char* second) const
    {
        const auto found = d_object.find(key);
        if (found == d_object.end() || (*found != first && *found != second))
            wrong(key, std::string("'") + first + "' or '" + second + "'");
        return *found == first;
    }

    double number(const std::string& key,
                  double low,
                  double high,
                  const std::string& expected) const
    {
        const auto found = d_object.find(key);
        if (found == d_object.end() || !found->is_number())
            wrong(key, expected);
        const double value = found->get<double>();
        if (!(value >= low && value <= high))
            wrong(key, expected);
        return value;
    }

    size_t integer(const std::string& key, size_t low, size_t high) const
    {
        const std::string expected =
            "an integer from " + std::to_string(low) + " to " + std::to_string(high);
        const auto found = d_object.find(key);
        if (found == d_object.end() || !found->is_number_unsigned())
            wrong(key, expected);
        const auto value = found->get<uint64_t>();
        if (value < low || value > high)
            wrong(key, expected);
        return value;
    }

    bool has(const std::string& key) const { return d_object.contains(key); }

    //! Numbers in a range; a null is NaN where that is allowed.
    std::vector<double> numbers(const std::string& key,
                                size_t least,
                                size_t most,
                                double low,
                                double high,
                                bool nulls,
                                const std::string& expected) const
    {
        const auto found = d_object.find(key);
        if (found == d_object.end() || !found->is_array() || found->size() < least ||
            found->size() > most)
            wrong(key, expected);
        std::vector<double> values;
        for (const json& value : *found) {
            if (value.is_null() && nulls)
                values.push_back(std::nan(""));
            else if (value.is_number() && value >= low && value <= high)
                values.push_back(value.get<double>());
            else
                wrong(key, expected);
        }
        return values;
    }

    std::vector<std::string> labels() const
    {
        const char* const expected = "a list of 2 to 1000 different texts";
        const auto found = d_object.find("labels");
        if (found == d_object.end() || !found->is_array() || found->size() < 2 ||
            found->size() > 1000)
            wrong("labels", expected);
        std::vector<std::string> labels;
        for (const json& label : *found) {
            if (!label.is_string() || label.get_ref<const std::string&>().empty())
                wrong("labels", expected);
            labels.push_back(label.get<std::string>());
        }
        if (std::set<std::string>(labels.begin(), labels.end()).size() != labels.size())
            wrong("labels", expected);
        return labels;
    }

private:
    const json& d_object;
    const std::string d_source;
    const std::string d_prefix;
};

preprocessing_constants preprocessing_of(const reader& read, size_t fft_size)
{
    if (read.integer("version", 0, 1000000) != 1)
        read.wrong("version",
                   "1, the only one that this release knows: update gr-speculative, or "
                   "train the model anew with this release");
    preprocessing_constants p;
    p.window = read.text("window");
    p.floor_blocks = read.integer("floor_blocks", 1, std::min<size_t>(fft_size, 256));
    if (fft_size % p.floor_blocks != 0)
        read.wrong("floor_blocks", "a divisor of " + std::to_string(fft_size));
    p.floor_rank = read.integer("floor_rank", 0, p.floor_blocks - 1);
    p.reference_rank = read.integer("reference_rank", 0, p.floor_blocks - 1);
    p.max_depth_db = static_cast<float>(
        read.number("max_depth_db", 0.0, 1e6, "a number of dB from 0 to 1e6"));
    p.scale_db = static_cast<float>(
        read.number("scale_db", 1e-3, 1e6, "a number of dB from 0.001 to 1e6"));
    const double low = read.number("clip_low", -1e6, 1e6, "a number from -1e6 to 1e6");
    const double high = read.number("clip_high", -1e6, 1e6, "a number from -1e6 to 1e6");
    if (!(low < high))
        read.wrong("clip_high", "a number above clip_low");
    p.clip_low = static_cast<float>(low);
    p.clip_high = static_cast<float>(high);
    return p;
}

deferral_rule rule_of(const reader& read)
{
    try {
        return deferral_rule_from(read.text("rule"));
    } catch (const std::invalid_argument&) {
        read.wrong("rule", "'margin', 'max_probability', 'entropy' or 'benefit'");
    }
}

benefit_model benefit_of(const reader& read, size_t classes)
{
    constexpr double most = 1e6;
    const auto numbers = [&](const char* key, size_t n) {
        const std::string expected = std::to_string(n) + " numbers from -1e6 to 1e6";
        return read.numbers(key, n, n, -most, most, false, expected);
    };
    benefit_model benefit;
    const auto weights = numbers("weights", benefit.weights.size());
    std::copy(weights.begin(), weights.end(), benefit.weights.begin());
    benefit.labels = numbers("labels", classes);
    benefit.bias = read.number("bias", -most, most, "a number from -1e6 to 1e6");
    return benefit;
}

threshold_strata strata_of(const reader& read, size_t classes, double scale_db)
{
    threshold_strata strata;
    size_t count = classes;
    if (!read.is_first_of("by", "label", "snr")) {
        const char* const expected = "1 to 64 ascending numbers of dB from -1e6 to 1e6";
        strata.edges = read.numbers("edges_db", 1, 64, -1e6, 1e6, false, expected);
        if (!std::is_sorted(strata.edges.begin(), strata.edges.end()))
            read.wrong("edges_db", expected);
        for (double& edge : strata.edges)
            edge /= scale_db;
        count = strata.edges.size() + 1;
    }
    const std::string expected =
        std::to_string(count) + " times a number from 0 to 1, or null";
    strata.thresholds =
        read.numbers("thresholds", count, count, 0.0, 1.0, true, expected);
    return strata;
}

merge_weights merge_of(const reader& read)
{
    merge_weights weights;
    if (read.is_first_of("rule", "linear", "log_linear")) {
        weights.rule = merge_rule::linear;
        weights.slow = read.number("lambda", 0.0, 1.0, "a number from 0 to 1");
        weights.fast = 1.0 - weights.slow;
        return weights;
    }
    const char* const expected = "a number from 0 to 1000, not both weights 0";
    weights.rule = merge_rule::log_linear;
    weights.fast = read.number("weight_fast", 0.0, 1e3, expected);
    weights.slow = read.number("weight_slow", 0.0, 1e3, expected);
    if (weights.fast + weights.slow <= 0.0)
        read.wrong("weight_slow", expected);
    return weights;
}

json parse(const std::string& text, const std::string& source)
{
    try {
        json document = json::parse(text);
        if (document.is_object())
            return document;
    } catch (const json::exception& e) {
        throw std::runtime_error(source + ": the contract is not JSON: " + e.what());
    }
    throw std::runtime_error(source + ": the contract: expected a JSON object");
}

} // namespace

contract parse_contract(const std::string& text, const std::string& source)
{
    const json document = parse(text, source);
    const reader read(document, source);
    read.integer("schema", 1, 1);
    if (!read.is_first_of("role", "fast", "slow"))
        read.wrong("role", "'fast' (a slow model runs in the hub)");
    contract c;
    c.name = read.text("name");
    c.labels = read.labels();
    c.fft_size = read.integer("fft_size", 32, 1 << 20);
    if (c.fft_size % 32 != 0)
        read.wrong("fft_size", "a multiple of 32");
    read.integer("context", 1, 1);
    c.preprocessing = preprocessing_of(read.child("preprocessing"), c.fft_size);
    c.temperature = read.number("temperature", 1e-3, 1e3, "a number from 0.001 to 1000");
    c.rule = rule_of(read);
    const bool learned =
        read.has("calibration") && read.child("calibration").has("benefit");
    if (learned || c.rule == deferral_rule::benefit)
        c.benefit =
            benefit_of(read.child("calibration").child("benefit"), c.labels.size());
    c.threshold = read.number("threshold", 0.0, 1.0, "a number from 0 to 1");
    if (read.has("strata"))
        c.strata =
            strata_of(read.child("strata"), c.labels.size(), c.preprocessing.scale_db);
    if (read.has("disagreement"))
        c.disagreement =
            read.number("disagreement", 1e-4, 0.5, "a share from 0.0001 to 0.5");
    c.merge = merge_of(read.child("merge"));
    c.slow_context = read.integer("slow_context", 1, 4096);
    return c;
}

} // namespace speculative
} // namespace gr
