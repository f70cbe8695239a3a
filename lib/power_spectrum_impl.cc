/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "power_spectrum_impl.h"

#include "pdu.h"
#include "stream_tags.h"

#include <gnuradio/io_signature.h>
#include <volk/volk.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

namespace gr {
namespace speculative {

namespace {

const pmt::pmt_t tag_time = pmt::mp("rx_time");
const pmt::pmt_t tag_rate = pmt::mp("rx_rate");
const pmt::pmt_t tag_frequency = pmt::mp("rx_freq");

float scale_of(const std::vector<float>& window, size_t average)
{
    const double sum = std::accumulate(window.begin(), window.end(), 0.0);
    const double scale = 1.0 / (sum * sum * static_cast<double>(average));
    if (!std::isfinite(scale))
        throw std::invalid_argument("window: its taps sum to " + std::to_string(sum) +
                                    ", expected finite taps with a sum that is not 0");
    return static_cast<float>(scale);
}

size_t fft_size_of(const std::vector<float>& window)
{
    if (window.size() < 32 || window.size() > 65536 || window.size() % 32 != 0)
        throw std::invalid_argument("fft_size is " + std::to_string(window.size()) +
                                    ", the number of taps of the window, expected a "
                                    "multiple of 32, 32 to 65536");
    return window.size();
}

size_t average_of(size_t average)
{
    if (average < 1 || average > 1024)
        throw std::invalid_argument("average is " + std::to_string(average) +
                                    ", expected 1 to 1024 spectra");
    return average;
}

size_t hop_of(size_t hop, size_t fft_size)
{
    if (hop > (size_t(1) << 30))
        throw std::invalid_argument("hop is " + std::to_string(hop) +
                                    ", expected 0 (the FFT size) to 2^30 samples");
    return hop == 0 ? fft_size : hop;
}

} // namespace

power_spectrum::sptr power_spectrum::make(const std::vector<float>& window,
                                          double sample_rate,
                                          size_t hop,
                                          size_t average)
{
    if (!(std::isfinite(sample_rate) && sample_rate > 0.0))
        throw std::invalid_argument("sample_rate is " + std::to_string(sample_rate) +
                                    ", expected Hz > 0");
    return gnuradio::make_block_sptr<power_spectrum_impl>(
        window, sample_rate, hop, average);
}

power_spectrum_impl::power_spectrum_impl(const std::vector<float>& window,
                                         double sample_rate,
                                         size_t hop,
                                         size_t average)
    : gr::block("power_spectrum",
                gr::io_signature::make(1, 1, sizeof(gr_complex)),
                gr::io_signature::make(
                    1, 1, static_cast<int>(fft_size_of(window) * sizeof(float)))),
      d_fft_size(window.size()),
      d_hop(hop_of(hop, d_fft_size)),
      d_average(average_of(average)),
      d_stride(d_hop * d_average),
      d_span(d_hop * (d_average - 1) + d_fft_size),
      d_scale(scale_of(window, d_average)),
      d_fft(static_cast<int>(d_fft_size)),
      d_window(window.begin(), window.end()),
      d_samples(d_span),
      d_power(d_fft_size),
      d_sum(d_fft_size),
      d_rate(sample_rate),
      d_frequency(std::numeric_limits<double>::quiet_NaN())
{
    set_relative_rate(1, d_stride);
    set_tag_propagation_policy(TPP_DONT);
    // Room for whole batches of the classifier; GNU Radio's default holds few long vectors.
    set_min_output_buffer(0, 32);
}

// One that is never short of input: what does not fill a vector is kept here.
void power_spectrum_impl::forecast(int, gr_vector_int& ninput_items_required)
{
    ninput_items_required[0] = 1;
}

bool power_spectrum_impl::start()
{
    d_filled = d_skip = 0;
    d_start = d_break = 0;
    d_has_time = false;
    d_waiting.clear();
    return block::start();
}

int power_spectrum_impl::general_work(int noutput_items,
                                      gr_vector_int& ninput_items,
                                      gr_vector_const_void_star& input_items,
                                      gr_vector_void_star& output_items)
{
    const auto* in = static_cast<const gr_complex*>(input_items[0]);
    auto* out = static_cast<float*>(output_items[0]);
    const auto available = static_cast<size_t>(ninput_items[0]);
    const uint64_t first = nitems_read(0);
    get_tags_in_window(d_tags, 0, 0, available);
    auto tag = d_tags.begin();

    size_t used = 0;
    int made = 0;
    while (made < noutput_items && used < available) {
        used += take(in + used, available - used);
        for (; tag != d_tags.end() && tag->offset < first + used; ++tag)
            note(*tag);
        if (d_filled < d_span)
            continue;
        place_tags(nitems_written(0) + made);
        compute(out);
        out += d_fft_size;
        made++;
        advance();
    }
    consume_each(static_cast<int>(used));
    return made;
}

// Passes over samples or adds them to the vector in the making; returns how many.
size_t power_spectrum_impl::take(const gr_complex* in, size_t available)
{
    if (d_skip > 0) {
        const size_t n = std::min(d_skip, available);
        d_skip -= n;
        return n;
    }
    const size_t n = std::min(d_span - d_filled, available);
    std::copy_n(in, n, d_samples.begin() + d_filled);
    d_filled += n;
    return n;
}

void power_spectrum_impl::note(const tag_t& tag)
{
    double number = 0.0;
    if (pmt::eqv(tag.key, tag_time)) {
        note_time(tag);
        return; // place_tags() tells the time
    }
    if (pmt::eqv(tag.key, tag_frequency) && pdu::number_from(tag.value, number)) {
        if (number != d_frequency)
            d_break = tag.offset;
        d_frequency = number;
    } else if (pmt::eqv(tag.key, tag_rate) && pdu::number_from(tag.value, number) &&
               std::isfinite(number) && number > 0.0 && number != d_rate) {
        d_break = tag.offset;
        if (d_has_time)
            d_time = time_at(tag.offset);
        d_time_sample = tag.offset;
        d_rate = number;
    }
    d_waiting.push_back(tag);
}

void power_spectrum_impl::note_time(const tag_t& tag)
{
    uint64_t seconds = 0;
    instant told;
    if (!time_from(tag.value, seconds, told.fraction))
        return;
    told.seconds = static_cast<double>(seconds);
    if (d_has_time) {
        const instant expected = time_at(tag.offset);
        const double gap =
            (told.seconds - expected.seconds) + (told.fraction - expected.fraction);
        if (std::abs(gap) * d_rate > 1.0)
            d_break = tag.offset;
    }
    d_has_time = true;
    d_time = told;
    d_time_sample = tag.offset;
    d_waiting.push_back(tag);
}

power_spectrum_impl::instant power_spectrum_impl::time_at(uint64_t sample) const
{
    const double samples = sample >= d_time_sample
                               ? static_cast<double>(sample - d_time_sample)
                               : -static_cast<double>(d_time_sample - sample);
    const double rest = std::fmod(samples, d_rate);
    instant at = d_time;
    at.seconds += std::round((samples - rest) / d_rate);
    at.fraction += rest / d_rate;
    const double carry = std::floor(at.fraction);
    at.seconds += carry;
    at.fraction -= carry;
    return at;
}

void power_spectrum_impl::place_tags(uint64_t vector)
{
    for (tag_t& tag : d_waiting) {
        if (pmt::eqv(tag.key, tag_time)) {
            const instant at = time_at(d_start);
            if (!d_has_time || at.seconds < 0.0)
                continue;
            tag.value =
                pmt::make_tuple(pmt::from_uint64(static_cast<uint64_t>(at.seconds)),
                                pmt::from_double(at.fraction));
        }
        tag.offset = vector;
        add_item_tag(0, tag);
    }
    d_waiting.clear();
}

void power_spectrum_impl::compute(float* out)
{
    if (d_break > d_start) {
        std::fill_n(out, d_fft_size, std::numeric_limits<float>::quiet_NaN());
        return;
    }
    const auto n = static_cast<unsigned>(d_fft_size);
    std::fill(d_sum.begin(), d_sum.end(), 0.0f);
    for (size_t i = 0; i < d_average; i++) {
        volk_32fc_32f_multiply_32fc(
            d_fft.get_inbuf(), &d_samples[i * d_hop], d_window.data(), n);
        d_fft.execute();
        volk_32fc_magnitude_squared_32f(d_power.data(), d_fft.get_outbuf(), n);
        volk_32f_x2_add_32f(d_sum.data(), d_sum.data(), d_power.data(), n);
    }
    const unsigned half = n / 2;
    volk_32f_s32f_multiply_32f(out, &d_sum[half], d_scale, half);
    volk_32f_s32f_multiply_32f(out + half, d_sum.data(), d_scale, half);
}

void power_spectrum_impl::advance()
{
    if (d_stride < d_span) {
        std::copy(d_samples.begin() + d_stride, d_samples.end(), d_samples.begin());
        d_filled = d_span - d_stride;
    } else {
        d_filled = 0;
        d_skip = d_stride - d_span;
    }
    d_start += d_stride;
}

} // namespace speculative
} // namespace gr
