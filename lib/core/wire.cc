/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/wire.h"

#include <nlohmann/json.hpp>

#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <stdexcept>

namespace gr {
namespace speculative {
namespace wire {

using nlohmann::json;

namespace {

// JSON numbers are exact to 2^53 only.
std::string hexadecimal(uint64_t value)
{
    char text[17];
    std::snprintf(text, sizeof(text), "%016" PRIx64, value);
    return text;
}

uint64_t from_hexadecimal(const std::string& text)
{
    if (text.size() != 16 ||
        text.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
        throw std::invalid_argument("session is not 16 hexadecimal digits");
    return std::stoull(text, nullptr, 16);
}

[[noreturn]] void missing(const char* key, const char* expected)
{
    throw std::invalid_argument(std::string(key) + " is missing or not " + expected);
}

std::string text_of(const json& header, const char* key, bool required)
{
    const auto found = header.find(key);
    if (found != header.end() && found->is_string())
        return found->get<std::string>();
    if (required || (found != header.end() && !found->is_null()))
        missing(key, "a string");
    return {};
}

double number_of(const json& header, const char* key)
{
    const auto found = header.find(key);
    if (found == header.end() || found->is_null())
        return 0.0;
    if (!found->is_number())
        missing(key, "a number");
    return found->get<double>();
}

// A header is a flat object; a parser that recurses must not be handed a deep one.
json parse(std::string_view header)
{
    const auto flat = [](int depth, json::parse_event_t event, json&) {
        const bool opens = event == json::parse_event_t::object_start ||
                           event == json::parse_event_t::array_start;
        if (opens && depth > 4)
            throw std::invalid_argument("header is nested too deeply");
        return true;
    };
    json parsed;
    // The parser takes a zero byte for the end.
    if (header.find('\0') != std::string_view::npos)
        throw std::invalid_argument("header is not JSON");
    try {
        parsed = json::parse(header, flat);
    } catch (const json::exception&) {
        throw std::invalid_argument("header is not JSON");
    }
    if (!parsed.is_object())
        throw std::invalid_argument("header is not a JSON object");
    return parsed;
}

uint64_t count_of(const json& header, const char* key)
{
    const auto found = header.find(key);
    if (found == header.end() || !found->is_number_unsigned())
        missing(key, "an unsigned integer");
    return found->get<uint64_t>();
}

// A text of ours may hold any bytes; the hub's JSON may not.
std::string dump(const json& header)
{
    return header.dump(-1, ' ', false, json::error_handler_t::replace);
}

welcome welcome_from(const json& header, std::string_view payload)
{
    if (!payload.empty())
        throw std::invalid_argument("payload of a welcome is not empty");
    welcome w;
    w.credit = count_of(header, "credit");
    const double lease = number_of(header, "lease_s");
    if (!(lease >= 0.01 && lease <= 86400.0))
        missing("lease_s", "0.01 to 86400 seconds");
    w.lease = std::chrono::milliseconds(static_cast<int64_t>(lease * 1e3));
    w.message = text_of(header, "message", false);
    return w;
}

verdict verdict_from(const json& header, std::string_view payload)
{
    verdict v;
    v.session = from_hexadecimal(text_of(header, "session", true));
    v.seq = count_of(header, "seq");
    v.status = verdict_status_from(text_of(header, "status", true));
    v.model = text_of(header, "model", false);
    v.model_sha256 = text_of(header, "model_sha256", false);
    v.message = text_of(header, "message", false);
    v.elapsed_ms = number_of(header, "elapsed_ms");
    const auto heads = header.find("heads");
    if (heads != header.end() && !heads->is_null()) {
        if (!heads->is_object())
            missing("heads", "an object");
        v.heads = dump(*heads);
    }
    if (v.status != verdict_status::ok && !payload.empty())
        throw std::invalid_argument("payload is not empty although status is not ok");
    v.scores.resize(payload.size() / sizeof(float));
    if (!payload.empty()) // memcpy takes no null pointer, not even for no bytes
        std::memcpy(v.scores.data(), payload.data(), payload.size());
    return v;
}

} // namespace

std::string hello_header(const hello& h)
{
    json header{ { "schema", "speculative.hello/1" }, { "node_id", h.node_id } };
    if (!h.model.empty())
        header["model"] = h.model;
    if (!h.labels.empty())
        header["labels"] = h.labels;
    if (h.fft_size != 0)
        header["fft_size"] = h.fft_size;
    return dump(header);
}

std::string request_header(const request& r, double deadline_ms)
{
    const json header{
        { "schema", "speculative.deferred/1" },
        { "session", hexadecimal(r.session) },
        { "seq", r.seq },
        { "offset", r.offset },
        { "vectors", r.vectors },
        { "fft_size", r.fft_size },
        { "db_scale", r.db_scale },
        { "db_offset", r.db_offset },
        { "sample_rate", r.sample_rate },
        { "center_frequency", r.center_frequency },
        { "deadline_ms", deadline_ms },
        { "fast_label", r.fast_label },
        { "fast_confidence", r.fast_confidence },
        { "node_id", r.node_id },
    };
    return dump(header);
}

answer decode(std::string_view first, std::string_view header, std::string_view payload)
{
    if (first != version)
        throw std::invalid_argument(
            "version frame is not GRSPEC 1: the hub speaks another protocol, "
            "update it or this node");
    if (header.size() > largest_header)
        throw std::invalid_argument("header is " + std::to_string(header.size()) +
                                    " bytes, expected at most 65536");
    if (payload.size() % sizeof(float) != 0 ||
        payload.size() > largest_scores * sizeof(float))
        throw std::invalid_argument(
            "payload is " + std::to_string(payload.size()) +
            " bytes, expected 4 for each of at most 4096 classes");
    const json parsed = parse(header);
    const std::string schema = text_of(parsed, "schema", true);
    if (schema == "speculative.welcome/1")
        return welcome_from(parsed, payload);
    if (schema == "speculative.verdict/1")
        return verdict_from(parsed, payload);
    throw std::invalid_argument(
        "schema is neither speculative.verdict/1 nor speculative.welcome/1");
}

} // namespace wire
} // namespace speculative
} // namespace gr
