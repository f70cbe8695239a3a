# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Stand-ins for SoapySDR, gr-uhd and gr-osmosdr: noise, tagged as theirs is, with one loss; then it is unplugged."""

import threading
from types import SimpleNamespace

import numpy as np
import pmt
from gnuradio import gr

RATE = 1e6
BEFORE, LOST, AFTER = 10_000, 5_000, 50_000  # samples before a loss, lost, after it
CHUNK = 1000


def noise(n):
    return np.random.default_rng(n).normal(size=(n, 2)).astype(np.float32).view(np.complex64)[:, 0] / 10


class Air:
    """What a receiver hears, and to which frequencies it was tuned."""

    def __init__(self):
        self.given = 0
        self.tuned = []
        self.gain = self.antenna = None
        self.lock = threading.Lock()

    def read(self, at_most):
        """How many samples come next; 0: they are lost; -1: the end."""
        if self.given == BEFORE:
            self.given += LOST
            return 0
        stop = BEFORE if self.given < BEFORE else BEFORE + LOST + AFTER
        n = min(at_most, CHUNK, stop - self.given)
        self.given += n
        return n or -1

    def tune(self, hz, *_):
        self.tuned.append(hz)


def soapy(air):
    """The module SoapySDR."""

    def read_stream(stream, buffers, n, timeoutUs):
        at = air.given
        n = air.read(n)
        if n <= 0:
            return SimpleNamespace(ret=-4 if n == 0 else -3, flags=0, timeNs=0)
        buffers[0][:n] = noise(n)
        return SimpleNamespace(ret=n, flags=4, timeNs=round(at / RATE * 1e9) + 10**9)

    device = SimpleNamespace(
        readStream=read_stream,
        setFrequency=lambda direction, channel, hz: air.tune(hz),
        setSampleRate=lambda *_: None,
        getSampleRate=lambda *_: RATE,
        setAntenna=lambda direction, channel, name: setattr(air, "antenna", name),
        hasGainMode=lambda *_: False,
        setGain=lambda direction, channel, db: setattr(air, "gain", db),
        setupStream=lambda *_: object(),
        activateStream=lambda *_: 0,
        deactivateStream=lambda *_: 0,
    )
    return SimpleNamespace(
        Device=lambda arguments: device,
        SOAPY_SDR_RX=1,
        SOAPY_SDR_CF32="CF32",
        SOAPY_SDR_HAS_TIME=4,
        SOAPY_SDR_OVERFLOW=-4,
        SOAPY_SDR_TIMEOUT=-1,
    )


class receiver(gr.sync_block):
    """A block as gr-uhd's (tags) or gr-osmosdr's (none)."""

    def __init__(self, air, tags):
        gr.sync_block.__init__(self, "receiver", in_sig=None, out_sig=[np.complex64])
        self._air, self._tags, self._tag_now = air, tags, True
        self.set_max_output_buffer(2 * CHUNK)  # it does not run far ahead, as a radio cannot

    def work(self, input_items, output_items):
        out = output_items[0]
        if (n := self._air.read(len(out))) == 0:
            self._tag_now, n = True, self._air.read(len(out))
        if n < 0:
            return -1
        out[:n] = noise(n)
        if self._tags and self._tag_now:
            at = (self._air.given - n) / RATE
            when = pmt.make_tuple(pmt.from_uint64(1), pmt.from_double(at))
            values = {"rx_time": when, "rx_rate": pmt.from_double(RATE)}
            values["rx_freq"] = pmt.from_double(self._air.tuned[-1])
            for key, value in values.items():
                self.add_item_tag(0, self.nitems_written(0), pmt.intern(key), value)
            self._tag_now = False
        return n

    def set_center_freq(self, hz):
        self._air.tune(hz)
        self._tag_now = True

    def set_samp_rate(self, hz):
        return RATE

    set_sample_rate = set_samp_rate

    def get_samp_rate(self):
        return RATE

    def set_gain(self, db):
        self._air.gain = db

    def set_normalized_gain(self, share):
        self._air.gain = share

    def set_gain_mode(self, automatic):
        self._air.gain = "automatic" if automatic else self._air.gain

    def set_antenna(self, name):
        self._air.antenna = name


def uhd(air):
    """The module gnuradio.uhd."""
    return SimpleNamespace(
        usrp_source=lambda device, stream_args: receiver(air, tags=True), stream_args=lambda cpu_format: None
    )


def osmosdr(air):
    """The module osmosdr."""
    return SimpleNamespace(source=lambda args: receiver(air, tags=False))
