/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/context_ring.h"

#include "core/messages.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace gr {
namespace speculative {

namespace {

const kernel_set& kernels = choose_kernels("");

constexpr size_t bins = 32;
constexpr size_t context = 4;
constexpr size_t batch = 3;
using row = std::vector<float>;

void push(context_ring& ring, const row& db)
{
    std::copy(db.begin(), db.end(), ring.next());
    ring.push();
}

request quantised(const context_ring& ring, uint64_t index)
{
    request r;
    ring.quantise(index, r);
    BOOST_TEST(r.fft_size == bins);
    BOOST_TEST_REQUIRE(r.payload.size() == r.vectors * r.fft_size);
    return r;
}

double decoded(const request& r, size_t vector, size_t bin)
{
    return r.db_offset + r.db_scale * r.payload[vector * bins + bin];
}

// The last vectors of `pushed` up to `index`, as a request should carry them: within half
// a step, and not below the range.
void check_carries(const request& r, const std::vector<row>& pushed, uint64_t index)
{
    BOOST_TEST_REQUIRE(r.vectors <= index + 1);
    for (size_t v = 0; v < r.vectors; v++) {
        const row& sent = pushed[index + 1 - r.vectors + v];
        for (size_t bin = 0; bin < bins; bin++) {
            const double wanted = std::max<double>(sent[bin], r.db_offset);
            const double error = std::abs(decoded(r, v, bin) - wanted);
            BOOST_TEST_REQUIRE(error <= r.db_scale / 2 + 1e-4);
        }
    }
}

row random_row(std::mt19937& random, float low, float high)
{
    std::uniform_real_distribution<float> db(low, high);
    row r(bins);
    for (auto& value : r)
        value = db(random);
    return r;
}

} // namespace

BOOST_AUTO_TEST_CASE(needs_a_context)
{
    BOOST_CHECK_THROW(context_ring(kernels, bins, 0, batch), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(carries_the_last_vectors_oldest_first)
{
    std::mt19937 random(3);
    context_ring ring(kernels, bins, context, batch);
    std::vector<row> pushed;
    for (uint64_t i = 0; i < 50; i++) {
        pushed.push_back(random_row(random, -100.0f, -20.0f));
        push(ring, pushed.back());
        const request r = quantised(ring, i);
        BOOST_TEST(r.vectors == std::min<uint64_t>(i + 1, context));
        BOOST_TEST(r.db_scale <= 80.0 / 255.0 + 1e-6);
        check_carries(r, pushed, i);
    }
    BOOST_TEST(ring.pushed() == 50u);
}

BOOST_AUTO_TEST_CASE(a_batch_may_be_pushed_before_its_first_is_asked_for)
{
    std::mt19937 random(4);
    context_ring ring(kernels, bins, context, batch);
    std::vector<row> pushed;
    for (int round = 0; round < 20; round++) {
        const uint64_t first = ring.pushed();
        for (size_t i = 0; i < batch; i++) {
            pushed.push_back(random_row(random, -90.0f, 0.0f));
            push(ring, pushed.back());
        }
        // A vector that turns out invalid is written but not pushed.
        std::fill_n(ring.next(), bins, 1e6f);
        for (uint64_t index = first; index < ring.pushed(); index++)
            check_carries(quantised(ring, index), pushed, index);
    }
}

BOOST_AUTO_TEST_CASE(clear_forgets_the_past_only)
{
    std::mt19937 random(5);
    context_ring ring(kernels, bins, context, batch);
    std::vector<row> pushed;
    for (uint64_t i = 0; i < 30; i++) {
        if (i == 10 || i == 12)
            ring.clear();
        pushed.push_back(random_row(random, -90.0f, 0.0f));
        push(ring, pushed.back());
        const uint64_t start = i < 10 ? 0 : i < 12 ? 10 : 12;
        const request r = quantised(ring, i);
        BOOST_TEST(r.vectors == std::min<uint64_t>(i + 1 - start, context));
        check_carries(r, pushed, i);
    }
}

BOOST_AUTO_TEST_CASE(a_large_range_is_clipped_from_below)
{
    context_ring ring(kernels, bins, context, batch);
    row db(bins, -200.0f);
    db[5] = 40.0f;
    db[6] = 40.0f - 100.0f;
    db[7] = 40.0f - 127.5f;
    push(ring, db);
    const request r = quantised(ring, 0);
    BOOST_TEST(r.db_scale == 0.5, boost::test_tools::tolerance(1e-6));
    BOOST_TEST(r.db_offset == 40.0 - 127.5, boost::test_tools::tolerance(1e-6));
    BOOST_TEST(r.payload[5] == 255);
    BOOST_TEST(decoded(r, 0, 6) == -60.0, boost::test_tools::tolerance(1e-6));
    BOOST_TEST(r.payload[7] == 0);
    BOOST_TEST(r.payload[0] == 0);
}

BOOST_AUTO_TEST_CASE(one_range_for_the_whole_context)
{
    context_ring ring(kernels, bins, context, batch);
    push(ring, row(bins, -80.0f));
    push(ring, row(bins, -20.0f));
    const request r = quantised(ring, 1);
    BOOST_TEST(r.vectors == 2u);
    BOOST_TEST(r.payload.front() == 0);
    BOOST_TEST(r.payload.back() == 255);
    BOOST_TEST(decoded(r, 0, 0) == -80.0, boost::test_tools::tolerance(1e-6));
    BOOST_TEST(decoded(r, 1, 0) == -20.0, boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_CASE(constant_vectors_come_back_exact)
{
    for (const float level : { -200.0f, -73.2f, 0.0f, 55.5f }) {
        context_ring ring(kernels, bins, context, batch);
        push(ring, row(bins, level));
        const request r = quantised(ring, 0);
        BOOST_TEST(r.db_scale > 0.0);
        BOOST_TEST(r.db_offset == level);
        BOOST_TEST(std::all_of(
            r.payload.begin(), r.payload.end(), [](uint8_t v) { return v == 0; }));
    }
}

BOOST_AUTO_TEST_CASE(a_request_can_be_used_again)
{
    std::mt19937 random(6);
    context_ring ring(kernels, bins, context, batch);
    std::vector<row> pushed;
    request r;
    for (uint64_t i = 0; i < 3 * context; i++) {
        if (i == context + 1)
            ring.clear(); // a shorter context after a longer one
        pushed.push_back(random_row(random, -50.0f, 0.0f));
        push(ring, pushed.back());
        ring.quantise(i, r);
        BOOST_TEST_REQUIRE(r.payload.size() == r.vectors * bins);
        check_carries(r, pushed, i);
    }
}

} // namespace speculative
} // namespace gr
