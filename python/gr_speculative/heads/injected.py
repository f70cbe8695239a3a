# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Anomalies with known truth, put into recorded contexts: spurs, images, jammers, replays, and unknown
signals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gr_speculative.canvas import Rng, band_limited_resample
from gr_speculative.contract import Preprocessing
from gr_speculative.data import spectra
from gr_speculative.impairments import Channel, clock_offset, dc_offset, iq_imbalance, quantise, white_noise
from gr_speculative.preprocessing import noise_floor, window
from gr_speculative.signals import KINDS, modulate

UNKNOWN_KINDS = tuple(name for name, kind in KINDS.items() if not kind.known)
_PREPROCESSING = Preprocessing()
_ATTEMPTS = 64


def floor_power(x: np.ndarray, size: int = 1024) -> float:
    """Noise power a sample below the signals of x, complex64 [n], from the contract's noise floor."""
    floor = noise_floor(spectra(x, size, _PREPROCESSING), _PREPROCESSING).min()
    return float(10 ** (floor / 10) / np.sum(window(_PREPROCESSING.window, size).astype(np.float64) ** 2))


def spur(rng: Rng, x: np.ndarray, rate: float) -> np.ndarray:
    """A tone 10 to 25 dB over the floor of its bin."""
    w = window(_PREPROCESSING.window, 1024).astype(np.float64)
    gain = np.sum(w) ** 2 / np.sum(w**2)
    amplitude = np.sqrt(floor_power(x) * 10 ** (rng.uniform(10, 25) / 10) / gain)
    phase = 2 * np.pi * (rng.uniform(-0.48, 0.48) * np.arange(len(x)) + rng.random())
    return (x + amplitude * np.exp(1j * phase)).astype(np.complex64)


def image(rng: Rng, x: np.ndarray, rate: float) -> np.ndarray:
    """The band mirrored about its centre, 6 to 20 dB down."""
    return (x + np.conj(x) * 10 ** (-rng.uniform(6, 20) / 20)).astype(np.complex64)


def jammer(rng: Rng, x: np.ndarray, rate: float) -> np.ndarray:
    """Noise over 5 to 40 % of the band, or a sweep over all of it, 10 to 25 dB over the floor, from a random
    moment."""
    n, level = len(x), floor_power(x) * 10 ** (rng.uniform(10, 25) / 10)
    if rng.random() < 0.5:
        share = rng.uniform(0.05, 0.4)
        y = band_limited_resample(white_noise(rng, int(np.ceil(n * share)) + 64), share, 1.0)[:n] * np.sqrt(
            share
        )
        y = np.pad(y, (0, n - len(y))) * np.sqrt(level)
        y = y * np.exp(2j * np.pi * rng.uniform(-0.3, 0.3) * np.arange(n))
    else:
        period = rng.uniform(500, 20_000)
        ramp = (np.arange(n) / period + rng.random()) % 1 - 0.5
        y = np.sqrt(level * 20) * np.exp(2j * np.pi * np.cumsum(0.9 * ramp))
    y[: int(rng.uniform(0, 0.5) * n)] = 0
    return (x + y).astype(np.complex64)


def replay(rng: Rng, x: np.ndarray, rate: float) -> np.ndarray:
    """The same samples recorded and sent again: the recorder's narrower band, few bits, carrier leak, image
    and clock, and its noise on top of the receiver's."""
    band = rng.uniform(0.5, 0.9)
    narrow = band_limited_resample(x, 1.0, band)
    again = np.resize(band_limited_resample(narrow, band, 1.0), len(x))
    again = quantise(again, int(rng.integers(5, 9)), float(np.abs(again).max()) + 1e-12)
    again = iq_imbalance(again, rng.uniform(0.1, 1), rng.uniform(1, 5))
    again = dc_offset(again, 10 ** (-rng.uniform(20, 35) / 20) * float(np.abs(again).max()) + 0j)
    again = np.resize(clock_offset(again, rng.normal(0, 20)), len(x))
    noise = floor_power(x) * 10 ** (-rng.uniform(3, 12) / 10)
    return (again + white_noise(rng, len(x), noise)).astype(np.complex64)


INJECTIONS: dict[str, Callable[[Rng, np.ndarray, float], np.ndarray]] = {
    "spur": spur,
    "image": image,
    "jammer": jammer,
    "replay": replay,
}


def unknown(rng: Rng, kind: str, context: int, size: int = 1024) -> tuple[np.ndarray, float]:
    """A context of one of UNKNOWN_KINDS with its last vector on air, 5 to 25 dB over the noise in its own
    band; samples, complex64 [context · size], and rate, Hz."""
    rate = float(rng.choice(KINDS[kind].typical_rates))
    n = context * size
    for _ in range(_ATTEMPTS):  # a long packet's pauses are long, too
        signal = modulate(kind, rng, rate, 4 * n / rate)
        ends = signal.keyed[signal.keyed[:, 1] >= n, 1]
        if len(ends):
            break
    else:
        raise ValueError(f"{kind} was never on air in {_ATTEMPTS} attempts at {rate:g} Hz")
    end = int(rng.choice(ends))
    channel = Channel.draw(rng, rate, signal.high - signal.low)
    x = channel(signal.samples[end - n : end], rng, rate)
    share = min((signal.high - signal.low) / rate, 1.0)
    return (x + white_noise(rng, n, 10 ** (-rng.uniform(5, 25) / 10) / share)).astype(np.complex64), rate
