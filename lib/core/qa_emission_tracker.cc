/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/emission_tracker.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>

namespace gr {
namespace speculative {

namespace {

constexpr size_t classes = 3;
constexpr size_t bins = 1024;
using posterior = std::vector<float>;
const posterior noise{ 0.9f, 0.05f, 0.05f };
const posterior signal{ 0.1f, 0.5f, 0.4f };
const posterior answer{ 0.02f, 0.03f, 0.95f };

// A source of vectors over the noise of one FFT: power is exponentially distributed.
class air
{
public:
    explicit air(unsigned seed = 1) : d_random(seed) {}

    // x with a carrier of this level over the floor in `width` bins from `first`.
    std::vector<float> vector(double db = 0.0, size_t first = 0, size_t width = 0)
    {
        std::exponential_distribution<double> power(1.0);
        std::vector<float> x(bins);
        for (size_t i = 0; i < bins; i++) {
            double p = power(d_random);
            if (i >= first && i < first + width)
                p += std::pow(10.0, db / 10.0);
            x[i] = static_cast<float>(std::clamp(10 * std::log10(p) / 20, -1.0, 3.0));
        }
        return x;
    }

private:
    std::mt19937 d_random;
};

struct fixture {
    emission_tracker tracker;
    air source;
    uint64_t offset = 100;

    explicit fixture(emission_config config = {})
        : tracker(classes, bins, (config.noise = 0, config))
    {
    }

    observation see(const std::vector<float>& x, const posterior& p)
    {
        return tracker.observe(offset++, x.data(), p.data());
    }
    observation quiet() { return see(source.vector(), noise); }
    observation carrier(size_t first = 300, double db = 25.0, const posterior& p = signal)
    {
        return see(source.vector(db, first, 8), p);
    }
};

posterior copy(const observation& o) { return { o.posterior, o.posterior + classes }; }

} // namespace

BOOST_AUTO_TEST_CASE(values_out_of_range_are_refused)
{
    const auto refused = [](size_t c, size_t n, auto change) {
        emission_config config;
        change(config);
        BOOST_CHECK_THROW((emission_tracker{ c, n, config }), std::invalid_argument);
    };
    const auto as_is = [](auto&) {};
    refused(0, bins, as_is);
    refused(classes, 0, as_is);
    refused(classes, 1000, as_is);
    refused(classes, bins, [](auto& config) { config.context = 0; });
    refused(classes, bins, [](auto& config) { config.slots = 0; });
    refused(classes, bins, [](auto& config) { config.slots = 257; });
    refused(classes, bins, [](auto& config) { config.hold = 0; });
}

BOOST_FIXTURE_TEST_CASE(stationary_noise_is_one_emission, fixture)
{
    for (int i = 0; i < 2000; i++)
        BOOST_TEST_REQUIRE(quiet().emission == 0);
    BOOST_TEST(tracker.emissions() == 1);
    BOOST_TEST(quiet().first == 100);
}

// 8 of 1024 bins: a mean over the spectrum, or over a block, would hardly notice.
BOOST_FIXTURE_TEST_CASE(a_narrow_signal_is_another_emission_and_finds_itself_again,
                        fixture)
{
    for (int i = 0; i < 50; i++)
        quiet();
    const observation start = carrier();
    BOOST_TEST(start.emission == 1);
    BOOST_TEST(start.first == 150);
    for (int burst = 0; burst < 20; burst++) {
        for (int i = 0; i < 5; i++)
            BOOST_TEST_REQUIRE(carrier().emission == 1);
        for (int i = 0; i < 3; i++)
            BOOST_TEST_REQUIRE(quiet().emission == 0);
    }
    BOOST_TEST(carrier(700).emission == 2); // the same carrier elsewhere is none of both
    BOOST_TEST(carrier().vectors == 102);
}

BOOST_FIXTURE_TEST_CASE(posteriors_are_averaged_along_an_emission, fixture)
{
    for (int i = 0; i < 10; i++)
        quiet();
    // The fast model wavers between two answers and is right two times out of three.
    const posterior right{ 0.1f, 0.7f, 0.2f };
    const posterior wrong{ 0.1f, 0.3f, 0.6f };
    observation o;
    for (int i = 0; i < 60; i++)
        o = carrier(300, 25.0, i % 3 ? right : wrong);
    BOOST_TEST(o.emission == 1);
    BOOST_TEST(top_two_of(o.posterior, classes).label == 1);
    BOOST_TEST(std::abs(o.posterior[1] - (0.7f * 2 + 0.3f) / 3) < 0.02f);
    BOOST_TEST(is_distribution(o.posterior, classes));
}

BOOST_FIXTURE_TEST_CASE(a_verdict_is_kept_until_the_emission_ends, fixture)
{
    emission_config config;
    for (int i = 0; i < 20; i++)
        quiet();
    observation o = carrier();
    BOOST_TEST(!o.answered);
    tracker.asked();
    const uint64_t id = o.emission;
    const posterior before = copy(o);
    const float* revised = tracker.verdict(id, answer.data());
    BOOST_TEST_REQUIRE(revised);
    posterior expected(classes);
    merge(config.merge, before.data(), answer.data(), classes, expected.data());
    BOOST_TEST(posterior(revised, revised + classes) == expected,
               boost::test_tools::per_element());
    for (int i = 0; i < 200; i++) {
        const observation other = quiet();
        BOOST_TEST_REQUIRE(!other.answered);
        BOOST_TEST_REQUIRE(top_two_of(other.posterior, classes).label == 0);
        o = carrier();
        BOOST_TEST_REQUIRE(o.answered);
        BOOST_TEST_REQUIRE(top_two_of(o.posterior, classes).label == 2);
    }
}

// A transmission changes its spectrum for a few vectors, of which the fast model makes
// something else: they have the answer that it had, and no question of their own.
BOOST_FIXTURE_TEST_CASE(a_new_emission_inherits_from_the_transmission_that_it_interrupts,
                        fixture)
{
    for (int i = 0; i < 40; i++)
        carrier(300);
    tracker.verdict(0, answer.data());
    const posterior known = copy(carrier(300));
    const posterior same{ 0.1f, 0.2f, 0.7f };
    observation o;
    for (int i = 1; i < 16; i++) { // shorter than a context
        o = carrier(700, 25.0, same);
        BOOST_TEST_REQUIRE(o.emission == 1);
        BOOST_TEST_REQUIRE(o.answered);
        BOOST_TEST_REQUIRE(o.known);
        BOOST_TEST(copy(o) == known, boost::test_tools::per_element());
    }
    o = carrier(700, 25.0, same);
    BOOST_TEST(!o.answered);
    BOOST_TEST(!o.known);
    BOOST_TEST(o.due);
    for (size_t c = 0; c < classes; c++)
        BOOST_TEST(o.posterior[c] == same[c], boost::test_tools::tolerance(1e-4f));
}

// Unless its own posteriors speak against that: then it is asked about as any other.
BOOST_FIXTURE_TEST_CASE(what_is_inherited_and_contradicted_is_asked_about, fixture)
{
    for (int i = 0; i < 40; i++)
        carrier(300);
    tracker.verdict(0, answer.data());
    carrier(300);
    observation o;
    for (int i = 0; i < 8; i++) {
        o = carrier(700, 25.0, noise);
        BOOST_TEST_REQUIRE(top_two_of(o.posterior, classes).label == 2);
        BOOST_TEST_REQUIRE(!o.known);
    }
    BOOST_TEST_REQUIRE(o.due);
    tracker.asked();
    // The inherited answer stands until its own comes, or will not come.
    for (int i = 0; i < 20; i++)
        o = carrier(700, 25.0, noise);
    BOOST_TEST(top_two_of(o.posterior, classes).label == 2);
    tracker.settled(o.emission);
    o = carrier(700, 25.0, noise);
    BOOST_TEST(top_two_of(o.posterior, classes).label == 0);
    tracker.verdict(o.emission, signal.data());
    o = carrier(700, 25.0, noise);
    BOOST_TEST(o.known);
    posterior expected(classes);
    merge(emission_config{}.merge, noise.data(), signal.data(), classes, expected.data());
    for (size_t c = 0; c < classes; c++)
        BOOST_TEST(o.posterior[c] == expected[c], boost::test_tools::tolerance(1e-4f));
}

BOOST_FIXTURE_TEST_CASE(nothing_is_inherited_from_noise, fixture)
{
    for (int i = 0; i < 20; i++)
        quiet();
    tracker.verdict(0, noise.data());
    quiet();
    const observation o = carrier();
    BOOST_TEST(o.emission == 1);
    BOOST_TEST(!o.answered);
    BOOST_TEST(!o.known);
    BOOST_TEST(copy(o) == signal, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_absent_emission_ends_and_its_verdict_changes_nothing)
{
    emission_config config;
    config.hold = 30;
    fixture f(config);
    for (int i = 0; i < 20; i++)
        f.quiet();
    const uint64_t id = f.carrier().emission;
    f.tracker.asked();
    for (int i = 0; i < 30; i++)
        f.quiet();
    BOOST_TEST(f.tracker.active() == 2);
    BOOST_TEST(f.tracker.verdict(id, answer.data()));
    f.quiet();
    BOOST_TEST(f.tracker.active() == 1);
    BOOST_TEST(!f.tracker.verdict(id, answer.data()));
    f.tracker.settled(id);
    const observation again = f.carrier();
    BOOST_TEST(again.emission > id);
    BOOST_TEST(!again.answered);
    BOOST_TEST(!f.tracker.verdict(12345, answer.data()));
}

BOOST_FIXTURE_TEST_CASE(a_reset_ends_all, fixture)
{
    for (int i = 0; i < 20; i++)
        quiet();
    BOOST_TEST(carrier().emission == 1);
    tracker.reset();
    BOOST_TEST(tracker.active() == 0);
    tracker.asked(); // of no vector: nothing happens
    BOOST_TEST(!tracker.verdict(0, answer.data()));
    BOOST_TEST(quiet().emission == 2);
}

// Answers that come at once: asks at 4, then about 8, 16, ... vectors, and never more
// than `hold` vectors apart.
BOOST_AUTO_TEST_CASE(asks_back_off)
{
    emission_config config;
    config.hold = 500;
    fixture f(config);
    std::vector<uint64_t> asks;
    for (uint64_t i = 1; i <= 3000; i++)
        if (const observation o = f.quiet(); o.due) {
            asks.push_back(i);
            f.tracker.asked();
            BOOST_TEST_REQUIRE(f.tracker.verdict(o.emission, noise.data()));
            f.tracker.settled(o.emission);
        }
    const std::vector<uint64_t> expected{ 4,   8,   16,   32,   64,   128,
                                          256, 512, 1012, 1512, 2012, 2512 };
    BOOST_TEST(asks == expected, boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(one_question_at_a_time, fixture)
{
    observation o;
    do
        o = quiet();
    while (!o.due);
    // Denied by the budget: still due.
    BOOST_TEST(quiet().due);
    tracker.asked();
    for (int i = 0; i < 100; i++)
        BOOST_TEST_REQUIRE(!quiet().due);
    tracker.settled(o.emission);
    o = quiet();
    BOOST_TEST(o.due);
    BOOST_TEST(!o.answered);
}

// While the context is mixed, an ask waits; but a source that is never on for long enough
// is asked about in the end.
BOOST_AUTO_TEST_CASE(asks_prefer_a_clean_context)
{
    const auto asks = [](int bursts) {
        fixture f;
        for (int i = 0; i < 50; i++)
            f.quiet();
        std::vector<uint64_t> when;
        const auto see = [&] {
            const observation o = f.carrier();
            if (!o.due)
                return;
            when.push_back(o.vectors);
            f.tracker.asked();
            f.tracker.verdict(o.emission, answer.data());
            f.tracker.settled(o.emission);
        };
        for (int i = 0; i < 90; i++) {
            see();
            if (i % 3 == 2 && i < 3 * bursts)
                f.quiet();
        }
        return when;
    };
    const std::vector<uint64_t> never_clean{ 8, 24, 72 };
    BOOST_TEST(asks(30) == never_clean, boost::test_tools::per_element());
    // Once it stays on, the next one is as soon as the context is clean.
    const std::vector<uint64_t> clean_after_thirty{ 8, 24, 48 };
    BOOST_TEST(asks(10) == clean_after_thirty, boost::test_tools::per_element());
}

// Early answers may be wrong with certainty, so others are wanted, also while one is
// awaited; the longer the emission, the rarer.
BOOST_FIXTURE_TEST_CASE(again_and_again_but_ever_less_often, fixture)
{
    std::vector<uint64_t> asks;
    for (uint64_t i = 1; i <= 1000; i++)
        if (const observation o = quiet(); o.again) {
            BOOST_TEST(o.vectors == i);
            asks.push_back(i);
            tracker.asked();
        }
    const std::vector<uint64_t> expected{ 64, 128, 192, 256, 341, 454, 605, 806 };
    BOOST_TEST(asks == expected, boost::test_tools::per_element());
    BOOST_TEST(!quiet().due); // all of them are awaited
    for (size_t i = 0; i < asks.size(); i++)
        tracker.settled(0);
    for (int i = 0; i < 900 && !quiet().due; i++)
        ;
    BOOST_TEST(quiet().due);
}

// A storm of short emissions: memory stays bounded, what is established stays known, and
// each ask is settled exactly once.
BOOST_AUTO_TEST_CASE(a_storm_of_emissions_is_bounded_and_asks_are_conserved)
{
    emission_config config;
    config.slots = 8;
    fixture f(config);
    std::mt19937 random(7);
    for (int i = 0; i < 500; i++)
        f.quiet();
    std::set<uint64_t> open;
    uint64_t asked = 0, answered = 0, orphaned = 0, lost = 0;
    size_t first = 0;
    for (int i = 0; i < 5000; i++) {
        if (i % 10 == 0) // a signal is on for five vectors, between noise
            first = random() % 1000;
        const bool on = i % 10 < 5;
        const observation o = on ? f.carrier(first, 30.0) : f.quiet();
        BOOST_TEST_REQUIRE(f.tracker.active() <= 8u);
        if (!on)
            BOOST_TEST_REQUIRE(o.emission == 0);
        if (o.due) {
            BOOST_TEST_REQUIRE(open.insert(o.emission).second);
            f.tracker.asked();
            asked++;
        }
        if (!open.empty() && random() % 8 == 0) {
            const uint64_t id = *std::next(open.begin(), random() % open.size());
            open.erase(id);
            f.tracker.settled(id);
            if (random() % 3 == 0)
                lost++;
            else if (f.tracker.verdict(id, answer.data()))
                answered++;
            else
                orphaned++;
        }
    }
    BOOST_TEST(f.tracker.emissions() > 100u);
    BOOST_TEST(asked == answered + orphaned + lost + open.size());
    BOOST_TEST(answered > 0u);
    BOOST_TEST(orphaned > 0u);
    BOOST_TEST(asked < 1000u);
}

BOOST_AUTO_TEST_CASE(equal_calls_give_equal_answers)
{
    const auto run = [] {
        fixture f;
        std::mt19937 random(3);
        std::vector<float> trace;
        for (int i = 0; i < 1000; i++) {
            const observation o =
                random() % 3 ? f.quiet() : f.carrier(random() % 5 * 200);
            if (o.due) {
                f.tracker.asked();
                f.tracker.verdict(o.emission, answer.data());
                f.tracker.settled(o.emission);
            }
            trace.push_back(static_cast<float>(o.emission));
            trace.insert(trace.end(), o.posterior, o.posterior + classes);
        }
        return trace;
    };
    BOOST_TEST((run() == run()));
}

BOOST_AUTO_TEST_CASE(any_multiple_of_32_bins)
{
    for (const size_t n : { 32u, 64u, 96u, 160u, 2048u }) {
        emission_tracker tracker(classes, n, {});
        std::vector<float> low(n, 0.1f);
        std::vector<float> high(n, 1.5f);
        BOOST_TEST(tracker.observe(0, low.data(), noise.data()).emission == 0);
        BOOST_TEST(tracker.observe(1, high.data(), signal.data()).emission == 1);
        BOOST_TEST(tracker.observe(2, low.data(), noise.data()).emission == 0);
        low[n - 1] = 3.0f; // the last bin counts, too
        BOOST_TEST(tracker.observe(3, low.data(), noise.data()).emission == 2);
    }
}

} // namespace speculative
} // namespace gr
