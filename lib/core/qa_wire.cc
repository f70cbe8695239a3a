/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/wire.h"

#include <nlohmann/json.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cstring>
#include <random>
#include <stdexcept>
#include <vector>

namespace gr {
namespace speculative {

using nlohmann::json;

namespace {

const std::string good_header =
    R"({"schema":"speculative.verdict/1",)"
    R"("session":"00ffeeddccbbaa99","seq":42,"status":"ok",)"
    R"("model":"slow-1","model_sha256":"abc","elapsed_ms":12.5})";

std::string floats(const std::vector<float>& values)
{
    std::string bytes(values.size() * sizeof(float), '\0');
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
}

verdict
decode_verdict(std::string_view first, std::string_view header, std::string_view payload)
{
    return std::get<verdict>(wire::decode(first, header, payload));
}

const std::string good_payload = floats({ 0.25f, 0.5f, 0.25f });

std::string
complaint(std::string_view first, std::string_view header, std::string_view payload)
{
    try {
        decode_verdict(first, header, payload);
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return "none";
}

// What is said of a header in which one key has another value; null takes the key out.
std::string complaint_about(const char* key, const json& value)
{
    json header = json::parse(good_header);
    if (value.is_null())
        header.erase(key);
    else
        header[key] = value;
    return complaint(wire::version, header.dump(), good_payload);
}

bool contains(const std::string& text, const std::string& part)
{
    return text.find(part) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_verdict_is_read_whole)
{
    const verdict v = decode_verdict(wire::version, good_header, good_payload);
    BOOST_TEST(v.session == 0x00ffeeddccbbaa99u);
    BOOST_TEST(v.seq == 42u);
    BOOST_TEST((v.status == verdict_status::ok));
    BOOST_TEST(v.model == "slow-1");
    BOOST_TEST(v.model_sha256 == "abc");
    BOOST_TEST(v.elapsed_ms == 12.5);
    BOOST_TEST(v.message == "");
    BOOST_TEST(v.scores == (std::vector<float>{ 0.25f, 0.5f, 0.25f }),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(only_the_identity_and_the_status_are_required)
{
    const verdict v = decode_verdict(
        wire::version,
        R"({"schema":"speculative.verdict/1","session":"ffffffffffffffff",)"
        R"("seq":18446744073709551615,"status":"busy","message":"später","new":[1]})",
        "");
    BOOST_TEST(v.session == UINT64_MAX);
    BOOST_TEST(v.seq == UINT64_MAX);
    BOOST_TEST((v.status == verdict_status::busy));
    BOOST_TEST(v.message == "später");
    BOOST_TEST(v.elapsed_ms == 0.0);
    BOOST_TEST(v.scores.empty());
}

BOOST_AUTO_TEST_CASE(every_status_is_known_by_its_word)
{
    for (const auto status : { verdict_status::ok,
                               verdict_status::busy,
                               verdict_status::expired,
                               verdict_status::error,
                               verdict_status::unreachable })
        BOOST_TEST((verdict_status_from(to_string(status)) == status));
}

BOOST_AUTO_TEST_CASE(a_wrong_version_is_named)
{
    for (const std::string& first : { std::string(),
                                      std::string("GRSPEC\0\2", 8),
                                      std::string("GRSPEC"),
                                      std::string("GRSPEC\0\1\0", 9) })
        BOOST_TEST(contains(complaint(first, good_header, good_payload), "version"));
}

BOOST_AUTO_TEST_CASE(a_wrong_field_is_named)
{
    const std::vector<std::pair<const char*, std::vector<json>>> wrong{
        { "schema", { nullptr, "speculative.deferred/1", "speculative.verdict/2", 1 } },
        { "session",
          { nullptr,
            12,
            "",
            "12",
            "0x00ffeeddccbbaa",
            "-0ffeeddccbbaa99",
            "00ffeeddccbbaa990" } },
        { "seq", { nullptr, -1, 1.0, "42", true, json::array({ 42 }) } },
        { "status", { nullptr, "OK", "fine", "", 0, false } },
        { "model", { 1, json::object() } },
        { "model_sha256", { false } },
        { "message", { json::array() } },
        { "elapsed_ms", { "12", true, json::object() } },
    };
    for (const auto& [key, values] : wrong)
        for (const auto& value : values) {
            const std::string said = complaint_about(key, value);
            BOOST_TEST(contains(said, key), key << ": " << value << " gives: " << said);
        }
}

BOOST_AUTO_TEST_CASE(a_null_is_the_same_as_absent)
{
    const verdict v = decode_verdict(
        wire::version,
        R"({"schema":"speculative.verdict/1","session":"00FFEEDDCCBBAA99","seq":1,)"
        R"("status":"busy","message":null,"model":null,"elapsed_ms":null})",
        "");
    BOOST_TEST(v.session == 0x00ffeeddccbbaa99u);
    BOOST_TEST(v.message == "");
    BOOST_TEST(v.elapsed_ms == 0.0);
}

BOOST_AUTO_TEST_CASE(a_wrong_payload_is_named)
{
    for (const size_t bytes : { 1, 3, 13, 4 * 4096 + 4, 1 << 20 })
        BOOST_TEST(contains(
            complaint(wire::version, good_header, std::string(bytes, '\0')), "payload"));
    BOOST_TEST(complaint(wire::version, good_header, std::string(4 * 4096, '\0')) ==
               "none");
    json header = json::parse(good_header);
    for (const char* status : { "busy", "expired", "error", "unreachable" }) {
        header["status"] = status;
        BOOST_TEST(
            contains(complaint(wire::version, header.dump(), good_payload), "payload"));
        BOOST_TEST(complaint(wire::version, header.dump(), "") == "none");
    }
}

BOOST_AUTO_TEST_CASE(what_is_no_flat_json_object_is_refused)
{
    const std::string deep_arrays(60000, '[');
    std::string deep_objects;
    while (deep_objects.size() < 60000)
        deep_objects += R"({"a":)";
    for (const std::string& header : { std::string(),
                                       std::string("{"),
                                       std::string("null"),
                                       std::string("[]"),
                                       std::string("42"),
                                       std::string("\"text\""),
                                       std::string("{\"seq\":1e999}"),
                                       std::string("{\"seq\":NaN}"),
                                       std::string("{\"model\":\"\xff\xfe\"}"),
                                       good_header + "}",
                                       good_header + std::string(1, '\0'),
                                       deep_arrays,
                                       deep_objects,
                                       std::string(65536, ' '),
                                       std::string(65537, ' '),
                                       std::string(1 << 20, 'x') })
        BOOST_TEST(contains(complaint(wire::version, header, good_payload), "header"),
                   header.substr(0, 40));
}

BOOST_AUTO_TEST_CASE(mutated_frames_give_a_verdict_or_a_complaint)
{
    std::mt19937 random(8);
    const auto below = [&](size_t n) { return random() % n; };
    // Bytes that matter to JSON turn up more often than by chance.
    const std::string spice = "{}[]\",:0123456789.eE+-\\u\x00\xff\xc3 ntfs";
    size_t accepted = 0;
    for (int trial = 0; trial < 50000; trial++) {
        std::string header = good_header;
        std::string payload = good_payload;
        std::string first(wire::version);
        for (size_t edits = 1 + below(3); edits > 0; edits--) {
            std::string& frame = below(10) ? header : below(2) ? payload : first;
            const size_t at = below(frame.size() + 1);
            const char byte = spice[below(spice.size())];
            switch (below(4)) {
            case 0:
                frame.insert(at, 1, byte);
                break;
            case 1:
                frame.erase(at, 1 + below(4));
                break;
            case 2:
                frame.insert(at, frame.substr(below(frame.size() + 1), below(20)));
                break;
            default:
                if (at < frame.size())
                    frame[at] = byte;
            }
        }
        try {
            const verdict v = decode_verdict(first, header, payload);
            BOOST_TEST_REQUIRE(v.scores.size() * sizeof(float) == payload.size());
            accepted++;
        } catch (const std::invalid_argument& error) {
            BOOST_TEST_REQUIRE(std::strlen(error.what()) > 0);
        }
    }
    BOOST_TEST(accepted > 100u); // the mutations do not only break things
}

BOOST_AUTO_TEST_CASE(a_welcome_is_read_whole)
{
    const auto w = std::get<wire::welcome>(
        wire::decode(wire::version,
                     R"({"schema":"speculative.welcome/1","credit":64,"lease_s":2.5,)"
                     R"("model":"slow-1","message":"why"})",
                     ""));
    BOOST_TEST(w.credit == 64u);
    BOOST_TEST(w.lease.count() == 2500);
    BOOST_TEST(w.message == "why");
}

BOOST_AUTO_TEST_CASE(a_wrong_welcome_is_named)
{
    const std::string start = R"({"schema":"speculative.welcome/1")";
    for (const auto& [rest, payload, named] : std::vector<std::array<std::string, 3>>{
             { R"(,"lease_s":1})", "", "credit" },
             { R"(,"credit":-1,"lease_s":1})", "", "credit" },
             { R"(,"credit":1})", "", "lease_s" },
             { R"(,"credit":1,"lease_s":1e9})", "", "lease_s" },
             { R"(,"credit":1,"lease_s":1,"message":5})", "", "message" },
             { R"(,"credit":1,"lease_s":1})", "1234", "payload" },
         })
        BOOST_TEST(contains(complaint(wire::version, start + rest, payload), named));
}

BOOST_AUTO_TEST_CASE(a_hello_header_says_what_is_known)
{
    const json all = json::parse(
        wire::hello_header({ "roof \xff", "slow-1", { "noise", "signal" }, 1024 }));
    BOOST_TEST(all.at("schema") == "speculative.hello/1");
    BOOST_TEST(contains(all.at("node_id"), "roof "));
    BOOST_TEST(all.at("model") == "slow-1");
    BOOST_TEST((all.at("labels") == json{ "noise", "signal" }));
    BOOST_TEST(all.at("fft_size") == 1024);
    const json least = json::parse(wire::hello_header({ "roof", "", {}, 0 }));
    BOOST_TEST(
        (least == json{ { "schema", "speculative.hello/1" }, { "node_id", "roof" } }));
}

BOOST_AUTO_TEST_CASE(a_request_header_is_json_with_every_field)
{
    request r;
    r.session = 0x0123456789abcdef;
    r.seq = UINT64_MAX;
    r.offset = (1ull << 53) + 1;
    r.vectors = 16;
    r.fft_size = 1024;
    r.db_scale = 0.25;
    r.db_offset = -123.5;
    r.sample_rate = 2.4e6;
    r.center_frequency = 433.92e6;
    r.deadline_ms = 1999.5;
    r.fast_label = "ook_ism";
    r.fast_confidence = 0.625;
    r.node_id = "roof \"north\"\n";
    const json header = json::parse(wire::request_header(r, r.deadline_ms));
    BOOST_TEST(header.size() == 14u);
    BOOST_TEST(header.at("schema") == "speculative.deferred/1");
    BOOST_TEST(header.at("session") == "0123456789abcdef");
    BOOST_TEST(header.at("seq").get<uint64_t>() == r.seq);
    BOOST_TEST(header.at("offset").get<uint64_t>() == r.offset);
    BOOST_TEST(header.at("vectors") == 16);
    BOOST_TEST(header.at("fft_size") == 1024);
    BOOST_TEST(header.at("db_scale") == 0.25);
    BOOST_TEST(header.at("db_offset") == -123.5);
    BOOST_TEST(header.at("sample_rate") == 2.4e6);
    BOOST_TEST(header.at("center_frequency") == 433.92e6);
    BOOST_TEST(header.at("deadline_ms") == 1999.5);
    BOOST_TEST(header.at("fast_label") == "ook_ism");
    BOOST_TEST(header.at("fast_confidence") == 0.625);
    BOOST_TEST(header.at("node_id") == r.node_id);
}

BOOST_AUTO_TEST_CASE(a_request_header_is_json_whatever_the_text)
{
    request r;
    for (const std::string& text : { std::string("\xff\xfe"),
                                     std::string("half \xc3"),
                                     std::string("\0nul", 4),
                                     std::string("\x80roof"),
                                     std::string(10000, '\xf0') }) {
        r.node_id = text;
        r.fast_label = text;
        const json header = json::parse(wire::request_header(r, r.deadline_ms));
        BOOST_TEST(header.at("node_id").is_string());
        BOOST_TEST(header.at("fast_label").is_string());
    }
    r.node_id = "half \xc3 roof";
    BOOST_TEST(contains(json::parse(wire::request_header(r, r.deadline_ms)).at("node_id"),
                        " roof"));
}

} // namespace speculative
} // namespace gr
