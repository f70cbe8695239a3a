/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/input_check.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace gr {
namespace speculative {

namespace {

constexpr size_t bins = 1024;
constexpr int enough = 64;

// Noise of one spectrum in dB, in a band that falls off by `edge_db` at its edges.
std::vector<float> band(std::mt19937& random, double edge_db)
{
    std::exponential_distribution<double> power;
    std::vector<float> db(bins);
    for (size_t i = 0; i < bins; i++) {
        const double from_dc =
            std::abs(static_cast<double>(i) - bins / 2.0) / (bins / 2.0);
        db[i] = static_cast<float>(10.0 * std::log10(power(random) + 1e-12) -
                                   edge_db * std::pow(from_dc, 16.0) - 90.0);
    }
    return db;
}

std::vector<float> unshifted(std::vector<float> db)
{
    std::rotate(db.begin(), db.begin() + bins / 2, db.end());
    return db;
}

} // namespace

BOOST_AUTO_TEST_CASE(halves_exchanged_are_said_once)
{
    std::mt19937 random(1);
    input_check check(bins);
    int said = 0;
    for (int i = 0; i < 3 * enough; i++) {
        const bool now = check.looks_unshifted(unshifted(band(random, 10.0)).data());
        BOOST_TEST(now == (i == enough - 1));
        said += now;
    }
    BOOST_TEST(said == 1);
}

BOOST_AUTO_TEST_CASE(a_new_stream_is_judged_anew)
{
    std::mt19937 random(2);
    input_check check(bins);
    int said = 0;
    for (int stream = 0; stream < 2; stream++) {
        check.restart();
        for (int i = 0; i < enough; i++)
            said += check.looks_unshifted(unshifted(band(random, 10.0)).data());
    }
    BOOST_TEST(said == 2);
}

BOOST_AUTO_TEST_CASE(what_is_right_or_flat_or_hollow_off_the_middle_is_not_said)
{
    std::mt19937 random(3);
    for (const double edge_db : { 0.0, 3.0, 10.0, 40.0 }) {
        input_check check(bins);
        for (int i = 0; i < enough; i++)
            BOOST_TEST(!check.looks_unshifted(band(random, edge_db).data()));
    }
    // Signals on both sides of a quiet middle, and quiet edges.
    input_check check(bins);
    for (int i = 0; i < enough; i++) {
        auto db = band(random, 0.0);
        for (const size_t start : { bins / 8, bins * 5 / 8 })
            std::for_each(db.begin() + start,
                          db.begin() + start + bins / 4,
                          [](float& x) { x += 20.0f; });
        BOOST_TEST(!check.looks_unshifted(db.data()));
    }
    // A notch at DC, as a receiver's filter makes it.
    input_check notched(bins);
    for (int i = 0; i < enough; i++) {
        auto db = band(random, 3.0);
        std::fill_n(db.begin() + bins / 2 - 4, 9, -200.0f);
        db[bins / 2 + 20] += 5.0f;
        BOOST_TEST(!notched.looks_unshifted(db.data()));
    }
}

BOOST_AUTO_TEST_CASE(decibels_are_no_power)
{
    std::mt19937 random(4);
    const input_check check(bins);
    auto db = band(random, 3.0);
    BOOST_TEST(check.is_negative(db.data()));
    std::vector<float> power(bins);
    std::transform(db.begin(), db.end(), power.begin(), [](float x) {
        return std::pow(10.0f, x / 10.0f);
    });
    BOOST_TEST(!check.is_negative(power.data()));
    std::fill(power.begin(), power.end(), 0.0f);
    BOOST_TEST(!check.is_negative(power.data()));
    const input_check smallest(32);
    power[2] = -1.0f;
    BOOST_TEST(smallest.is_negative(power.data()));
}

} // namespace speculative
} // namespace gr
