/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "preprocessor.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <random>

using namespace gr::speculative;

namespace {

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

struct result {
    bool valid;
    std::vector<float> db, x;
};

result run(const kernel_set& kernels,
           const std::vector<float>& in,
           input_kind kind,
           bool shift = false,
           const preprocessing_constants& constants = {})
{
    const size_t n = in.size() / (kind == input_kind::complex_fft ? 2 : 1);
    preprocessor prepare(kernels, n, constants);
    result r = { false, std::vector<float>(n), std::vector<float>(n) };
    r.valid = prepare.run(in.data(), kind, shift, r.db.data(), r.x.data());
    return r;
}

// docs/architecture.md, "Preprocessing, version 1", word by word, in double precision
std::vector<double> naive_db(const std::vector<float>& in, input_kind kind, bool shift)
{
    std::vector<double> db;
    if (kind == input_kind::complex_fft)
        for (size_t i = 0; i < in.size(); i += 2)
            db.push_back(std::norm(std::complex<double>(in[i], in[i + 1])));
    else
        db.assign(in.begin(), in.end());
    for (double& value : db)
        value = kind == input_kind::decibel ? std::max(value, -200.0)
                                            : 10.0 * std::log10(std::max(value, 1e-20));
    if (shift)
        std::rotate(db.begin(), db.begin() + static_cast<long>(db.size() / 2), db.end());
    return db;
}

std::vector<double> naive_x(const std::vector<double>& db,
                            const preprocessing_constants& c)
{
    std::vector<double> means(c.floor_blocks);
    const size_t size = db.size() / c.floor_blocks;
    for (size_t i = 0; i < db.size(); i++)
        means[i / size] += db[i] / static_cast<double>(size);
    std::sort(means.begin(), means.end());
    const double floor =
        std::max(means[c.floor_rank], means[c.reference_rank] - c.max_depth_db);
    std::vector<double> x;
    for (const double d : db)
        x.push_back(
            std::clamp<double>((d - floor) / c.scale_db, c.clip_low, c.clip_high));
    return x;
}

// Noise over `decades` of power, with a strong signal in a few bins.
std::vector<float> spectrum(size_t n, input_kind kind, unsigned int seed)
{
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    std::vector<float> in((kind == input_kind::complex_fft ? 2 : 1) * n);
    for (float& value : in) {
        value = normal(random);
        if (kind == input_kind::power)
            value = 1e-9f * value * value;
        if (kind == input_kind::decibel)
            value = 8.0f * value - 95.0f;
    }
    for (size_t i = n / 4; i < n / 4 + n / 16; i++)
        in[i] = kind == input_kind::decibel ? -20.0f : 1e3f * in[i];
    return in;
}

const input_kind kinds[] = { input_kind::complex_fft,
                             input_kind::power,
                             input_kind::decibel };

} // namespace

BOOST_AUTO_TEST_CASE(against_the_definition)
{
    preprocessing_constants other;
    other.floor_blocks = 16;
    other.floor_rank = 9;
    other.reference_rank = 15;
    other.max_depth_db = 3.0f;
    other.scale_db = 7.0f;
    other.clip_low = -0.5f;
    other.clip_high = 11.0f;
    for (const kernel_set* kernels : available_kernels())
        for (const size_t n : { 32, 64, 96, 1024, 2080, 16384 })
            for (const input_kind kind : kinds)
                for (const bool shift : { false, true })
                    for (const auto& constants : { preprocessing_constants{}, other })
                        BOOST_TEST_CONTEXT(kernels->name << ", " << n << " bins, kind "
                                                         << static_cast<int>(kind)
                                                         << ", shift " << shift)
                        {
                            const auto in =
                                spectrum(n, kind, static_cast<unsigned int>(n));
                            const auto db = naive_db(in, kind, shift);
                            const auto x = naive_x(db, constants);
                            const result r = run(*kernels, in, kind, shift, constants);
                            BOOST_TEST(r.valid);
                            for (size_t i = 0; i < n; i++) {
                                BOOST_TEST_REQUIRE(std::abs(r.db[i] - db[i]) <= 5e-5);
                                BOOST_TEST_REQUIRE(std::abs(r.x[i] - x[i]) <= 1e-5);
                            }
                        }
}

BOOST_AUTO_TEST_CASE(silence)
{
    for (const kernel_set* kernels : available_kernels()) {
        const std::vector<float> zeros(128, 0.0f);
        const std::vector<float> none(64, -infinity);
        for (const result& r : { run(*kernels, zeros, input_kind::complex_fft),
                                 run(*kernels, zeros, input_kind::power),
                                 run(*kernels, none, input_kind::decibel) }) {
            BOOST_TEST(r.valid);
            for (size_t i = 0; i < r.x.size(); i++) {
                BOOST_TEST(std::abs(r.db[i] + 200.0f) <= 2e-5f);
                BOOST_TEST(std::abs(r.x[i]) <= 1e-5f);
            }
        }
    }
}

// Each bin in turn: no place, first, last or in the middle, is overlooked.
BOOST_AUTO_TEST_CASE(invalid_values)
{
    for (const kernel_set* kernels : available_kernels())
        for (const input_kind kind : kinds)
            for (const bool shift : { false, true })
                for (const float odd :
                     { not_a_number, -not_a_number, infinity, -infinity }) {
                    auto in = spectrum(96, kind, 1);
                    const bool valid = kind == input_kind::decibel && odd == -infinity;
                    for (float& value : in) {
                        const float kept = value;
                        value = odd;
                        const result r = run(*kernels, in, kind, shift);
                        BOOST_TEST_REQUIRE(r.valid == valid, kernels->name << " " << odd);
                        for (size_t i = 0; i < r.x.size(); i++)
                            BOOST_TEST_REQUIRE(
                                (std::isfinite(r.db[i]) && std::isfinite(r.x[i])));
                        value = kept;
                    }
                }
}

BOOST_AUTO_TEST_CASE(a_power_that_overflows_is_invalid)
{
    for (const kernel_set* kernels : available_kernels()) {
        auto in = spectrum(64, input_kind::complex_fft, 1);
        in[77] = 1e19f;
        BOOST_TEST(run(*kernels, in, input_kind::complex_fft).valid);
        in[77] = 2e19f; // its square is above what a float holds
        BOOST_TEST(!run(*kernels, in, input_kind::complex_fft).valid);
    }
}

BOOST_AUTO_TEST_CASE(a_preprocessor_forgets)
{
    for (const kernel_set* kernels : available_kernels()) {
        preprocessor prepare(*kernels, 64, {});
        const auto in = spectrum(64, input_kind::power, 1);
        const std::vector<float> bad(64, not_a_number);
        std::vector<float> db(64), first(64), second(64);
        prepare.run(in.data(), input_kind::power, false, db.data(), first.data());
        prepare.run(bad.data(), input_kind::power, false, db.data(), second.data());
        prepare.run(in.data(), input_kind::power, false, db.data(), second.data());
        BOOST_TEST(first == second, boost::test_tools::per_element());
    }
}
