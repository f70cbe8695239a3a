# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The sheet of time on which a modulator draws its packets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from scipy.fft import next_fast_len
from scipy.ndimage import gaussian_filter1d
from scipy.signal import resample

Rng = np.random.Generator


class Canvas:
    """Samples 0 … n−1 at `rate`; packets may begin before 0 or end after n, what falls outside is cut off.

    samples: complex64 [n]
    keyed: list of (start, stop) in samples, stop exclusive: where a transmitter is keyed
    """

    def __init__(self, rate: float, n: int):
        self.rate = float(rate)
        self.n = int(n)
        self.duration = n / self.rate
        self.samples = np.zeros(self.n, np.complex64)
        self.keyed: list[tuple[int, int]] = []

    def schedule(self, rng: Rng, length: float, gap: tuple[float, float]) -> Iterator[float]:
        """Start times (s) of packets of `length` s with log-uniform gaps (s); the first may straddle 0."""
        start = rng.uniform(-0.8 * length, 0.1 * self.duration)
        while start < self.duration:
            yield start
            start += length + log_uniform(rng, *gap)

    def draw(
        self,
        start: float,
        length: float,
        waveform: Callable[[np.ndarray], np.ndarray],
        keyed: Iterable[tuple[float, float]] | None = None,
    ) -> None:
        """Add `waveform(t)` for `length` s from `start`; t: float64, s since `start`, evenly spaced.

        keyed: on-air intervals in s since `start`; by default the whole packet."""
        first = max(0, int(np.ceil(start * self.rate)))
        last = min(self.n, int(np.ceil((start + length) * self.rate)))
        if last <= first:
            return
        t = np.arange(first, last) / self.rate - start
        self.samples[first:last] += waveform(t).astype(np.complex64)
        for on, off in [(0.0, length)] if keyed is None else keyed:
            a = max(first, int((start + on) * self.rate))
            b = min(last, int(np.ceil((start + off) * self.rate)))
            if b > a:
                self.keyed.append((a, b))

    def paste(self, start: float, packet: np.ndarray, native_rate: float) -> None:
        """Add a packet sampled at `native_rate` (Hz), resampled to the canvas' rate."""
        packet = band_limited_resample(packet, native_rate, self.rate)
        first = round(start * self.rate)
        a, b = max(0, first), min(self.n, first + len(packet))
        if b > a:
            self.samples[a:b] += packet[a - first : b - first]
            self.keyed.append((a, b))


def log_uniform(rng: Rng, low: float, high: float) -> float:
    """A number in [low, high] whose logarithm is uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def band_limited_resample(x: np.ndarray, rate_in: float, rate_out: float) -> np.ndarray:
    """Fourier resampling, complex64; a lower `rate_out` keeps the middle of the band, as a receiver does."""
    if rate_in == rate_out:
        return x.astype(np.complex64)
    # The ratio is exact where n·rate_out/rate_in is whole; 64 zeros keep the wrap-around off the packet.
    n = 96 * next_fast_len(-(-(len(x) + 64) // 96))
    out = resample(np.pad(x, (0, n - len(x))), round(n * rate_out / rate_in))
    return out[: int(np.ceil(len(x) * rate_out / rate_in))].astype(np.complex64)


def fsk(t: np.ndarray, symbols: np.ndarray, baud: float, deviation: float, bt: float | None) -> np.ndarray:
    """Continuous-phase FSK at times t (s): symbols float [S], frequency = symbol × deviation (Hz).

    bt: 3 dB bandwidth × symbol time of a Gaussian filter on the frequency, or None."""
    edges = np.arange(len(symbols) + 1) / baud
    phase = np.interp(t, edges, np.concatenate([[0.0], np.cumsum(symbols) / baud])) * (2 * np.pi * deviation)
    if bt is not None and len(t) > 1:
        # σ of the Gaussian's impulse response: √ln2 / (2π·B). Filtering the phase is filtering the frequency.
        sigma = np.sqrt(np.log(2)) / (2 * np.pi * bt * baud) / (t[1] - t[0])
        phase = gaussian_filter1d(phase, sigma, mode="nearest")
    return np.exp(1j * phase)


def keying(t: np.ndarray, pulses: np.ndarray) -> np.ndarray:
    """On/off envelope at times t (s), averaged over each sample: pulses float [P, 2], (on, off) in s."""
    on_time = np.stack([np.zeros(len(pulses)), pulses[:, 1] - pulses[:, 0]], axis=1).ravel()
    step = t[1] - t[0] if len(t) > 1 else 1e-6
    edges = np.append(t, t[-1] + step) - step / 2
    return np.diff(np.interp(edges, pulses.ravel(), np.cumsum(on_time))) / step
