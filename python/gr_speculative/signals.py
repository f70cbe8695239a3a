# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Synthetic radio signals: one call for every kind, at any plausible sample rate.

    signal = modulate("ook_ism", np.random.default_rng(1), sample_rate=250e3, duration=0.2)
    signal.samples      complex64 [n], centred on 0 Hz, mean power 1 over the keyed samples, 0 between packets

`KINDS` holds the model's classes except `noise` (`known`), and kinds that no model may be trained on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.signal import firwin, resample_poly

from . import modulators, modulators_ofdm, modulators_unknown
from .canvas import Canvas, Rng

_ATTEMPTS = 32


@dataclass(frozen=True)
class Kind:
    """How a kind of signal is made.

    known: it is one of the model's labels
    min_rate: lowest sample rate (Hz) at which it can be made
    typical_rates: sample rates (Hz) at which receivers record it
    oversample: made this many times faster, then filtered, where its sidelobes would fold back
    """

    name: str
    known: bool
    min_rate: float
    typical_rates: tuple[float, ...]
    modulator: Callable[[Canvas, Rng], tuple[float, float, dict]]
    oversample: int = 1


@dataclass(frozen=True)
class Signal:
    """samples: complex64 [n]; keyed: int64 [b, 2], samples on air (start, stop), sorted, disjoint;
    low, high: occupied band (Hz from the centre); parameters: what was drawn."""

    samples: np.ndarray
    keyed: np.ndarray
    low: float
    high: float
    parameters: dict

    def bursts(self, max_gap: int) -> np.ndarray:
        """Keyed intervals joined over gaps of at most `max_gap` samples, int64 [b, 2]."""
        return join(self.keyed, max_gap)


def join(intervals: np.ndarray, max_gap: int) -> np.ndarray:
    """Sort intervals (int [b, 2]) and join those that overlap or lie at most `max_gap` apart."""
    intervals = np.asarray(intervals, np.int64).reshape(-1, 2)
    if len(intervals) == 0:
        return intervals
    intervals = intervals[np.argsort(intervals[:, 0], kind="stable")]
    reach = np.maximum.accumulate(intervals[:, 1])
    first = np.append(True, intervals[1:, 0] - reach[:-1] > max_gap)
    last = np.append(first[1:], True)
    return np.stack([intervals[first, 0], reach[last]], axis=1)


def _kinds() -> dict[str, Kind]:
    m, o, u = modulators, modulators_ofdm, modulators_unknown
    ism = (250e3, 1e6, 2e6)
    kinds = [
        Kind("ook_ism", True, 200e3, ism, m.ook_ism),
        Kind("fsk_ism", True, 200e3, ism, m.fsk_ism),
        Kind("gfsk_1m", True, 2e6, (2e6, 4e6, 10e6, 20e6), m.gfsk_1m, 2),
        Kind("oqpsk_154", True, 4e6, (4e6, 10e6, 20e6), m.oqpsk_154, 2),
        Kind("wifi_ofdm", True, 10e6, (20e6, 25e6, 40e6), o.wifi_ofdm),
        Kind("lte_ofdm", True, 1e6, (1.92e6, 2e6, 10e6, 19.2e6, 30.72e6), o.lte_ofdm),
        Kind("adsb_1090", True, 2e6, (2e6, 2.4e6, 4e6, 10e6), m.adsb_1090, 2),
        Kind("lora", False, 125e3, (250e3, 1e6, 2e6), u.lora),
        Kind("nfm", False, 50e3, ism, u.nfm),
        Kind("cw", False, 50e3, ism, u.cw),
        Kind("dmr", False, 50e3, ism, u.dmr),
        Kind("gsm", False, 400e3, (1e6, 2e6), u.gsm),
    ]
    return {kind.name: kind for kind in kinds}


KINDS: dict[str, Kind] = _kinds()


def check(kind: str, sample_rate: float) -> Kind:
    """The kind of that name, if it can be made at this rate (Hz); ValueError otherwise."""
    if kind not in KINDS:
        raise ValueError(f"unknown kind of signal {kind!r}: choose one of {', '.join(KINDS)}")
    if not KINDS[kind].min_rate <= sample_rate < np.inf:
        least = KINDS[kind].min_rate
        raise ValueError(f"{kind} needs a sample rate of at least {least:g} Hz, got {sample_rate:g}")
    return KINDS[kind]


def modulate(kind: str, rng: Rng, sample_rate: float, duration: float) -> Signal:
    """Draw `duration` seconds of a signal of this kind from `rng`. Short stretches may begin inside a packet.

    Raises ValueError for an unknown kind, a rate below the kind's `min_rate`, or a stretch too short."""
    made = check(kind, sample_rate)
    n = round(duration * sample_rate)
    if n < 1:
        raise ValueError(f"a duration of {duration:g} s at {sample_rate:g} Hz holds no sample")
    factor = made.oversample if sample_rate < 4 * made.min_rate else 1
    for _ in range(_ATTEMPTS):  # a short stretch can fall into a pause
        canvas = Canvas(sample_rate * factor, n * factor)
        low, high, parameters = made.modulator(canvas, rng)
        samples = _decimated(canvas.samples, factor)
        keyed = join(np.array(canvas.keyed, np.int64).reshape(-1, 2) // [factor, factor], 0)
        keyed = np.stack([keyed[:, 0], np.minimum(np.maximum(keyed[:, 1], keyed[:, 0] + 1), n)], axis=1)
        power = _keyed_power(samples, keyed)
        if power > 0:
            return Signal((samples / np.sqrt(power)).astype(np.complex64), keyed, low, high, parameters)
    raise ValueError(f"{kind} stayed silent in {_ATTEMPTS} attempts at {duration:g} s: ask for more")


def _decimated(samples: np.ndarray, factor: int) -> np.ndarray:
    if factor == 1:
        return samples
    taps = firwin(20 * factor + 1, 1 / factor, window=("kaiser", 5.0)).astype(np.float32)
    return resample_poly(samples, 1, factor, window=taps)


def _keyed_power(samples: np.ndarray, keyed: np.ndarray) -> float:
    """Mean power over the keyed intervals, 0 where there are none."""
    total = sum(float(np.vdot(samples[a:b], samples[a:b]).real) for a, b in keyed)
    return total / max(1, int(np.sum(keyed[:, 1] - keyed[:, 0])))
