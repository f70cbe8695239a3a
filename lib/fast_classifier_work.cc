/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

// The way of a vector through fast_classifier, from the stream to the messages about it.

#include "fast_classifier_impl.h"

#include "stream_tags.h"

#include <algorithm>
#include <cstring>

namespace gr {
namespace speculative {

namespace {

const pmt::pmt_t port_deferred = pmt::mp("deferred");
const pmt::pmt_t tag_uncertain = pmt::mp("uncertain");
const pmt::pmt_t tag_time = pmt::mp("rx_time");
const pmt::pmt_t tag_rate = pmt::mp("rx_rate");
const pmt::pmt_t tag_frequency = pmt::mp("rx_freq");

} // namespace

int fast_classifier_impl::work(int noutput_items,
                               gr_vector_const_void_star& input_items,
                               gr_vector_void_star& output_items)
{
    const auto n = static_cast<size_t>(noutput_items);
    const auto* in = static_cast<const uint8_t*>(input_items[0]);
    const size_t vector_bytes = item_size(d_input) * d_model.fft_size();
    auto* out = output_items.empty() ? nullptr : static_cast<uint8_t*>(output_items[0]);
    auto* labels =
        output_items.size() > 1 ? static_cast<int16_t*>(output_items[1]) : nullptr;
    auto* confidences =
        output_items.size() > 2 ? static_cast<float*>(output_items[2]) : nullptr;
    const uint64_t first = nitems_read(0);
    get_tags_in_window(d_tags, 0, 0, n);
    d_next_tag = 0;

    for (size_t begin = 0; begin < n; begin += batch) {
        const size_t end = std::min(begin + batch, n);
        place(first + begin, end - begin);
        for (size_t i = begin; i < end;) {
            const uint64_t ring_index = d_context.pushed();
            const size_t filled =
                prepare(in + i * vector_bytes,
                        out == nullptr ? nullptr : out + i * vector_bytes,
                        i - begin,
                        end - i);
            d_model.finish(filled, d_posterior.data());

            const std::scoped_lock lock(d_mutex);
            const auto now = monotonic::now();
            if (d_cascade.policy().wants_levels() && !d_look) // only just
                for (size_t j = 0; j < filled; j++)
                    d_levels[j] = d_model.levels(d_model.x(j));
            for (size_t j = 0; j < filled; j++, i++) {
                d_cascade.on_vector(d_where[i - begin],
                                    d_model.x(j),
                                    d_levels[j],
                                    &d_posterior[j * d_names.labels.size()],
                                    now,
                                    d_result);
                if (labels)
                    labels[i] = d_result.label;
                if (confidences)
                    confidences[i] = d_result.confidence;
                if (d_result.accepted()) {
                    extend_run(now);
                    continue;
                }
                publish_run();
                publish(d_result);
                if (d_result.deferred) {
                    defer(ring_index + j);
                    if (out != nullptr)
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
    d_look = d_cascade.policy().wants_levels();
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

// Takes up to `count` vectors, of which the first is the place `place` of the batch, through
// all that concerns each alone, and copies them to `out` unless null. Returns how many there
// are before an invalid one: what is computed of a vector never depends on how the stream was
// cut into calls.
size_t
fast_classifier_impl::prepare(const uint8_t* in, uint8_t* out, size_t place, size_t count)
{
    const size_t bytes = item_size(d_input) * d_model.fft_size();
    for (size_t i = 0; i < count; i++, in += bytes) {
        if (out != nullptr)
            std::memcpy(out + i * bytes, in, bytes);
        const double sample_rate = d_where[place + i].sample_rate;
        if (sample_rate != d_sample_rate) // a logarithm
            d_rate = d_model.rate_feature(d_sample_rate = sample_rate);
        if (d_retuned[place + i] || is_negative(in) ||
            !d_model.begin(i,
                           in,
                           d_input,
                           d_shift,
                           d_rate,
                           d_context.next(),
                           d_look ? &d_levels[i] : nullptr))
            return i;
        if (d_check.looks_unshifted(d_context.next()))
            d_logger->warn(
                "the spectrum looks as if its halves were exchanged: set shift "
                "(Bin 0 Is DC) to {:s}",
                d_shift ? "no" : "yes, or shift in the FFT");
        d_context.push();
    }
    return count;
}

// Power that cannot be any; said, but not of every vector.
bool fast_classifier_impl::is_negative(const uint8_t* in)
{
    if (d_input != input_kind::power ||
        !d_check.is_negative(reinterpret_cast<const float*>(in)))
        return false;
    uint64_t held_back = 0;
    if (d_negative_warning.allow(warning_limiter::clock::now(), held_back))
        d_logger->warn(
            "power is never negative, and such vectors are invalid: is this dB? "
            "Then set input to decibel");
    return true;
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
    if (d_run_count > 0 &&
        (d_run.label != d_result.label || d_run.source != d_result.source ||
         d_run.emission != d_result.emission))
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

} // namespace speculative
} // namespace gr
