# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The block soapy_source: a radio behind SoapySDR that says when it lost samples, and can scan."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pmt
from gnuradio import gr

from .scan_plan import ScanPlan

log = logging.getLogger(__name__)

_TIMEOUT_US = 100_000
_PATIENCE_S = 0.5  # of one call to work
_MAX_ERRORS = 50  # in a row, before the stream ends
_TAGS = {name: pmt.intern(name) for name in ("rx_time", "rx_rate", "rx_freq")}


class soapy_source(gr.sync_block):
    """Complex samples of a receiver, through the SoapySDR Python bindings (Debian: python3-soapysdr).

    It tags rx_time, rx_rate and rx_freq on the first sample, after each retune, and after each loss that the
    driver reports, so that a classifier counts the vector in question as invalid and dates the next ones right;
    gr-soapy's source tells the time only where the receiver has a clock of its own. With several frequencies it
    stays `dwell` seconds at each, in turns; samples that come while the receiver settles after a retune are NaN,
    so that their vectors count as invalid.

    device: SoapySDR arguments, such as `driver=rtlsdr` or `driver=remote,remote=tcp://radio.example`
    sample_rate: Hz, > 0
    frequencies: Hz, one or more
    dwell: seconds at each, > 0; settle: seconds that go by after a retune before samples count, ≥ 0: the
        receiver's own time and what its driver still holds (SoapyRTLSDR: up to two buffers of 131072 samples)
    gain: dB; None: the receiver's own control of gain
    antenna: name; empty: the receiver's first

    `sample_rate`: what the receiver really has; `losses` counts overflows. Raises ValueError for a value out of
    range, RuntimeError where SoapySDR is not installed or finds no such device, with those that it finds.
    """

    def __init__(
        self,
        device: str,
        sample_rate: float,
        frequencies: Sequence[float],
        dwell: float = 1.0,
        settle: float = 0.15,
        gain: float | None = None,
        antenna: str = "",
    ) -> None:
        ScanPlan(frequencies, sample_rate, dwell, settle)  # complains before a radio is opened
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
        self.sample_rate = float(self._device.getSampleRate(rx, 0))
        if not self.sample_rate > 0:
            raise RuntimeError(f"radio {device!r} takes no sample rate of {sample_rate:g} Hz: try another")
        self._plan = ScanPlan(frequencies, self.sample_rate, dwell, settle)
        self._mark = True  # the next sample does not follow from the one before
        self._errors = 0
        self.losses = 0
        self._device.setFrequency(rx, 0, self._plan.frequency)
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
        if self._plan.due:
            self._device.setFrequency(self._soapy.SOAPY_SDR_RX, 0, self._plan.retune())
            self._mark = True
        n, settling = self._plan.next(len(out))
        read = self._device.readStream(self._stream, [out[:n]], n, timeoutUs=_TIMEOUT_US)
        if read.ret <= 0:
            return self._failed(read.ret)
        self._errors = 0
        if self._mark:
            self._tag(read)
        if settling:
            out[: read.ret] = np.nan
        self._plan.advance(read.ret)
        return read.ret

    def _tag(self, read: Any) -> None:
        if read.flags & self._soapy.SOAPY_SDR_HAS_TIME:
            seconds, nanoseconds = divmod(read.timeNs, 1_000_000_000)
        else:
            seconds, nanoseconds = divmod(
                time.time_ns() - round(read.ret / self.sample_rate * 1e9), 1_000_000_000
            )
        offset = self.nitems_written(0)
        when = pmt.make_tuple(pmt.from_uint64(seconds), pmt.from_double(nanoseconds / 1e9))
        self.add_item_tag(0, offset, _TAGS["rx_time"], when)
        self.add_item_tag(0, offset, _TAGS["rx_rate"], pmt.from_double(self.sample_rate))
        self.add_item_tag(0, offset, _TAGS["rx_freq"], pmt.from_double(self._plan.frequency))
        self._mark = False

    def _failed(self, code: int) -> int:
        if code in (0, self._soapy.SOAPY_SDR_TIMEOUT):
            return 0
        self._mark = True  # whatever it was, samples are missing
        if code == self._soapy.SOAPY_SDR_OVERFLOW:
            self.losses += 1
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
