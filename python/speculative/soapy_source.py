# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The block soapy_source: a radio behind SoapySDR that says when it lost samples, and can scan."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pmt
from gnuradio import gr

log = logging.getLogger(__name__)

_TIMEOUT_US = 100_000
_PATIENCE_S = 0.5  # of one call to work
_MAX_ERRORS = 50  # in a row, before the stream ends
_TAGS = {name: pmt.intern(name) for name in ("rx_time", "rx_rate", "rx_freq")}


class soapy_source(gr.sync_block):
    """Complex samples of a receiver, through the SoapySDR Python bindings (Debian: python3-soapysdr).

    Unlike gr-soapy's source it tags: rx_time, rx_rate and rx_freq on the first sample, after each retune, and
    after each loss that the driver reports, so that a classifier counts the vector in question as invalid and
    dates the next ones right. With several frequencies it stays `dwell` seconds at each, in turns.

    device: SoapySDR arguments, such as `driver=rtlsdr` or `driver=remote,remote=tcp://radio.example`
    sample_rate: Hz, > 0
    frequencies: Hz, one or more
    dwell: seconds at each, > 0; settle: seconds that are thrown away after a retune, ≥ 0
    gain: dB; None: the receiver's own control of gain
    antenna: name; empty: the receiver's first

    `overflows` counts losses. Raises ValueError for a value out of range, RuntimeError where SoapySDR is not
    installed or finds no such device, with those that it finds.
    """

    def __init__(
        self,
        device: str,
        sample_rate: float,
        frequencies: Sequence[float],
        dwell: float = 1.0,
        settle: float = 0.02,
        gain: float | None = None,
        antenna: str = "",
    ) -> None:
        for name, value in (("sample_rate", sample_rate), ("dwell", dwell)):
            if not 0 < value < math.inf:
                raise ValueError(f"{name} is {value}, expected a number above 0")
        if not 0 <= settle < math.inf:
            raise ValueError(f"settle is {settle}, expected seconds >= 0")
        if not frequencies or not all(0 <= f < math.inf for f in frequencies):
            raise ValueError(f"frequencies is {frequencies}, expected a list of Hz")
        gr.sync_block.__init__(self, "soapy_source", in_sig=None, out_sig=[np.complex64])
        self._soapy, self._device = _open(device)
        rx = self._soapy.SOAPY_SDR_RX
        self._device.setSampleRate(rx, 0, sample_rate)
        if antenna:
            self._device.setAntenna(rx, 0, antenna)
        if gain is None:
            if self._device.hasGainMode(rx, 0):
                self._device.setGainMode(rx, 0, True)
        else:
            self._device.setGain(rx, 0, gain)
        self._rate = float(self._device.getSampleRate(rx, 0))
        self._frequencies = [float(f) for f in frequencies]
        self._dwell = max(1, round(dwell * self._rate))
        self._settle = round(settle * self._rate)
        self._turn = -1
        self._left = 0  # samples until the next retune
        self._discard = 0
        self._mark = True  # the next sample does not follow from the one before
        self._errors = 0
        self.overflows = 0
        self._tune()
        self._discard = 0
        self._stream = self._device.setupStream(rx, self._soapy.SOAPY_SDR_CF32)

    def start(self) -> bool:
        self._mark = True
        return self._device.activateStream(self._stream) == 0

    def stop(self) -> bool:
        self._device.deactivateStream(self._stream)
        return True

    def work(self, input_items: list[np.ndarray], output_items: list[np.ndarray]) -> int:
        # GNU Radio pauses a source for a quarter of a second after each call that gives nothing, and the
        # driver would overflow meanwhile: go on reading until there is something.
        until = time.monotonic() + _PATIENCE_S
        n = 0
        while n == 0 and time.monotonic() < until:
            n = self._read(output_items[0])
        return n

    def _read(self, out: np.ndarray) -> int:
        if self._left == 0:
            self._tune()
        out = out[: self._discard or self._left]
        read = self._device.readStream(self._stream, [out], len(out), timeoutUs=_TIMEOUT_US)
        if read.ret <= 0:
            return self._failed(read.ret)
        self._errors = 0
        if self._discard:
            self._discard -= read.ret
            return 0
        if self._mark:
            self._tag(read)
        if len(self._frequencies) > 1:
            self._left -= read.ret
        return read.ret

    def _tune(self) -> None:
        self._turn = (self._turn + 1) % len(self._frequencies)
        self._device.setFrequency(self._soapy.SOAPY_SDR_RX, 0, self._frequencies[self._turn])
        self._left, self._discard, self._mark = self._dwell, self._settle, True

    def _tag(self, read: Any) -> None:
        if read.flags & self._soapy.SOAPY_SDR_HAS_TIME:
            seconds, nanoseconds = divmod(read.timeNs, 1_000_000_000)
        else:
            seconds, nanoseconds = divmod(time.time_ns() - round(read.ret / self._rate * 1e9), 1_000_000_000)
        offset = self.nitems_written(0)
        when = pmt.make_tuple(pmt.from_uint64(seconds), pmt.from_double(nanoseconds / 1e9))
        self.add_item_tag(0, offset, _TAGS["rx_time"], when)
        self.add_item_tag(0, offset, _TAGS["rx_rate"], pmt.from_double(self._rate))
        frequency = self._frequencies[self._turn]
        self.add_item_tag(0, offset, _TAGS["rx_freq"], pmt.from_double(frequency))
        self._mark = False

    def _failed(self, code: int) -> int:
        if code in (0, self._soapy.SOAPY_SDR_TIMEOUT):
            return 0
        self._mark = True  # whatever it was, samples are missing
        if code == self._soapy.SOAPY_SDR_OVERFLOW:
            self.overflows += 1
            return 0
        self._errors += 1
        if self._errors < _MAX_ERRORS:
            return 0
        log.error("the receiver fails again and again (SoapySDR error %d): is it unplugged?", code)
        return -1  # WORK_DONE


def _open(device: str) -> tuple[Any, Any]:
    try:
        import SoapySDR
    except ImportError:
        fix = "apt install python3-soapysdr and the module of your radio, such as soapysdr-module-rtlsdr"
        raise RuntimeError(f"SoapySDR's Python bindings are not installed: {fix}") from None
    try:
        return SoapySDR, SoapySDR.Device(device)
    except RuntimeError as error:
        found = [str(d) for d in SoapySDR.Device.enumerate()]
        there = "; ".join(found) or "none (plugged in? its SoapySDR module installed?)"
        raise RuntimeError(f"no radio {device!r} ({error}); those that SoapySDR finds: {there}") from None
