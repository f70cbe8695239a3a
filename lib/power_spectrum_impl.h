/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_POWER_SPECTRUM_IMPL_H
#define INCLUDED_SPECULATIVE_POWER_SPECTRUM_IMPL_H

#include <gnuradio/fft/fft.h>
#include <gnuradio/speculative/power_spectrum.h>
#include <volk/volk_alloc.hh>

namespace gr {
namespace speculative {

class power_spectrum_impl : public power_spectrum
{
public:
    power_spectrum_impl(const std::vector<float>& window,
                        double sample_rate,
                        size_t hop,
                        size_t average);

    void forecast(int noutput_items, gr_vector_int& ninput_items_required) override;
    bool start() override;
    int general_work(int noutput_items,
                     gr_vector_int& ninput_items,
                     gr_vector_const_void_star& input_items,
                     gr_vector_void_star& output_items) override;

private:
    // When a sample was taken; the fraction may leave 0..1 on the way.
    struct instant {
        double seconds = 0.0; // whole
        double fraction = 0.0;
    };

    size_t take(const gr_complex* in, size_t available);
    void note(const tag_t& tag);
    void note_time(const tag_t& tag);
    instant time_at(uint64_t sample) const;
    void place_tags(uint64_t vector);
    void compute(float* out);
    void advance();

    const size_t d_fft_size;
    const size_t d_hop;
    const size_t d_average;
    const size_t d_stride; // samples between the starts of vectors
    const size_t d_span;   // samples that a vector is made of
    const float d_scale;

    gr::fft::fft_complex_fwd d_fft;
    volk::vector<float> d_window;
    volk::vector<gr_complex> d_samples; // [span], of the vector in the making
    volk::vector<float> d_power;        // [N] of one spectrum, in the FFT's order
    volk::vector<float> d_sum;          // [N]
    size_t d_filled = 0;
    size_t d_skip = 0;    // samples to pass over before the next vector
    uint64_t d_start = 0; // first sample of the vector in the making

    double d_rate;
    double d_frequency; // NaN: not told yet
    bool d_has_time = false;
    uint64_t d_time_sample = 0; // the sample that d_time dates
    instant d_time;
    uint64_t d_break =
        0; // the stream is not continuous between this sample and the one before
    std::vector<tag_t> d_tags;
    std::vector<tag_t> d_waiting; // tags of samples of the vector in the making
};

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_POWER_SPECTRUM_IMPL_H */
