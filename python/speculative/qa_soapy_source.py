#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""soapy_source around a radio that does as it is told: losses and retunes, to the sample."""

import sys
from itertools import pairwise
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pmt
from gnuradio import blocks, gr, gr_unittest, speculative

N = 1024
RATE = 1e6
OVERFLOW, TIMEOUT, ERROR = -4, -1, -2


class Radio:
    """Reads of `script`: a number of samples, or an error code; then errors, so that the stream ends."""

    def __init__(self, script, clock=True):
        self.script, self.clock = list(script), clock
        self.tuned = []
        self.taken = 0  # samples of the air

    def readStream(self, stream, buffers, n, timeoutUs):
        step = self.script.pop(0) if self.script else ERROR
        if step < 0:
            if step == OVERFLOW:
                self.taken += 5000
            return SimpleNamespace(ret=step, flags=0, timeNs=0)
        n = min(n, step)
        if n < step:
            self.script.insert(0, step - n)
        buffers[0][:n] = self.tuned[-1]
        at = self.taken
        self.taken += n
        return SimpleNamespace(ret=n, flags=4 if self.clock else 0, timeNs=round(at / RATE * 1e9) + 10**9)

    def setFrequency(self, direction, channel, hz):
        self.tuned.append(hz)

    def getSampleRate(self, direction, channel):
        return RATE

    def activateStream(self, stream):
        return 0

    def __getattr__(self, name):  # setters that need do nothing
        return lambda *_: None


def soapy(radio):
    def make(arguments):
        if arguments != "driver=test":
            raise RuntimeError("no match")
        return radio

    device = mock.Mock(side_effect=make)
    device.enumerate = lambda: ["{driver=test, serial=7}"]
    return SimpleNamespace(
        Device=device,
        SOAPY_SDR_RX=1,
        SOAPY_SDR_CF32="CF32",
        SOAPY_SDR_HAS_TIME=4,
        SOAPY_SDR_OVERFLOW=OVERFLOW,
        SOAPY_SDR_TIMEOUT=TIMEOUT,
    )


class qa_soapy_source(gr_unittest.TestCase):
    def setUp(self):
        gr.logging().set_default_level(gr.log_levels.warn)

    def make(self, radio, frequencies=(1e8,), **options):
        with mock.patch.dict(sys.modules, {"SoapySDR": soapy(radio)}):
            return speculative.soapy_source("driver=test", RATE, frequencies, **options)

    def run_radio(self, radio, frequencies=(1e8,), **options):
        """Samples, tags as (sample, key), and the source."""
        source, sink, tb = self.make(radio, frequencies, **options), blocks.vector_sink_c(), gr.top_block()
        tb.connect(source, sink)
        with self.assertLogs("gnuradio.speculative.soapy_source", "ERROR"):
            tb.run()
        tags = [(tag.offset, pmt.symbol_to_string(tag.key), tag.value) for tag in sink.tags()]
        return np.array(sink.data()), tags, source

    def times(self, tags):
        read = lambda v: pmt.to_uint64(pmt.tuple_ref(v, 0)) + pmt.to_double(pmt.tuple_ref(v, 1))  # noqa: E731
        return [(offset, round((read(value) - 1) * RATE)) for offset, key, value in tags if key == "rx_time"]

    def test_the_first_sample_is_tagged_and_timeouts_lose_nothing(self):
        samples, tags, source = self.run_radio(Radio([1000, TIMEOUT, 500, 0, 20]))
        self.assertEqual((len(samples), source.losses), (1520, 0))
        self.assertEqual([tag[:2] for tag in tags], [(0, "rx_time"), (0, "rx_rate"), (0, "rx_freq")])

    def test_a_loss_is_dated(self):
        _, tags, source = self.run_radio(Radio([1000, OVERFLOW, 500]))
        self.assertEqual(source.losses, 1)
        self.assertEqual(self.times(tags), [(0, 0), (1000, 6000)])

    def test_a_loss_makes_its_vector_invalid_and_dates_the_next(self):
        for clock in (True, False):
            tb, results = gr.top_block(), []
            source = self.make(Radio([2500, OVERFLOW, 2 * N], clock))
            classifier = speculative.spectrum_classifier(RATE)
            sink = speculative.result_sink(results.append)
            tb.connect(source, classifier)
            tb.msg_connect(classifier, "results", sink, "results")
            with self.assertLogs("gnuradio.speculative.soapy_source", "ERROR"):
                tb.run()
            self.assertEqual(classifier.counters()["invalid"], 1)
            self.assertEqual([r["offset"] for r in results], [0, 1, 3])
            if clock:
                when = results[2]["rx_time"][0] + results[2]["rx_time"][1] - 1
                self.assertAlmostEqual(when, (3 * N + 5000) / RATE, 6)

    def test_a_scan_stays_its_dwell_and_blanks_the_settling(self):
        radio = Radio([100_000])
        samples, tags, _ = self.run_radio(radio, (1e8, 2e8, 3e8), dwell=0.01, settle=0.002)
        self.assertEqual(radio.tuned[:5], [1e8, 2e8, 3e8, 1e8, 2e8])
        retunes = [(offset, pmt.to_double(value)) for offset, key, value in tags if key == "rx_freq"]
        self.assertEqual(retunes[:4], [(0, 1e8), (10_000, 2e8), (22_000, 3e8), (34_000, 1e8)])
        for (start, hz), (stop, _) in pairwise(retunes):
            settled = start + (2000 if start else 0)
            self.assertTrue(np.all(np.isnan(samples[start:settled])))
            self.assertTrue(np.all(samples[settled:stop] == np.complex64(hz)))
        self.assertEqual(self.times(tags)[1], (10_000, 10_000))

    def test_refuses_what_is_out_of_range_or_not_there(self):
        radio = Radio([])
        for options, name in (
            ({"frequencies": []}, "frequencies"),
            ({"frequencies": [-1.0]}, "frequencies"),
            ({"dwell": 0}, "dwell"),
            ({"settle": -1}, "settle"),
        ):
            with self.assertRaisesRegex(ValueError, name):
                self.make(radio, **options)
        with (
            mock.patch.dict(sys.modules, {"SoapySDR": soapy(radio)}),
            self.assertRaisesRegex(RuntimeError, "serial=7"),
        ):
            speculative.soapy_source("driver=other", RATE, [1e8])
        with (
            mock.patch.dict(sys.modules, {"SoapySDR": None}),
            self.assertRaisesRegex(RuntimeError, "python3-soapysdr"),
        ):
            speculative.soapy_source("driver=test", RATE, [1e8])


if __name__ == "__main__":
    gr_unittest.run(qa_soapy_source)
