# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Training examples: recorded, synthetic, and noise contexts under other rates, receivers and channels.

Every change is made on complex samples, where it is physical. Resampling keeps the bandwidth in Hz and
changes the bandwidth in bins, so that no class is tied to the rate of the one receiver that recorded it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .canvas import band_limited_resample, log_uniform
from .contract import LABELS, Preprocessing
from .data import Recording, spectra
from .impairments import Channel, Receiver, frequency_shift, multipath, sidebands, white_noise
from .preprocessing import pad_context, quantise, window
from .presence import LEAST, power_spectra, presence
from .signals import KINDS, modulate

Rng = np.random.Generator
# Samples, rate (Hz), noise power a sample, and by how much the rate is still to change, behind the receiver.
Drawn = tuple[np.ndarray, float, float, float]

VERSION = 9  # raise it when the same seed gives other examples: pools on disk are made anew
RESAMPLE = (0.4, 2.5)
# Hz at which receivers may see a class, half of them at a usual rate (signals.KINDS); noise is seen at all of them
RATES = {
    "noise": (100e3, 61.44e6),
    "ook_ism": (200e3, 4e6),
    "fsk_ism": (200e3, 4e6),
    "gfsk_1m": (2e6, 25e6),
    "oqpsk_154": (4e6, 25e6),
    "wifi_ofdm": (10e6, 50e6),
    "lte_ofdm": (1.2e6, 50e6),
    "adsb_1090": (2e6, 12e6),
}
# Share of each class in training: noise and ISM dominate most streams, LTE is the hardest, no class is rarer than 8 %.
SHARES = {"noise": 0.25, "ook_ism": 0.17, "fsk_ism": 0.13, "lte_ofdm": 0.11}
WIDE = {"wifi_ofdm", "lte_ofdm"}  # fill the band: little room for a frequency shift
CHEAP = {"ook_ism", "fsk_ism"}  # sent by the simplest of transmitters, often next to the receiver
PEAK_DB = (7.0, 55.0)  # level of the strongest bins above added noise
CLOSE_PEAK_DB = (7.0, 80.0)  # the same for CHEAP,
FAR_PEAK_DB = (12.0, 30.0)  # and for two in five of them: a weak narrow line is the likeliest of all signals
USUAL_RATES = sorted({rate for kind in KINDS.values() if kind.known for rate in kind.typical_rates})


@dataclass(frozen=True)
class Example:
    """values: uint8 [K, N] with db = offset + scale · value (as on the wire), label: index, rate: Hz."""

    values: np.ndarray
    scale: float
    offset: float
    label: int
    rate: float


class Sampler:
    """Draws balanced examples: first a class, then a device, then a recording of it, then a window.

    synthetic: share of examples made by signals.py where a class also has recordings; a class without any is
    all synthetic.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        context: int,
        fft_size: int = 1024,
        labels: tuple[str, ...] = LABELS,
        synthetic: float = 0.6,
    ) -> None:
        self._context, self._size, self._labels, self._synthetic = context, fft_size, labels, synthetic
        rest = [name for name in labels if name not in SHARES]
        left = 1 - sum(SHARES.get(name, 0.0) for name in labels)
        self._shares = np.array([SHARES.get(name, left / max(1, len(rest))) for name in labels])
        self._shares /= self._shares.sum()
        self._constants = Preprocessing()
        self._energy = float(np.sum(window(self._constants.window, fft_size).astype(np.float64) ** 2))
        self._spans: dict[str, dict[str, list[tuple[Recording, int, int]]]] = {}
        for recording in recordings:
            for span in recording.spans:
                groups = self._spans.setdefault(span.label, {})
                groups.setdefault(recording.group, []).append((recording, span.start, span.stop))

    def draw(self, rng: Rng) -> Example:
        """One example; the same generator state gives the same example."""
        label = self._labels[rng.choice(len(self._labels), p=self._shares)]
        while True:
            recorded = label in self._spans and rng.random() >= self._synthetic
            drawn = self._recorded(rng, label) if recorded else self._made(rng, label)
            if drawn is not None:
                return self._finish(rng, *drawn, label)

    def _recorded(self, rng: Rng, label: str) -> Drawn | None:
        spans = self._pick_group(rng, label)
        names = sorted({recording.name for recording, _, _ in spans})
        name = names[rng.integers(len(names))]
        spans = [s for s in spans if s[0].name == name]
        weights = np.array([stop - start for _, start, stop in spans], float)
        recording, start, stop = spans[rng.choice(len(spans), p=weights / weights.sum())]
        ratio = log_uniform(rng, *RESAMPLE) if rng.random() < 0.75 else 1.0
        # Some of the new band edges are filled; the others stay empty, as behind a receiver of more rate than band.
        over = ratio if ratio > 1 and rng.random() < 0.4 else 1.0
        rate = recording.sample_rate * ratio / over
        target = self._size / ratio  # input samples under the last output vector
        if label == "noise":  # all of the last vector must be noise
            if stop - start < target:
                return None
            end = int(rng.uniform(start + target, stop))
        else:  # the last vector is centred inside the span
            end = int(rng.uniform(start, stop) + target / 2)
        end = min(end, recording.samples)
        count = min(int(np.ceil(self._context * target)), end)
        x = recording.read(end - count, count)
        last = x[-int(target) :]
        before = _power(last)
        if rng.random() < 0.6:
            limit = 0.05 if label in WIDE else 0.2
            x = frequency_shift(x, 1.0, rng.uniform(-limit, limit))
        x = band_limited_resample(x, recording.sample_rate, rate)
        if len(x) < self._size:
            return None
        if label != "noise":
            inside = min(end, stop) - max(end - target, start)
            kept = _power(x[-int(self._size / over) :]) / max(before, 1e-20)
            # Off the grid or with less band the last vector may hold too little of the signal for its label.
            if inside < 0.5 * target or kept < LEAST or self._presence(last, recording, start, stop) < LEAST:
                return None
        band = min(1.0, over / ratio)  # what the recording fills of the new band
        if label != "noise" and rng.random() < 0.3:
            x = multipath(x, rng, rate, log_uniform(rng, 20e-9, 1e-6), rng.uniform(0, 15))
        if label != "noise" and rng.random() < 0.4:
            x, noise = self._bury(rng, x, label, band, _noise_in(rng, band, len(x)))
        else:
            noise = self._floor_power(x, band)
        if band < 1:
            x = x + white_noise(rng, len(x), noise / band * 10 ** (rng.uniform(-6, 3) / 10))
        if label == "noise" and rng.random() < 0.5:
            rate = _rate(rng, "noise")  # noise has no bandwidth of its own: any rate will do
        return x, rate, noise, over

    def _pick_group(self, rng: Rng, label: str) -> list[tuple[Recording, int, int]]:
        """Spans of a device drawn evenly; noise evenly over the classes whose recordings it comes from.

        Where one receiver recorded a class, its noise is what tells the class from the receiver.
        """
        groups = self._spans[label]
        names = list(groups)
        if label == "noise":
            sources = [name for name in self._spans if self._spans[name].keys() & groups.keys()]
            names = list(self._spans[sources[rng.integers(len(sources))]].keys() & groups.keys())
        return groups[sorted(names)[rng.integers(len(names))]]

    def _made(self, rng: Rng, label: str) -> Drawn | None:
        """A synthetic example, sometimes from a receiver that delivers more rate than band, or part of its band."""
        over = log_uniform(rng, *RESAMPLE) if rng.random() < 0.4 else 1.0
        count = int(np.ceil(self._context * self._size / min(1.0, over)))
        if label == "noise" and rng.random() < 0.5:
            return white_noise(rng, count), _rate(rng, "noise"), 1.0, over
        kind = label if label in KINDS else list(RATES)[rng.integers(1, len(RATES))]
        rate = _rate(rng, kind)
        signal = modulate(kind, rng, rate, count / rate)
        target = int(self._size / over)  # samples under the last vector
        on_air = np.sum(np.clip(signal.keyed, count - target, count) @ [-1, 1])
        if label == "noise":
            wanted = on_air == 0
        else:  # enough of a packet, and not the silence inside one (OFDM symbols without a carrier)
            long = on_air >= min(target / 4, 100e-6 * rate)
            wanted = long and _power(signal.samples[-target:]) > 0.1
        if not wanted:
            return None
        width = 2 * max(abs(signal.low), abs(signal.high))
        x = Channel.draw(rng, rate * min(1.0, over), width)(signal.samples, rng, rate)
        if label != "noise":
            x, noise = self._bury(rng, x, label, 1.0, self._receiver_noise(rng, rate, count))
            return x, rate, noise, over
        # silence after or between the packets of some signal
        noise = _power(x) / 10 ** (rng.uniform(-10, 30) / 10)
        return x + white_noise(rng, count, noise), rate, noise, over

    def _finish(self, rng: Rng, x: np.ndarray, rate: float, noise: float, over: float, label: str) -> Example:
        if rng.random() < 0.5:
            x = x.conj()  # high-side mixing inverts the spectrum
        if label in CHEAP and rng.random() < 0.3:
            x = sidebands(x, rng, rate, log_uniform(rng, 3e3, 0.45 * rate), rng.uniform(-45, -10))
        if label != "noise" and rng.random() < (0.3 if label in CHEAP else 0.15):
            # overload: odd harmonics and intermodulation
            parts = np.ascontiguousarray(x, np.complex64).view(np.float32)
            limit = np.max(np.abs(parts)) * np.float32(log_uniform(rng, 0.1, 0.9))
            x = np.clip(parts, -limit, limit).view(np.complex64)
        if rng.random() < 0.8:
            # Else two steady lines would be what FSK is.
            spurs = int(rng.integers(2, 7)) if label == "noise" and rng.random() < 0.3 else None
            x = Receiver.draw(rng, spurs)(x, rate, noise)
        if over != 1:
            x, rate = band_limited_resample(x, rate, rate * over), rate * over
            if rng.random() < 0.5:  # what the filter lets through, or a second converter adds
                x = x + white_noise(rng, len(x), over * noise * 10 ** (rng.uniform(-45, -10) / 10))
        x = x[-self._context * self._size :]
        x = x[len(x) % self._size :]  # the last vector ends with the samples
        db = spectra(x, self._size, self._constants)
        if rng.random() < 0.3:  # a stream that has just started
            db = db[-int(rng.integers(1, self._context + 1)) :]
        values, scale, offset = quantise(pad_context(db[None], self._context)[0])
        return Example(values, scale, offset, self._labels.index(label), rate)

    def _receiver_noise(self, rng: Rng, rate: float, count: int) -> np.ndarray:
        """Noise of mean power 1, complex64 [count]: half of it recorded, if the receiver drawn had about this rate,
        so that a real receiver's noise does not tell the classes with many recordings from those with few.

        A short run of it is repeated.
        """
        if "noise" in self._spans and rng.random() < 0.5:
            spans = self._pick_group(rng, "noise")
            recording, start, stop = spans[rng.integers(len(spans))]
            if RESAMPLE[0] <= rate / recording.sample_rate <= RESAMPLE[1]:
                x = recording.read(start, stop - start)
                x = np.resize(np.roll(x, rng.integers(len(x))), count)
                return x / np.float32(np.sqrt(_power(x)) or 1.0)
        return white_noise(rng, count)

    def _bury(
        self, rng: Rng, x: np.ndarray, label: str, band: float, noise: np.ndarray
    ) -> tuple[np.ndarray, float]:
        """Adds `noise`, of mean power 1 and in the middle `band` (0 … 1) of the band, so that the strongest five
        neighbouring bins of the last vector exceed it by what its class has; also returns its power (a sample)."""
        power = 10 ** (spectra(x[-self._size :], self._size, self._constants)[0].astype(np.float64) / 10)
        peak = np.max(np.convolve(power, np.ones(5) / 5, "valid"))
        levels = PEAK_DB
        if label in CHEAP:
            levels = FAR_PEAK_DB if rng.random() < 0.4 else CLOSE_PEAK_DB
        above = rng.uniform(*levels)
        level = band * peak / self._energy / 10 ** (above / 10)
        return x + noise * np.float32(np.sqrt(level)), level

    def _presence(self, last: np.ndarray, recording: Recording, start: int, stop: int) -> float:
        """How much of the signal of that span the samples hold (presence.py), beside its first 8192 samples."""
        size = len(last)
        run = power_spectra(recording.read(start, max(size, min(stop - start, 8192))), size)
        quiet = [span for span in recording.spans if span.label == "noise" and span.stop - span.start >= size]
        noise = [recording.read(span.start, min(span.stop - span.start, 8192)) for span in quiet[:4]]
        silence = np.concatenate([power_spectra(x, size) for x in noise]) if noise else run[:0]
        return float(presence(power_spectra(last, size), run, silence)[0]) if len(run) else 1.0

    def _floor_power(self, x: np.ndarray, band: float) -> float:
        """White-noise power (a sample) in `band` (0 … 1) of the last vector, below whose level a quarter of
        those bins stay."""
        db = spectra(x[-self._size :], self._size, self._constants)[0]
        return band * float(10 ** (np.percentile(db, 100 - 75 * band) / 10) / self._energy)


def _rate(rng: Rng, kind: str) -> float:
    """Hz: where receivers of this class, or of noise, run."""
    usual = USUAL_RATES if kind == "noise" else KINDS[kind].typical_rates
    return float(rng.choice(usual)) if rng.random() < 0.5 else log_uniform(rng, *RATES[kind])


def _noise_in(rng: Rng, band: float, count: int) -> np.ndarray:
    """White noise of mean power 1 in the middle `band` (0 … 1) of the band, complex64 [count]."""
    if band == 1:
        return white_noise(rng, count)
    x = white_noise(rng, int(np.ceil(band * count)) + 1)
    return band_limited_resample(x, band, 1.0)[:count]


def _power(x: np.ndarray) -> float:
    return float(np.mean(x.real**2 + x.imag**2))
