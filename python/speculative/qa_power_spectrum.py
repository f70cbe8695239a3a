#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""power_spectrum: equal to numpy for any hop and average, and tags to the sample."""

import numpy as np
import pmt
from gnuradio import blocks, fft, gr, gr_unittest, speculative

N = 64
RATE = 1000.0
WINDOW = fft.window.blackmanharris(N)


def tag(offset, key, value):
    made = gr.tag_t()
    made.offset, made.key, made.value = offset, pmt.intern(key), value
    return made


def time(seconds, fraction):
    return pmt.make_tuple(pmt.from_uint64(seconds), pmt.from_double(fraction))


class qa_power_spectrum(gr_unittest.TestCase):
    def spectra(self, samples, hop=0, average=1, tags=(), chunk=None):
        """[n, N] power, and the output's tags."""
        tb = gr.top_block()
        source = blocks.vector_source_c(samples.tolist(), False, 1, list(tags))
        if chunk:
            source.set_max_noutput_items(chunk)
        block = speculative.power_spectrum(WINDOW, RATE, hop, average)
        sink = blocks.vector_sink_f(N)
        tb.connect(source, block, sink)
        tb.run()
        return np.array(sink.data()).reshape(-1, N), sink.tags()

    def invalid(self, *args, **options):
        spectra, tags = self.spectra(*args, **options)
        broken = np.isnan(spectra)
        self.assertTrue(np.all(broken.all(axis=1) == broken.any(axis=1)))
        return np.flatnonzero(broken.any(axis=1)).tolist(), tags

    def test_equals_numpy_for_any_hop_average_and_cut(self):
        rng = np.random.default_rng(1)
        samples = (rng.normal(size=5000) + 1j * rng.normal(size=5000)).astype(np.complex64)
        for hop in (1, 17, N // 2, N, N + 5, 3 * N):
            for average in (1, 2, 7):
                n = (len(samples) - (N + hop * (average - 1))) // (hop * average) + 1
                starts = hop * np.arange(n * average)
                frames = np.stack([samples[s : s + N] for s in starts]) * WINDOW
                power = np.abs(np.fft.fftshift(np.fft.fft(frames), axes=1)) ** 2
                expected = power.reshape(n, average, N).mean(axis=1) / np.sum(WINDOW) ** 2
                for chunk in (None, 13):
                    found, _ = self.spectra(samples, hop, average, chunk=chunk)
                    self.assertEqual(found.shape, expected.shape, (hop, average))
                    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=1e-7)

    def test_full_scale_tone_has_power_one_above_the_middle(self):
        tone = np.exp(2j * np.pi * 5 / N * np.arange(N))
        spectra, _ = self.spectra(tone)
        self.assertEqual(np.argmax(spectra[0]), N // 2 + 5)
        self.assertAlmostEqual(spectra[0].max(), 1.0, 5)

    def test_a_retune_breaks_the_vectors_that_straddle_it(self):
        samples = np.ones(10 * N, np.complex64)
        for sample, hop, average, expected in (
            (3 * N, N, 1, []),  # between two vectors
            (3 * N + 1, N, 1, [3]),
            (4 * N - 1, N, 1, [3]),
            (3 * N, N // 2, 1, [5]),
            (3 * N + 1, N // 2, 1, [5, 6]),
            (3 * N + 1, N // 4, 1, [9, 10, 11, 12]),
            (5 * N, N, 4, [1]),  # between two spectra of one average
            (N + 10, 2 * N, 1, []),  # where samples are skipped
        ):
            tags = [tag(0, "rx_freq", pmt.from_double(1e6)), tag(sample, "rx_freq", pmt.from_double(2e6))]
            broken, found = self.invalid(samples, hop, average, tags)
            self.assertEqual(broken, expected, (sample, hop, average))
            stride, span = hop * average, hop * (average - 1) + N
            first = next(v for v in range(100) if v * stride + span > sample)
            self.assertEqual([t.offset for t in found], [0, first])

    def test_the_same_frequency_again_breaks_nothing(self):
        tags = [tag(s, "rx_freq", pmt.from_double(1e6)) for s in (0, N + 3, 3 * N + 7)]
        self.assertEqual(self.invalid(np.ones(5 * N, np.complex64), tags=tags)[0], [])

    def test_a_change_of_rate_breaks_and_an_unusable_one_does_not(self):
        samples = np.ones(6 * N, np.complex64)
        for value, expected in ((500.0, [2]), (RATE, []), (-1.0, []), (float("nan"), [])):
            tags = [tag(2 * N + 5, "rx_rate", pmt.from_double(value))]
            self.assertEqual(self.invalid(samples, tags=tags)[0], expected)

    def test_time_is_that_of_the_first_sample(self):
        tags = [tag(0, "rx_time", time(10, 0.5))]
        tags += [tag(2 * N + 10, "rx_time", time(10, 0.5 + (2 * N + 10) / RATE))]  # no sample lost
        broken, found = self.invalid(np.ones(5 * N, np.complex64), tags=tags)
        self.assertEqual(broken, [])
        self.assertEqual([t.offset for t in found], [0, 2])
        self.assertEqual(pmt.to_uint64(pmt.tuple_ref(found[1].value, 0)), 10)
        self.assertAlmostEqual(pmt.to_double(pmt.tuple_ref(found[1].value, 1)), 0.5 + 2 * N / RATE, 9)

    def test_lost_samples_break_their_vector_and_redate_the_next(self):
        lost = 3.0  # seconds
        at = 2 * N + 10
        tags = [tag(0, "rx_time", time(10, 0.5)), tag(at, "rx_time", time(13, 0.5 + at / RATE))]
        broken, found = self.invalid(np.ones(5 * N, np.complex64), tags=tags)
        self.assertEqual(broken, [2])
        told = pmt.to_uint64(pmt.tuple_ref(found[1].value, 0)) + pmt.to_double(
            pmt.tuple_ref(found[1].value, 1)
        )
        self.assertAlmostEqual(told, 10.5 + lost + 2 * N / RATE, 9)

    def test_other_tags_go_along_and_a_damaged_time_does_not(self):
        tags = [tag(N + 1, "burst", pmt.PMT_T), tag(N + 2, "rx_time", pmt.from_long(3))]
        _, found = self.invalid(np.ones(3 * N, np.complex64), tags=tags)
        self.assertEqual([(t.offset, pmt.symbol_to_string(t.key)) for t in found], [(1, "burst")])

    def test_refuses_what_is_out_of_range(self):
        for arguments, name in (
            (([1.0] * 63, RATE), "window"),
            (([], RATE), "window"),
            (([0.0] * 64, RATE), "window"),
            (([float("nan")] * 64, RATE), "window"),
            ((WINDOW, 0.0), "sample_rate"),
            ((WINDOW, float("inf")), "sample_rate"),
            ((WINDOW, RATE, 1 << 31), "hop"),
            ((WINDOW, RATE, 0, 0), "average"),
            ((WINDOW, RATE, 0, 1025), "average"),
        ):
            with self.assertRaisesRegex(ValueError, name):
                speculative.power_spectrum(*arguments)


if __name__ == "__main__":
    gr_unittest.run(qa_power_spectrum)
