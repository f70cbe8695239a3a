/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// What work() calls allocates nothing once it has run: every operator new of this program is
// counted.

#include "core/cascade.h"
#include "core/test_models.h"
#include "core/test_random.h"
#include "core/test_temporary_file.h"

#include <gnuradio/speculative/fast_model.h>

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <new>

namespace {

size_t allocations = 0;

void* counted(size_t size)
{
    allocations++;
    if (void* memory = std::malloc(size))
        return memory;
    throw std::bad_alloc();
}

} // namespace

void* operator new(size_t size) { return counted(size); }
void* operator new[](size_t size) { return counted(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }

namespace gr {
namespace speculative {

using namespace std::chrono_literals;

namespace {

constexpr size_t classes = 4;
constexpr size_t bins = 64;

cascade_config everything_on(bool per_emission)
{
    cascade_config config;
    config.classes = classes;
    config.bins = bins;
    config.per_emission = per_emission;
    config.max_in_flight = 8;
    config.policy.rule = deferral_rule::benefit;
    config.policy.benefit.labels.assign(classes, -0.5);
    config.policy.threshold = 0.5;
    config.policy.strata = { { 0.4, 0.6 }, { 1.0 } };
    config.policy.budget = 300.0;
    config.policy.audit_fraction = 0.2;
    config.policy.conditions.strength = 0.5;
    return config;
}

} // namespace

BOOST_AUTO_TEST_CASE(the_cascade)
{
    for (const bool per_emission : { false, true }) {
        cascade state(everything_on(per_emission));
        random_source random(1, classes, bins);
        result out;
        size_t within = 0;
        uint64_t newest = 0; // deferral
        for (uint64_t i = 0; i < 5000; i++) {
            const auto x = random.spectrum();
            const auto p = random.distribution();
            const verdict v = random.verdict_on(newest);
            vector_position where;
            where.offset = i;
            where.stream_time = 0.001 * i;
            const monotonic::time_point now{ std::chrono::milliseconds(i) };
            const size_t before = allocations;
            state.on_vector(where, x.data(), {}, p.data(), now, out);
            newest = out.deferred ? out.seq : newest;
            while (state.expire(now, out))
                ;
            if (i % 3 > 0)
                state.on_verdict(v, now, out);
            if (i > 0) // the first one makes room for the scores
                within += allocations - before;
        }
        BOOST_TEST(within == 0u);
        BOOST_TEST(state.counters().in_time > 100u);
        BOOST_TEST(state.counters().timed_out + state.counters().dropped > 0u);
        BOOST_TEST(state.counters().audited > 10u);
    }
}

BOOST_AUTO_TEST_CASE(the_fast_model)
{
    const test::temporary_file file(test::small_model().bytes());
    for (const std::string& kernel : kernel_names()) {
        fast_model model(file.path(), kernel);
        const std::vector<float> in(2 * model.fft_size(), 1.0f);
        std::vector<float> db(model.fft_size());
        std::vector<float> posterior(fast_model::max_batch * model.labels().size());
        spectrum_levels levels;
        const size_t before = allocations;
        for (size_t n = 1; n <= fast_model::max_batch; n++) {
            for (size_t i = 0; i < n; i++)
                model.begin(i,
                            in.data(),
                            input_kind::complex_fft,
                            true,
                            0.3f,
                            db.data(),
                            &levels);
            model.finish(n, posterior.data());
        }
        BOOST_TEST(allocations == before);
    }
}

} // namespace speculative
} // namespace gr
