/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "fast_classifier_impl.h"

#include "stream_tags.h"

#include <gnuradio/io_signature.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
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
const pmt::pmt_t tag_uncertain = pmt::mp("uncertain");
const pmt::pmt_t tag_time = pmt::mp("rx_time");
const pmt::pmt_t tag_rate = pmt::mp("rx_rate");
const pmt::pmt_t tag_frequency = pmt::mp("rx_freq");

size_t item_size(input_kind input)
{
    return input == input_kind::complex_fft ? sizeof(gr_complex) : sizeof(float);
}

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
      d_context(d_model.fft_size(), d_model.slow_context(), batch),
      d_x(batch * d_model.fft_size()),
      d_rate(batch),
      d_posterior(batch * d_model.labels().size()),
      d_where(batch),
      d_retuned(batch),
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

int fast_classifier_impl::work(int noutput_items,
                               gr_vector_const_void_star& input_items,
                               gr_vector_void_star& output_items)
{
    const auto n = static_cast<size_t>(noutput_items);
    const auto* in = static_cast<const uint8_t*>(input_items[0]);
    const size_t vector_bytes = item_size(d_input) * d_model.fft_size();
    auto* labels =
        output_items.size() > 1 ? static_cast<int16_t*>(output_items[1]) : nullptr;
    auto* confidences =
        output_items.size() > 2 ? static_cast<float*>(output_items[2]) : nullptr;
    const uint64_t first = nitems_read(0);
    if (!output_items.empty())
        std::memcpy(output_items[0], in, n * vector_bytes);

    get_tags_in_window(d_tags, 0, 0, n);
    d_next_tag = 0;

    for (size_t begin = 0; begin < n; begin += batch) {
        const size_t end = std::min(begin + batch, n);
        place(first + begin, end - begin);
        for (size_t i = begin; i < end;) {
            const uint64_t ring_index = d_context.pushed();
            const size_t filled = prepare(in + i * vector_bytes, i - begin, end - i);
            d_model.classify(d_x.data(), d_rate.data(), filled, d_posterior.data());

            const std::scoped_lock lock(d_mutex);
            const auto now = monotonic::now();
            for (size_t j = 0; j < filled; j++, i++) {
                d_cascade.on_vector(d_where[i - begin],
                                    &d_x[j * d_model.fft_size()],
                                    &d_posterior[j * d_names.labels.size()],
                                    now,
                                    d_result);
                if (labels)
                    labels[i] = d_result.label;
                if (confidences)
                    confidences[i] = d_result.confidence;
                if (d_result.source == result_source::fast && !d_result.deferred) {
                    extend_run(now);
                    continue;
                }
                publish_run();
                publish(d_result);
                if (d_result.deferred) {
                    defer(ring_index + j);
                    if (!output_items.empty())
                        add_item_tag(0,
                                     first + i,
                                     tag_uncertain,
                                     pdu::uncertain(d_result, d_names));
                }
            }
            if (i < end) { // prepare() stopped at an invalid vector
                d_cascade.on_invalid();
                d_context.clear();
                publish_run();
                if (labels)
                    labels[i] = -1;
                if (confidences)
                    confidences[i] = 0.0f;
                i++;
            }
        }
    }
    return noutput_items;
}

// Dates `count` vectors and reads the tags on them. A vector within which the receiver was
// retuned is invalid.
void fast_classifier_impl::place(uint64_t first, size_t count)
{
    const std::scoped_lock lock(d_mutex);
    for (size_t i = 0; i < count; i++) {
        const uint64_t offset = first + i;
        bool retuned = false;
        for (; d_next_tag < d_tags.size() && d_tags[d_next_tag].offset <= offset;
             d_next_tag++) {
            const tag_t& tag = d_tags[d_next_tag];
            uint64_t seconds = 0;
            double number = 0.0;
            if (pmt::eqv(tag.key, tag_time) && time_from(tag.value, seconds, number))
                d_clock.set_time(offset, seconds, number);
            else if (pmt::eqv(tag.key, tag_rate) && pdu::number_from(tag.value, number))
                retuned |= d_clock.set_rate(offset, number);
            else if (pmt::eqv(tag.key, tag_frequency) &&
                     pdu::number_from(tag.value, number))
                retuned |= d_clock.set_frequency(number);
        }
        d_where[i] = d_clock.at(offset);
        // The tags on the first vector describe the stream, they do not change it.
        d_retuned[i] = retuned && offset != 0;
    }
}

// Preprocesses up to `count` vectors, of which the first is the place `place` of the batch.
// Returns how many there are before an invalid one: what is computed of a vector never
// depends on how the stream was cut into calls.
size_t fast_classifier_impl::prepare(const uint8_t* in, size_t place, size_t count)
{
    const size_t bins = d_model.fft_size();
    for (size_t i = 0; i < count; i++, in += item_size(d_input) * bins) {
        if (d_retuned[place + i] ||
            !d_model.preprocess(in, d_input, d_shift, d_context.next(), &d_x[i * bins]))
            return i;
        d_rate[i] = d_model.rate_feature(d_where[place + i].sample_rate);
        d_context.push();
    }
    return count;
}

void fast_classifier_impl::defer(uint64_t ring_index)
{
    if (!has_subscribers(port_deferred))
        return;
    d_context.quantise(ring_index, d_request);
    d_request.session = d_names.session;
    d_request.seq = d_result.seq;
    d_request.offset = d_result.where.offset;
    d_request.sample_rate = d_result.where.sample_rate;
    d_request.center_frequency = d_result.where.center_frequency;
    d_request.deadline_ms =
        std::chrono::duration<double, std::milli>(d_cascade.deadline()).count();
    d_request.fast_label = d_model.labels()[d_result.label];
    d_request.fast_confidence = d_result.confidence;
    d_request.node_id = pmt::symbol_to_string(d_names.node_id);
    message_port_pub(port_deferred, pdu::from(d_request));
}

void fast_classifier_impl::extend_run(monotonic::time_point now)
{
    if (d_run_count > 0 && d_run.label != d_result.label)
        publish_run();
    if (d_run_count == 0) {
        d_run = d_result;
        d_run_since = now;
    } else {
        const vector_position& last = d_result.where;
        d_run.where.sample_count =
            last.sample_start + last.sample_count - d_run.where.sample_start;
        for (size_t c = 0; c < d_run.scores.size(); c++)
            d_run.scores[c] += d_result.scores[c];
    }
    if (++d_run_count == d_max_run)
        publish_run();
}

void fast_classifier_impl::publish_run()
{
    if (d_run_count == 0)
        return;
    for (auto& score : d_run.scores)
        score /= d_run_count;
    d_run.confidence = d_run.fast_confidence = d_run.scores[d_run.label];
    publish(d_run, d_run_count);
    d_run_count = 0;
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
