/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// Nanoseconds a vector of the deferral policy with everything switched on, for each rule (with
// what it makes the fast model look at), and of the emission tracker, beside those of the fast
// model: bench_policy MODEL.onnx

#include "core/deferral_policy.h"
#include "core/emission_tracker.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

using namespace gr::speculative;

namespace {

using clock_type = std::chrono::steady_clock;
constexpr size_t batch = fast_model::max_batch; // as in work()

struct stream {
    std::vector<float> in;               // [batch][N] power
    std::vector<float> db;               // [N]
    std::vector<float> posterior;        // [batch][C]
    std::vector<spectrum_levels> levels; // [batch]
};

void classify(fast_model& model, stream& s, bool look)
{
    const size_t bins = model.fft_size();
    for (size_t i = 0; i < batch; i++)
        model.begin(i,
                    &s.in[i * bins],
                    input_kind::power,
                    true,
                    0.3f,
                    s.db.data(),
                    look ? &s.levels[i] : nullptr);
    model.finish(batch, s.posterior.data());
}

// As surely and as unsurely as a real model, of another label every fourth time, so that
// runs end and audits are drawn.
void make_up_posteriors(stream& s, size_t classes, std::mt19937& random)
{
    std::gamma_distribution<float> gamma(0.15f);
    for (size_t i = 0; i < batch; i++) {
        float* const row = &s.posterior[i * classes];
        float total = 0.0f;
        for (size_t c = 0; c < classes; c++)
            total += row[c] = gamma(random) + 1e-6f;
        for (size_t c = 0; c < classes; c++)
            row[c] /= total;
        std::iter_swap(row + i / 4 % classes, std::max_element(row, row + classes));
    }
}

policy_config everything_on(const fast_model& model, deferral_rule rule, bool by_snr)
{
    policy_config config;
    config.rule = rule;
    config.benefit.labels.assign(model.labels().size(), -1.0);
    config.threshold = 0.5;
    config.budget = 1e4;
    config.audit_fraction = 0.01;
    config.conditions.strength = 0.5;
    if (by_snr)
        config.strata = { { 0.5, 0.6, 0.4 }, { 1.0, 2.0 } };
    return config;
}

double since(clock_type::time_point start)
{
    return std::chrono::duration<double, std::nano>(clock_type::now() - start).count() /
           batch;
}

double median(std::vector<double>& costs)
{
    const auto middle = costs.begin() + costs.size() / 2;
    std::nth_element(costs.begin(), middle, costs.end());
    return *middle;
}

void print(const char* name, double ns, double model_ns, uint64_t asked, uint64_t vectors)
{
    std::printf("%-22s %10.1f %10.1f %10.3f %10.3f\n",
                name,
                ns,
                model_ns,
                ns / model_ns,
                static_cast<double>(asked) / static_cast<double>(vectors));
}

// A batch of power: noise, and in it four transmissions that take turns.
stream make_up_stream(const fast_model& model, std::mt19937& random)
{
    const size_t bins = model.fft_size();
    const size_t classes = model.labels().size();
    std::exponential_distribution<float> power;
    stream s{ std::vector<float>(batch * bins),
              std::vector<float>(bins),
              std::vector<float>(batch * classes),
              std::vector<spectrum_levels>(batch) };
    std::generate(s.in.begin(), s.in.end(), [&] { return power(random); });
    for (size_t i = 0; i < batch; i++)
        for (size_t k = 0; k < bins / 16; k++)
            s.in[i * bins + i / 4 * bins / 4 + k] *= 100.0f;
    return s;
}

void measure(fast_model& model, deferral_rule rule, const char* name, bool by_snr)
{
    const size_t classes = model.labels().size();
    std::mt19937 random(1);
    stream s = make_up_stream(model, random);
    deferral_policy policy(everything_on(model, rule, by_snr));
    const auto now = monotonic::now();
    policy.on_conditions({ 0.9 }, now, monotonic::duration::zero());
    std::vector<double> model_costs, looking_costs, policy_costs;
    uint64_t vectors = 0, asked = 0;
    for (int round = 0; round < 4000; round++) {
        const bool look = policy.wants_levels() && round % 2 == 0;
        auto start = clock_type::now();
        classify(model, s, look);
        (look ? looking_costs : model_costs).push_back(since(start));
        make_up_posteriors(s, classes, random);
        start = clock_type::now();
        for (size_t i = 0; i < batch; i++) {
            const float* const p = &s.posterior[i * classes];
            const auto decision =
                policy.decide({ p, classes, top_two_of(p, classes), s.levels[i] },
                              1e-4 * static_cast<double>(vectors++),
                              now);
            asked += decision.what != deferral::none;
        }
        policy_costs.push_back(since(start));
    }
    const double model_ns = median(model_costs);
    const double looking_ns =
        policy.wants_levels() ? median(looking_costs) - model_ns : 0.0;
    print(name, median(policy_costs) + looking_ns, model_ns, asked, vectors);
}

// With an answer to each question at once.
void measure_tracker(fast_model& model)
{
    const size_t bins = model.fft_size();
    const size_t classes = model.labels().size();
    std::mt19937 random(1);
    stream s = make_up_stream(model, random);
    emission_config config;
    config.merge = model.merge();
    config.context = model.slow_context();
    config.kernels = &choose_kernels(model.kernel_name());
    emission_tracker tracker(classes, bins, config);
    std::vector<double> model_costs, tracker_costs;
    uint64_t vectors = 0, asked = 0;
    for (int round = 0; round < 4000; round++) {
        auto start = clock_type::now();
        classify(model, s, false);
        model_costs.push_back(since(start));
        start = clock_type::now();
        for (size_t i = 0; i < batch; i++) {
            const float* const p = &s.posterior[i * classes];
            const observation o = tracker.observe(vectors++, model.x(i), p);
            if (o.due) {
                asked++;
                tracker.asked();
                tracker.settled(o.emission);
                tracker.verdict(o.emission, p);
            }
        }
        tracker_costs.push_back(since(start));
    }
    print("emission_tracker", median(tracker_costs), median(model_costs), asked, vectors);
}

} // namespace

int main(int argc, char** argv)
try {
    if (argc != 2)
        throw std::invalid_argument("usage: bench_policy MODEL.onnx");
    fast_model model(argv[1]);
    std::printf(
        "%-22s %10s %10s %10s %10s\n", "rule", "policy ns", "model ns", "ratio", "asked");
    measure(model, deferral_rule::margin, "margin", false);
    measure(model, deferral_rule::max_probability, "max_probability", false);
    measure(model, deferral_rule::entropy, "entropy", false);
    measure(model, deferral_rule::benefit, "benefit", false);
    measure(model, deferral_rule::margin, "margin,strata", true);
    measure(model, deferral_rule::benefit, "benefit,strata", true);
    measure_tracker(model);
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "bench_policy: %s\n", error.what());
    return 1;
}
