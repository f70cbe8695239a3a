/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_FAST_CLASSIFIER_IMPL_H
#define INCLUDED_SPECULATIVE_FAST_CLASSIFIER_IMPL_H

#include "core/cascade.h"
#include "core/context_ring.h"
#include "core/input_check.h"
#include "core/stream_clock.h"
#include "core/warning_limiter.h"
#include "pdu.h"

#include <gnuradio/speculative/fast_classifier.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace gr {
namespace speculative {

class fast_classifier_impl : public fast_classifier
{
public:
    fast_classifier_impl(fast_model&& model,
                         double sample_rate,
                         input_kind input,
                         bool shift,
                         double threshold,
                         double deadline,
                         double center_frequency,
                         size_t vector_hop,
                         size_t max_in_flight,
                         size_t max_run,
                         double telemetry_interval,
                         const std::string& node_id);

    void set_threshold(double threshold) override;
    void set_deadline(double seconds) override;
    void set_center_frequency(double hz) override;
    void set_rule(const std::string& rule) override;
    void set_budget(double rate, double burst) override;
    void set_audit_fraction(double fraction, uint64_t seed) override;
    void set_conditions(double strength, double lifetime, double usual_noise) override;
    void set_per_emission(bool on) override;
    bool per_emission() const override;
    double threshold() const override;
    double deadline() const override;
    const fast_model& model() const override { return d_model; }
    std::map<std::string, uint64_t> counters() const override;
    double latency_quantile(double q) const override;

    bool start() override;
    bool stop() override;
    int work(int noutput_items,
             gr_vector_const_void_star& input_items,
             gr_vector_void_star& output_items) override;

private:
    // Vectors that are classified together.
    static constexpr size_t batch = fast_model::max_batch;

    static size_t item_size(input_kind input)
    {
        return input == input_kind::complex_fft ? sizeof(gr_complex) : sizeof(float);
    }
    void place(uint64_t first, size_t count);
    size_t prepare(const uint8_t* in, uint8_t* out, size_t place, size_t count);
    bool is_negative(const uint8_t* in);
    // Building a message costs more than classifying a vector.
    bool has_subscribers(const pmt::pmt_t& port)
    {
        return !pmt::is_null(message_subscribers(port));
    }
    void defer(uint64_t ring_index);
    void publish_run();
    void extend_run(monotonic::time_point now);
    void publish(const result& r, uint64_t count = 1, const std::string& heads = {});
    void publish_telemetry();
    void expire(monotonic::time_point now);
    void publish_threshold(monotonic::time_point now);
    void on_verdict(const pmt::pmt_t& message);
    void on_conditions(const pmt::pmt_t& message);
    void on_command(const pmt::pmt_t& message);
    void apply(const std::string& setting, const pmt::pmt_t& value);
    void warn_dropped(const char* port, const std::exception& error);
    void tick();

    fast_model d_model;
    const input_kind d_input;
    const bool d_shift;
    const size_t d_max_run;
    const double d_telemetry_interval;
    pdu::result_names d_names;

    // Only work() touches these.
    context_ring d_context;
    double d_sample_rate = 0.0; // that d_rate belongs to
    float d_rate = 0.0f;
    std::vector<float> d_posterior;        // [batch][C]
    std::vector<spectrum_levels> d_levels; // [batch], if d_look
    bool d_look = false;
    std::vector<vector_position> d_where; // [batch]
    std::vector<uint8_t> d_retuned;       // [batch] bool
    std::vector<tag_t> d_tags;
    size_t d_next_tag = 0;
    input_check d_check;
    warning_limiter d_negative_warning;

    mutable std::mutex d_mutex; // guards what follows; never held while computing
    stream_clock d_clock;
    cascade d_cascade;
    std::string d_heads; // of the newest verdict that had any
    result d_result;
    request d_request;
    result d_run; // accepted vectors of one label, not yet published; scores are sums
    size_t d_run_count = 0;
    monotonic::time_point d_run_since;
    warning_limiter d_dropped_warning;

    std::condition_variable d_wake;
    bool d_stopping = false;
    std::thread d_ticker;
};

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_FAST_CLASSIFIER_IMPL_H */
