# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Receivers behind SoapySDR, UHD and gr-osmosdr, as a node's source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gnuradio import gr

from .scan_plan import ScanPlan
from .scan_tuner import scan_tuner
from .soapy_source import soapy_source


@dataclass(frozen=True)
class Tuning:
    """sample_rate, frequencies: Hz; dwell, settle: seconds, settle None: the usual time of such a receiver;
    gain: dB, None: automatic, or half of its range; antenna: empty: the receiver's first."""

    sample_rate: float
    frequencies: Sequence[float]
    dwell: float = 1.0
    settle: float | None = None
    gain: float | None = None
    antenna: str = ""

    def plan(self, settle: float, sample_rate: float | None = None) -> ScanPlan:
        """settle: seconds, where the user has said nothing."""
        settle = settle if self.settle is None else self.settle
        return ScanPlan(self.frequencies, sample_rate or self.sample_rate, self.dwell, settle)


@dataclass(frozen=True)
class Radio:
    """blocks: connected in this order; sample_rate: what the receiver really has, Hz."""

    blocks: list[gr.basic_block]
    sample_rate: float


def open_soapy(device: str, tuning: Tuning) -> Radio:
    """device: SoapySDR's arguments. It tags its losses and retunes itself. Raises RuntimeError, ValueError."""
    settle = {} if tuning.settle is None else {"settle": tuning.settle}
    block = soapy_source(
        device,
        tuning.sample_rate,
        tuning.frequencies,
        dwell=tuning.dwell,
        gain=tuning.gain,
        antenna=tuning.antenna,
        **settle,
    )
    return Radio([block], block.sample_rate)


def open_uhd(device: str, tuning: Tuning) -> Radio:
    """device: UHD's arguments, such as addr=192.168.10.2. gr-uhd tags rx_time anew after each overflow, so that
    the gap is seen. Raises RuntimeError, ValueError."""
    try:
        from gnuradio import uhd
    except ImportError:
        raise RuntimeError("gr-uhd is not installed: apt install gnuradio uhd-host") from None
    tuning.plan(0.0)  # complains before a radio is opened
    try:
        radio = uhd.usrp_source(device, uhd.stream_args(cpu_format="fc32"))
    except RuntimeError as error:
        fix = "connect it, and see whether uhd_find_devices (apt install uhd-host) finds it"
        raise RuntimeError(f"no USRP {device!r} ({_line(error)}): {fix}") from None
    radio.set_samp_rate(tuning.sample_rate)
    if tuning.gain is None:
        radio.set_normalized_gain(0.5)
    else:
        radio.set_gain(tuning.gain)
    if tuning.antenna:
        radio.set_antenna(tuning.antenna)
    # What GNU Radio's buffers and the driver hold, and the synthesiser.
    return _scanning(radio, float(radio.get_samp_rate()), tuning, settle=0.05, tag=False)


def open_osmosdr(device: str, tuning: Tuning) -> Radio:
    """device: gr-osmosdr's arguments, such as rtl=0. Few of its drivers tag; most print an O to the terminal where
    they lose samples, and nobody else is told. Raises RuntimeError, ValueError."""
    try:
        import osmosdr
    except ImportError:
        raise RuntimeError("gr-osmosdr is not installed: apt install gr-osmosdr") from None
    tuning.plan(0.0)
    try:
        radio = osmosdr.source(args=f"numchan=1 {device}")
    except RuntimeError as error:
        fix = "connect it, and see whether `osmocom_fft` finds it"
        raise RuntimeError(f"no radio {device!r} ({_line(error)}): {fix}") from None
    rate = float(radio.set_sample_rate(tuning.sample_rate))
    if tuning.gain is None:
        radio.set_gain_mode(True)
    else:
        radio.set_gain_mode(False)
        radio.set_gain(tuning.gain)
    if tuning.antenna:
        radio.set_antenna(tuning.antenna)
    # Its driver of RTL-SDRs holds three buffers of 131072 samples back.
    return _scanning(radio, rate, tuning, settle=0.4, tag=True)


def _scanning(radio: gr.basic_block, rate: float, tuning: Tuning, settle: float, tag: bool) -> Radio:
    plan = tuning.plan(settle, rate)
    radio.set_center_freq(plan.frequency)
    return Radio([radio, scan_tuner(radio.set_center_freq, plan, tag)], rate)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
