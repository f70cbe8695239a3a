/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "fast_classifier_impl.h"

#include <gnuradio/io_signature.h>

#include <unistd.h>

#include <array>
#include <random>
#include <stdexcept>

namespace gr {
namespace speculative {

namespace {

constexpr auto tick_interval =
    std::chrono::milliseconds(10); // how late a deadline may be noticed
constexpr auto run_age =
    std::chrono::milliseconds(100); // an accepted vector waits no longer for its run

const pmt::pmt_t port_verdicts = pmt::mp("verdicts");
const pmt::pmt_t port_conditions = pmt::mp("conditions");
const pmt::pmt_t port_command = pmt::mp("cmd");
const pmt::pmt_t port_deferred = pmt::mp("deferred");
const pmt::pmt_t port_results = pmt::mp("results");
const pmt::pmt_t port_telemetry = pmt::mp("telemetry");

std::string host_name()
{
    std::array<char, 256> name{};
    return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "node";
}

cascade_config block_config(const fast_model& model,
                            double threshold,
                            double deadline,
                            size_t max_in_flight)
{
    cascade_config config = config_of(model, threshold, deadline);
    config.max_in_flight = max_in_flight;
    return config;
}

pdu::result_names names_of(const fast_model& model, const std::string& node_id)
{
    pdu::result_names names;
    for (const auto& label : model.labels())
        names.labels.push_back(pmt::mp(label));
    names.model = pmt::mp(model.name());
    names.node_id = pmt::mp(node_id.empty() ? host_name() : node_id);
    return names;
}

} // namespace

fast_classifier::sptr fast_classifier::make(const std::string& model,
                                            size_t fft_size,
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
                                            const std::string& node_id)
{
    fast_model loaded(model);
    if (fft_size != 0 && fft_size != loaded.fft_size()) {
        const std::string wanted = std::to_string(loaded.fft_size());
        throw std::invalid_argument("fft_size is " + std::to_string(fft_size) + ", but " +
                                    model + " was trained on vectors of " + wanted +
                                    " bins: set the FFT to " + wanted +
                                    " or choose another model");
    }
    return gnuradio::make_block_sptr<fast_classifier_impl>(std::move(loaded),
                                                           sample_rate,
                                                           input,
                                                           shift,
                                                           threshold,
                                                           deadline,
                                                           center_frequency,
                                                           vector_hop,
                                                           max_in_flight,
                                                           max_run,
                                                           telemetry_interval,
                                                           node_id);
}

fast_classifier_impl::fast_classifier_impl(fast_model&& model,
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
                                           const std::string& node_id)
    : gr::sync_block(
          "fast_classifier",
          gr::io_signature::make(1, 1, item_size(input) * model.fft_size()),
          gr::io_signature::makev(0,
                                  3,
                                  { static_cast<int>(item_size(input) * model.fft_size()),
                                    sizeof(int16_t),
                                    sizeof(float) })),
      d_model(std::move(model)),
      d_input(input),
      d_shift(shift),
      d_max_run(max_run),
      d_telemetry_interval(telemetry_interval),
      d_names(names_of(d_model, node_id)),
      d_context(choose_kernels(d_model.kernel_name()),
                d_model.fft_size(),
                d_model.slow_context(),
                batch),
      d_posterior(batch * d_model.labels().size()),
      d_levels(batch),
      d_where(batch),
      d_retuned(batch),
      d_check(d_model.fft_size()),
      d_clock(sample_rate,
              center_frequency,
              vector_hop == 0 ? d_model.fft_size() : vector_hop,
              d_model.fft_size()),
      d_cascade(block_config(d_model, threshold, deadline, max_in_flight))
{
    if (max_run == 0)
        throw std::invalid_argument("max_run is 0, expected at least 1 vector");
    if (telemetry_interval != 0.0 &&
        !(telemetry_interval >= 0.01 && telemetry_interval <= 1e6))
        throw std::invalid_argument("telemetry_interval is " +
                                    std::to_string(telemetry_interval) +
                                    ", expected 0 (none) or seconds >= 0.01");
    // Room for whole batches downstream as well: GNU Radio's default holds eight vectors.
    for (int port = 0; port < 3; port++)
        set_min_output_buffer(port, 2 * batch);
    message_port_register_out(port_deferred);
    message_port_register_out(port_results);
    message_port_register_out(port_telemetry);
    message_port_register_in(port_verdicts);
    message_port_register_in(port_conditions);
    message_port_register_in(port_command);
    set_msg_handler(port_verdicts, [this](const pmt::pmt_t& m) { on_verdict(m); });
    set_msg_handler(port_conditions, [this](const pmt::pmt_t& m) { on_conditions(m); });
    set_msg_handler(port_command, [this](const pmt::pmt_t& m) { on_command(m); });
    d_logger->info("model {:s}, kernel {:s}", d_model.name(), d_model.kernel_name());
}

bool fast_classifier_impl::start()
{
    const std::scoped_lock lock(d_mutex);
    std::random_device random;
    d_names.session = (static_cast<uint64_t>(random()) << 32) | random();
    d_stopping = false;
    // A new stream: the offsets count from 0 again, and samples may have been lost.
    d_clock.restart();
    d_context.clear();
    d_check.restart();
    d_cascade.restart();
    d_ticker = std::thread([this] { tick(); });
    return sync_block::start();
}

bool fast_classifier_impl::stop()
{
    {
        const std::scoped_lock lock(d_mutex);
        d_stopping = true;
    }
    d_wake.notify_all();
    if (d_ticker.joinable())
        d_ticker.join();
    const std::scoped_lock lock(d_mutex);
    publish_run();
    while (d_cascade.abandon(monotonic::now(), d_result))
        publish(d_result);
    publish_telemetry();
    return sync_block::stop();
}

// The stream's own clock of deadlines: they pass also while no samples come.
void fast_classifier_impl::tick()
{
    std::unique_lock lock(d_mutex);
    auto telemetry_due = monotonic::now();
    while (!d_wake.wait_for(lock, tick_interval, [this] { return d_stopping; })) {
        const auto now = monotonic::now();
        expire(now);
        publish_threshold(now);
        if (d_run_count > 0 && now - d_run_since >= run_age)
            publish_run();
        if (d_telemetry_interval > 0.0 && now >= telemetry_due) {
            publish_telemetry();
            telemetry_due =
                now + from_seconds("telemetry_interval", d_telemetry_interval);
        }
    }
}

void fast_classifier_impl::expire(monotonic::time_point now)
{
    while (d_cascade.expire(now, d_result))
        publish(d_result);
}

void fast_classifier_impl::publish(const result& r,
                                   uint64_t count,
                                   const std::string& heads)
{
    if (has_subscribers(port_results))
        message_port_pub(port_results, pdu::from(r, count, d_names, heads));
}

void fast_classifier_impl::publish_threshold(monotonic::time_point now)
{
    threshold_change change;
    if (!d_cascade.policy().changed(now, change))
        return;
    d_logger->info("threshold {:.4f} -> {:.4f} ({:s})",
                   change.before,
                   change.after,
                   to_string(change.cause));
    message_port_pub(port_telemetry, pdu::from(change, d_names));
}

void fast_classifier_impl::publish_telemetry()
{
    message_port_pub(port_telemetry, pdu::telemetry(d_cascade, d_names, d_heads));
}

} // namespace speculative
} // namespace gr
