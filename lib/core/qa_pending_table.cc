/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/pending_table.h"

#include <boost/test/unit_test.hpp>

#include <vector>

namespace gr {
namespace speculative {

using namespace std::chrono_literals;

namespace {

constexpr size_t classes = 3;
const monotonic::time_point start{ 1000s };

uint64_t added(pending_table& table, monotonic::duration deadline = 1s)
{
    pending* const entry = table.add(start, start + deadline);
    BOOST_TEST_REQUIRE(entry != nullptr);
    return entry->seq;
}

void settle(pending_table& table,
            uint64_t seq,
            pending_state state = pending_state::settled)
{
    pending* const entry = table.find(seq);
    BOOST_TEST_REQUIRE(entry != nullptr);
    table.settle(*entry, state);
}

} // namespace

BOOST_AUTO_TEST_CASE(refuses_a_capacity_out_of_range)
{
    BOOST_CHECK_THROW(pending_table(0, classes), std::invalid_argument);
    BOOST_CHECK_THROW(pending_table(1u << 30, classes), std::invalid_argument);
    BOOST_CHECK_THROW(pending_table(SIZE_MAX, classes), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(an_entry_is_found_by_its_seq)
{
    pending_table table(4, classes);
    pending* const entry = table.add(start, start + 2s);
    BOOST_TEST_REQUIRE(entry != nullptr);
    BOOST_TEST(entry->fast_scores.size() == classes);
    BOOST_TEST((entry->state == pending_state::in_flight));
    BOOST_TEST((entry->deferred_at == start));
    BOOST_TEST((entry->deadline == start + 2s));
    BOOST_TEST(table.find(entry->seq) == entry);
    BOOST_TEST(table.issued(entry->seq));
    BOOST_TEST(table.in_flight() == 1u);
}

BOOST_AUTO_TEST_CASE(nothing_is_found_that_was_never_added)
{
    pending_table table(4, classes);
    BOOST_TEST(table.find(0) == nullptr);
    const uint64_t seq = added(table);
    for (const uint64_t other : { seq + 1, seq + 32, seq - 1, UINT64_MAX }) {
        BOOST_TEST(table.find(other) == nullptr);
        BOOST_TEST(!table.issued(other));
    }
}

BOOST_AUTO_TEST_CASE(is_full_at_its_capacity_and_no_longer_once_one_is_settled)
{
    pending_table table(3, classes);
    std::vector<uint64_t> seqs;
    for (int i = 0; i < 3; i++)
        seqs.push_back(added(table));
    BOOST_TEST(table.add(start, start + 1s) == nullptr);
    BOOST_TEST(table.in_flight() == 3u);
    settle(table, seqs[1]);
    BOOST_TEST(table.in_flight() == 2u);
    settle(table, seqs[1]); // settling twice frees one place only
    BOOST_TEST(table.in_flight() == 2u);
    added(table);
    BOOST_TEST(table.add(start, start + 1s) == nullptr);
}

BOOST_AUTO_TEST_CASE(one_that_is_never_answered_does_not_block_the_others)
{
    pending_table table(4, classes);
    const uint64_t lost = added(table, 1h);
    uint64_t last = lost;
    for (int i = 0; i < 1000; i++) {
        const uint64_t seq = added(table, 1h);
        BOOST_TEST_REQUIRE(seq > last); // never given out twice
        last = seq;
        settle(table, seq);
    }
    BOOST_TEST(table.in_flight() == 1u);
    pending* const entry = table.first_overdue(start + 1h);
    BOOST_TEST_REQUIRE(entry != nullptr);
    BOOST_TEST(entry->seq == lost);
}

BOOST_AUTO_TEST_CASE(remembers_eight_times_its_capacity)
{
    const size_t capacity = 4;
    pending_table table(capacity, classes);
    std::vector<uint64_t> seqs;
    for (size_t i = 0; i < 100; i++) {
        seqs.push_back(added(table));
        settle(table, seqs.back(), pending_state::timed_out);
    }
    for (size_t i = 0; i < seqs.size(); i++) {
        pending* const entry = table.find(seqs[i]);
        BOOST_TEST((entry != nullptr) == (i >= seqs.size() - 8 * capacity));
        BOOST_TEST(table.issued(seqs[i]));
        if (entry)
            BOOST_TEST(entry->seq == seqs[i]);
    }
}

BOOST_AUTO_TEST_CASE(only_what_is_in_flight_becomes_overdue_at_its_deadline)
{
    pending_table table(4, classes);
    BOOST_TEST(table.first_overdue(monotonic::time_point::max()) == nullptr);
    const uint64_t seq = added(table, 1s);
    BOOST_TEST(table.first_overdue(start + 1s - 1ns) == nullptr);
    BOOST_TEST_REQUIRE(table.first_overdue(start + 1s) == table.find(seq));
    settle(table, seq, pending_state::timed_out);
    BOOST_TEST(table.first_overdue(monotonic::time_point::max()) == nullptr);
}

BOOST_AUTO_TEST_CASE(deadlines_need_not_be_in_order)
{
    pending_table table(8, classes);
    const uint64_t slow = added(table, 10s);
    const uint64_t quick = added(table, 1s);
    const uint64_t medium = added(table, 5s);
    const auto overdue = [&](monotonic::duration after) {
        pending* const entry = table.first_overdue(start + after);
        return entry ? entry->seq : UINT64_MAX;
    };
    BOOST_TEST(overdue(2s) == quick);
    settle(table, quick);
    BOOST_TEST(overdue(2s) == UINT64_MAX);
    BOOST_TEST(overdue(5s) == medium);
    BOOST_TEST(overdue(10s) == slow); // the oldest first
    settle(table, slow);
    BOOST_TEST(overdue(10s) == medium);
    settle(table, medium);
    BOOST_TEST(overdue(1h) == UINT64_MAX);
    const uint64_t later = added(table, 3s);
    BOOST_TEST(overdue(2s) == UINT64_MAX);
    BOOST_TEST(overdue(3s) == later);
}

} // namespace speculative
} // namespace gr
