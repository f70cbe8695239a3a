/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "deferral_rules.h"
#include "merge.h"
#include "model_file.h"
#include "test_models.h"
#include "test_naive_network.h"
#include "test_temporary_file.h"
#include <gnuradio/speculative/fast_model.h>

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <unistd.h>

using namespace gr::speculative;
using test::temporary_file;
namespace fs = std::filesystem;

namespace {

void check_refused(const std::string& path, const std::string& expected)
{
    BOOST_CHECK_EXCEPTION(
        fast_model{ path }, std::runtime_error, [&](const std::runtime_error& e) {
            const std::string what = e.what();
            BOOST_TEST_MESSAGE(what);
            return what.find(path + ": ") == 0 &&
                   what.find(expected) != std::string::npos;
        });
}

void check_bytes_refused(const std::string& bytes, const std::string& expected)
{
    const temporary_file file(bytes);
    check_refused(file.path(), expected);
}

std::string replaced(std::string text, const std::string& from, const std::string& to)
{
    const size_t at = text.find(from);
    BOOST_TEST_REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

} // namespace

BOOST_AUTO_TEST_CASE(tells_its_contract)
{
    const temporary_file file(test::small_model().bytes());
    const fast_model model(file.path());
    BOOST_TEST(model.name() == "tiny");
    BOOST_TEST(model.labels().size() == 3u);
    BOOST_TEST(model.fft_size() == 64u);
    BOOST_TEST(model.feature_size() == 5u);
    BOOST_TEST(model.window() == "blackmanharris");
    BOOST_TEST(model.temperature() == 1.5);
    BOOST_CHECK(model.rule() == deferral_rule::margin);
    BOOST_TEST(model.threshold() == 0.85);
    BOOST_CHECK(model.merge().rule == merge_rule::linear);
    BOOST_TEST(model.slow_context() == 16u);
    BOOST_TEST(model.sha256() == sha256_of(test::small_model().bytes()));
    BOOST_TEST(model.rate_feature(64e3) == 0.0f);
    BOOST_TEST(std::abs(model.rate_feature(128e3) - 0.30103f) < 1e-6f);
    BOOST_TEST(model.kernel_name() == kernel_names().front());
}

BOOST_AUTO_TEST_CASE(posteriors)
{
    const std::string bytes = test::small_model().bytes();
    const temporary_file file(bytes);
    const onnx::model graph = onnx::parse(bytes, "some.onnx");
    constexpr size_t n = 19;
    std::mt19937 random(2);
    std::normal_distribution<float> normal;
    std::vector<float> x(n * 64), rate(n);
    for (float& value : x)
        value = normal(random);
    for (float& value : rate)
        value = normal(random);
    test::naive_network naive(graph);
    const auto logits = naive.run(x, rate, "logits");
    const auto features = naive.run(x, rate, "features");
    for (const auto& kernel : kernel_names()) {
        fast_model model(file.path(), kernel);
        BOOST_TEST(model.kernel_name() == kernel);
        std::vector<float> posterior(n * 3), found(n * 5), alone(3);
        model.classify(x.data(), rate.data(), n, posterior.data(), found.data());
        for (size_t b = 0; b < n; b++) {
            double sum = 0.0;
            for (size_t c = 0; c < 3; c++)
                sum += std::exp(logits[b * 3 + c] / 1.5);
            for (size_t c = 0; c < 3; c++)
                BOOST_TEST_REQUIRE(std::abs(posterior[b * 3 + c] -
                                            std::exp(logits[b * 3 + c] / 1.5) / sum) <=
                                   1e-5);
            model.classify(&x[b * 64], &rate[b], 1, alone.data());
            BOOST_TEST_REQUIRE(std::equal(alone.begin(), alone.end(), &posterior[b * 3]));
        }
        for (size_t i = 0; i < found.size(); i++)
            BOOST_TEST_REQUIRE(std::abs(found[i] - features[i]) <= 1e-5);
        model.classify(x.data(), rate.data(), 0, nullptr);
    }
}

BOOST_AUTO_TEST_CASE(vector_by_vector_is_the_same)
{
    const temporary_file file(test::small_model().bytes());
    constexpr size_t n = fast_model::max_batch;
    std::mt19937 random(4);
    std::normal_distribution<float> normal(-80.0f, 20.0f);
    std::vector<float> in(n * 64), db(64), db_again(64), x(n * 64), rate(n);
    for (float& value : in)
        value = normal(random);
    for (float& value : rate)
        value = normal(random) / 20.0f;
    for (const auto& kernel : kernel_names()) {
        fast_model model(file.path(), kernel);
        std::vector<float> expected(n * 3), found(n * 3);
        for (size_t i = 0; i < n; i++) {
            const float* const one = &in[i * 64];
            BOOST_TEST(
                model.preprocess(one, input_kind::decibel, true, db.data(), &x[i * 64]));
            BOOST_TEST(
                model.begin(i, one, input_kind::decibel, true, rate[i], db_again.data()));
            BOOST_TEST(db == db_again, boost::test_tools::per_element());
        }
        for (size_t i = 0; i < n; i++)
            BOOST_TEST(std::equal(&x[i * 64], &x[i * 64] + 64, model.x(i)));
        model.finish(n, found.data());
        model.classify(x.data(), rate.data(), n, expected.data());
        BOOST_TEST(found == expected, boost::test_tools::per_element());
        spectrum_levels levels;
        BOOST_TEST(model.begin(
            2, in.data(), input_kind::decibel, true, 0.0f, db.data(), &levels));
        const spectrum_levels alone = model.levels(model.x(2));
        BOOST_TEST((levels.peak == alone.peak && levels.occupied == alone.occupied));
        BOOST_TEST(levels.peak == *std::max_element(model.x(2), model.x(2) + 64));
        std::vector<float> invalid(in.begin(), in.begin() + 64);
        invalid[5] = std::numeric_limits<float>::quiet_NaN();
        BOOST_TEST(!model.begin(
            0, invalid.data(), input_kind::decibel, true, rate[0], db_again.data()));
    }
}

BOOST_AUTO_TEST_CASE(logits_that_overflow_make_an_unsure_vector)
{
    const temporary_file file(test::small_model().bytes());
    const std::vector<float> x(64, 1.0f);
    const float rate = std::numeric_limits<float>::infinity();
    for (const auto& kernel : kernel_names()) {
        fast_model model(file.path(), kernel);
        std::vector<float> posterior(3);
        model.classify(x.data(), &rate, 1, posterior.data());
        for (const float p : posterior)
            BOOST_TEST(p == 1.0f / 3.0f);
    }
}

BOOST_AUTO_TEST_CASE(moves)
{
    const temporary_file file(test::small_model().bytes());
    fast_model one(file.path());
    fast_model two(std::move(one));
    const std::vector<float> x(64, 0.5f);
    const float rate = 0.0f;
    std::vector<float> first(3), second(3);
    two.classify(x.data(), &rate, 1, first.data());
    one = std::move(two);
    one.classify(x.data(), &rate, 1, second.data());
    BOOST_TEST(first == second, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(files_that_are_no_models)
{
    check_refused("/nowhere/fast.onnx", "no such model file");
    check_refused(fs::temp_directory_path().string(), "not a file");
    check_refused("/dev/zero", "not a file");
    check_bytes_refused("", "no graph");
    check_bytes_refused("PK\x03\x04 something else", "not an ONNX file");
    const temporary_file large("x");
    fs::resize_file(large.path(), uintmax_t{ 65 } << 20);
    check_refused(large.path(), "larger than 64 MiB");
}

BOOST_AUTO_TEST_CASE(models_that_do_not_fit_their_contract)
{
    test::model_writer other = test::small_model();
    const auto with = [&](const std::string& from, const std::string& to) {
        other.metadata("gr_speculative",
                       replaced(test::contract, from, to)); // the last counts
        return other.bytes();
    };
    check_bytes_refused(with("64", "128"), "64 bins, its contract says fft_size 128");
    check_bytes_refused(with("[\"a\", ", "["), "3 classes, its contract names 2 labels");
    check_bytes_refused(with("0.85", "85"), "field 'threshold'");
    check_bytes_refused(test::bench(4).finish("x"), "no 'gr_speculative' entry");
    test::model_writer unsupported = test::small_model();
    unsupported.node("Sigmoid", "curve", { "features" });
    check_bytes_refused(unsupported.bytes(), "node 'curve' ('Sigmoid')");
}

BOOST_AUTO_TEST_CASE(kernel_by_name)
{
    const temporary_file file(test::small_model().bytes());
    BOOST_CHECK_THROW(fast_model(file.path(), "mmx"), std::invalid_argument);
    setenv("SPECULATIVE_KERNEL", "reference", 1);
    BOOST_TEST(fast_model(file.path()).kernel_name() == std::string("reference"));
    // One that is named does not ask the environment, now or later.
    setenv("SPECULATIVE_KERNEL", "avx9", 1);
    const fast_model named(file.path(), "reference");
    const std::vector<float> x(64, 0.5f);
    BOOST_TEST(named.levels(x.data()).occupied == 1.0f);
    unsetenv("SPECULATIVE_KERNEL");
}

BOOST_AUTO_TEST_CASE(digest)
{
    // the two test vectors of FIPS 180-4's examples
    BOOST_TEST(sha256_of("abc") ==
               "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    BOOST_TEST(sha256_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
               "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}
