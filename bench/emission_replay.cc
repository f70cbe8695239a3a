/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// Plays streams whose fast and slow posteriors are known through the emission tracker, for
// bench/emissions.py: emission_replay MODEL.onnx THRESHOLD < streams > labels
//
// Slow answers come `delay` vectors after an ask; with a threshold of 0 nothing is asked.
// Input, little-endian, until its end: int64 n, int64 delay, float32 x [n][N], fast [n][C],
// slow [n][C]. Output: int32 [n][4] a stream: emission, label at once, label after the
// last verdict, asked. Then float64: ns a vector of the tracker, and of the fast model with
// its preprocessing.

#include "core/deferral_policy.h"
#include "core/emission_tracker.h"

#include <gnuradio/speculative/fast_model.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <stdexcept>

using namespace gr::speculative;
using clock_type = std::chrono::steady_clock;

namespace {

struct stream {
    int64_t n = 0;
    int64_t delay = 0;
    std::vector<float> x, fast, slow;
};

struct line {
    int32_t emission, at_once, revised, asked;
};

bool read(std::vector<float>& values, size_t n)
{
    values.resize(n);
    return std::fread(values.data(), sizeof(float), n, stdin) == n;
}

bool read(stream& s, size_t bins, size_t classes)
{
    if (std::fread(&s.n, sizeof(s.n), 1, stdin) != 1)
        return false;
    if (std::fread(&s.delay, sizeof(s.delay), 1, stdin) != 1 || !read(s.x, s.n * bins) ||
        !read(s.fast, s.n * classes) || !read(s.slow, s.n * classes))
        throw std::runtime_error("the input ends within a stream");
    return true;
}

std::vector<line> play(const stream& s, const fast_model& model, double threshold)
{
    const size_t bins = model.fft_size();
    const size_t classes = model.labels().size();
    emission_config config;
    config.merge = model.merge();
    config.context = model.slow_context();
    emission_tracker tracker(classes, bins, config);

    std::vector<line> lines(s.n);
    std::deque<int64_t> asked; // vectors whose verdict is on its way
    const auto answer = [&](int64_t vector) {
        const int32_t emission = lines[vector].emission;
        const float* q = tracker.verdict(emission, &s.slow[vector * classes]);
        if (!q)
            return;
        const int16_t label = top_two_of(q, classes).label;
        for (int64_t i = 0; i < s.n && lines[i].emission >= 0; i++)
            if (lines[i].emission == emission)
                lines[i].revised = label;
    };
    for (line& l : lines)
        l.emission = -1;
    for (int64_t i = 0; i < s.n; i++) {
        while (!asked.empty() && asked.front() + s.delay <= i) {
            answer(asked.front());
            asked.pop_front();
        }
        const observation o = tracker.observe(i, &s.x[i * bins], &s.fast[i * classes]);
        const top_two top = top_two_of(o.posterior, classes);
        const double score = model.score(model.rule(), o.posterior, &s.x[i * bins]);
        const bool ask = threshold > 0.0 && o.due && (!o.answered || score < threshold);
        if (ask) {
            tracker.asked();
            asked.push_back(i);
        }
        lines[i] = { static_cast<int32_t>(o.emission), top.label, top.label, ask };
    }
    for (const int64_t vector : asked)
        answer(vector);
    return lines;
}

double nanoseconds_since(clock_type::time_point start)
{
    return std::chrono::duration<double, std::nano>(clock_type::now() - start).count();
}

// Nanoseconds a vector, piece by piece: other work on the machine spoils a few pieces and
// not their median. Model and tracker take turns, as in work(), with x in the cache.
void measure(const stream& s,
             fast_model& model,
             std::vector<double>& tracker_costs,
             std::vector<double>& model_costs)
{
    constexpr int64_t piece = 32;
    const size_t bins = model.fft_size();
    const size_t classes = model.labels().size();
    const std::vector<float> rate(piece, 0.3f);
    const std::vector<float> spectrum(2 * bins, 1.0f);
    std::vector<float> db(bins);
    std::vector<float> x(bins);
    std::vector<float> posterior(piece * classes);
    emission_tracker tracker(classes, bins, {});
    for (int64_t begin = 0; begin + piece <= s.n; begin += piece) {
        auto start = clock_type::now();
        for (int64_t i = 0; i < piece; i++)
            model.preprocess(
                spectrum.data(), input_kind::complex_fft, true, db.data(), x.data());
        model.classify(&s.x[begin * bins], rate.data(), piece, posterior.data());
        model_costs.push_back(nanoseconds_since(start) / piece);

        start = clock_type::now();
        for (int64_t i = begin; i < begin + piece; i++)
            if (const observation o =
                    tracker.observe(i, &s.x[i * bins], &s.fast[i * classes]);
                o.due) { // every emission has an answer: as costly as it gets
                tracker.asked();
                tracker.verdict(o.emission, &s.slow[i * classes]);
            }
        tracker_costs.push_back(nanoseconds_since(start) / piece);
    }
}

double median(std::vector<double>& costs)
{
    if (costs.empty())
        return 0.0;
    const auto middle = costs.begin() + costs.size() / 2;
    std::nth_element(costs.begin(), middle, costs.end());
    return *middle;
}

} // namespace

int main(int argc, char** argv)
try {
    if (argc != 3)
        throw std::invalid_argument(
            "usage: emission_replay MODEL.onnx THRESHOLD < streams > labels");
    fast_model model(argv[1]);
    const double threshold = std::atof(argv[2]);
    std::vector<double> tracker_costs, model_costs;
    stream s;
    while (read(s, model.fft_size(), model.labels().size())) {
        const auto lines = play(s, model, threshold);
        std::fwrite(lines.data(), sizeof(line), lines.size(), stdout);
        std::fflush(stdout); // the other side waits for it
        measure(s, model, tracker_costs, model_costs);
    }
    const double ns[2] = { median(tracker_costs), median(model_costs) };
    std::fwrite(ns, sizeof(ns), 1, stdout);
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "emission_replay: %s\n", error.what());
    return 1;
}
