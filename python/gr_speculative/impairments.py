# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""What the air and the receiver do to a signal. The functions map complex64 [n] to complex64 [n] and compose;
all randomness comes from the `rng` passed in. `Channel` and `Receiver` are random draws of the usual chain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.fft import fftshift, ifft, ifftshift
from scipy.ndimage import map_coordinates
from scipy.signal import lfilter, oaconvolve

from .canvas import Rng, log_uniform


def noise_power(snr_db: float, bandwidth: float, sample_rate: float) -> float:
    """Total noise power that gives a signal of power 1 an SNR of `snr_db` within its `bandwidth` (Hz)."""
    return 10 ** (-snr_db / 10) * sample_rate / min(bandwidth, sample_rate)


def white_noise(rng: Rng, n: int, power: float = 1.0) -> np.ndarray:
    """Circular white Gaussian noise of mean power `power`, complex64 [n]."""
    return (rng.standard_normal(2 * n, np.float32) * np.float32(np.sqrt(power / 2))).view(np.complex64)


def awgn(x: np.ndarray, rng: Rng, power: float) -> np.ndarray:
    """Add white Gaussian noise of total power `power` (see `noise_power`)."""
    return x + white_noise(rng, len(x), power)


def frequency_shift(x: np.ndarray, sample_rate: float, offset: float, drift: float = 0.0) -> np.ndarray:
    """Shift by `offset` Hz, drifting by `drift` Hz/s. What passes ±sample_rate/2 wraps, so filter first."""
    t = np.arange(len(x)) / sample_rate
    return (x * np.exp(2j * np.pi * (offset + 0.5 * drift * t) * t)).astype(np.complex64)


def phase_noise(x: np.ndarray, rng: Rng, sample_rate: float, linewidth: float) -> np.ndarray:
    """Multiply by a Wiener phase: a Lorentzian line of full width `linewidth` Hz at half power."""
    steps = rng.normal(0, np.sqrt(2 * np.pi * linewidth / sample_rate), len(x))
    return (x * np.exp(1j * np.cumsum(steps))).astype(np.complex64)


def sidebands(x: np.ndarray, rng: Rng, sample_rate: float, offset: float, level_db: float) -> np.ndarray:
    """Modulate by an oscillation of `offset` Hz, in amplitude or in phase: a line on each side, `level_db`
    over the carrier, as a transmitter's ripple or reference makes them. It drifts by up to a third of `offset`."""
    t = np.arange(len(x)) / sample_rate
    settle = log_uniform(rng, 100e-6, 10e-3)
    every = settle * log_uniform(rng, 0.3, 10)  # each time the transmitter is keyed
    since = (t + every * rng.random()) % every
    pull = rng.uniform(-1 / 3, 1 / 3) * settle * (1 - np.exp(-since / settle))
    wave = np.cos(2 * np.pi * (offset * (t + pull) + rng.random()))
    depth = 2 * 10 ** (level_db / 20)
    gain = 1 + depth * wave if rng.random() < 0.5 else np.exp(1j * depth * wave)
    return (x * gain).astype(np.complex64)


def iq_imbalance(x: np.ndarray, amplitude_db: float, phase_deg: float) -> np.ndarray:
    """Gain (dB) and phase (degrees) error between I and Q: puts an image at the mirrored frequency."""
    mismatch = 10 ** (amplitude_db / 20) * np.exp(1j * np.radians(phase_deg))
    return (0.5 * (1 + mismatch) * x + 0.5 * (1 - mismatch) * x.conj()).astype(np.complex64)


def image_rejection_db(amplitude_db: float, phase_deg: float) -> float:
    """How far (dB) the image of `iq_imbalance` lies below the signal."""
    mismatch = 10 ** (amplitude_db / 20) * np.exp(1j * np.radians(phase_deg))
    return float(20 * np.log10(abs(1 + mismatch) / max(abs(1 - mismatch), 1e-12)))


def dc_offset(x: np.ndarray, level: complex) -> np.ndarray:
    """Add a constant: the spike at 0 Hz of a direct-conversion receiver."""
    return x + np.complex64(level)


def quantise(x: np.ndarray, bits: int, full_scale: float) -> np.ndarray:
    """Clip I and Q at ±`full_scale` and round to 2^bits levels (mid-rise), keeping the scale."""
    step = np.float32(2 * full_scale / 2**bits)
    parts = np.ascontiguousarray(x, np.complex64).view(np.float32)
    top = 2 ** (bits - 1)
    return ((np.clip(np.floor(parts / step), -top, top - 1) + np.float32(0.5)) * step).view(np.complex64)


def multipath(
    x: np.ndarray, rng: Rng, sample_rate: float, delay_spread: float, k_db: float = 6.0
) -> np.ndarray:
    """Static channel: a direct path, `k_db` above echoes that decay over `delay_spread` s; mean gain 1."""
    n = int(np.clip(np.ceil(4 * delay_spread * sample_rate), 1, 256))
    decay = np.exp(-np.arange(n) / max(delay_spread * sample_rate, 1e-3))
    echoes = (rng.normal(size=n) + 1j * rng.normal(size=n)) * np.sqrt(decay / (2 * decay.sum()))
    k = 10 ** (k_db / 10)
    taps = echoes * np.sqrt(1 / (1 + k))
    taps[0] += np.sqrt(k / (1 + k)) * np.exp(2j * np.pi * rng.random())
    return oaconvolve(x, taps)[: len(x)].astype(np.complex64)


def fading(x: np.ndarray, rng: Rng, sample_rate: float, doppler: float, k_db: float = 6.0) -> np.ndarray:
    """Flat Rician fading of rate `doppler` Hz, direct path `k_db` above the scattered power; mean gain 1."""
    angles = rng.uniform(0, 2 * np.pi, (2, 16))  # sum of sinusoids (Jakes), slow enough for a coarse grid
    grid = np.linspace(0, len(x) / sample_rate, max(2, int(32 * doppler * len(x) / sample_rate)))
    waves = np.exp(1j * (2 * np.pi * doppler * np.cos(angles[0]) * grid[:, None] + angles[1])).sum(axis=1) / 4
    k = 10 ** (k_db / 10)
    gain = np.sqrt(k / (1 + k)) + np.sqrt(1 / (1 + k)) * waves
    t = np.arange(len(x)) / sample_rate
    return (x * (np.interp(t, grid, gain.real) + 1j * np.interp(t, grid, gain.imag))).astype(np.complex64)


def gain_steps(x: np.ndarray, rng: Rng, sample_rate: float, per_second: float, step_db: float) -> np.ndarray:
    """Gain that jumps at Poisson times (`per_second`), to levels that are Gaussian with σ = `step_db` dB."""
    count = rng.poisson(per_second * len(x) / sample_rate)
    edges = np.concatenate([[0], np.sort(rng.integers(0, len(x), count)), [len(x)]])
    gains = 10 ** (np.append(0, rng.normal(0, step_db, count)) / 20)
    return x * np.repeat(gains, np.diff(edges)).astype(np.float32)


def automatic_gain(x: np.ndarray, sample_rate: float, seconds: float, threshold: float) -> np.ndarray:
    """Turn the gain down while the power, smoothed over `seconds`, exceeds `threshold` (linear power)."""
    pole = np.exp(-1 / (seconds * sample_rate))
    power = lfilter([1 - pole], [1, -pole], x.real**2 + x.imag**2)
    return x * (1 / np.sqrt(1 + power / threshold)).astype(np.float32)


def receiver_filter(x: np.ndarray, passband: float, stop_db: float, tilt_db: float = 0.0) -> np.ndarray:
    """Band shape: flat to `passband` (0..1 of the half band), a raised-cosine skirt (in dB) to −`stop_db` at
    the edge, and a linear slope of `tilt_db` across the band."""
    f = np.arange(-128, 129) / 128.5
    skirt = np.clip((np.abs(f) - passband) / max(1 - passband, 1e-6), 0, 1)
    gain_db = -stop_db * 0.5 * (1 - np.cos(np.pi * skirt)) + 0.5 * tilt_db * f
    taps = fftshift(ifft(ifftshift(10 ** (gain_db / 20)))) * np.blackman(257)
    return oaconvolve(x, taps, mode="same").astype(np.complex64)


def clock_offset(x: np.ndarray, ppm: float) -> np.ndarray:
    """Sample as a clock that is `ppm` parts per million fast would (cubic interpolation), length kept."""
    at = np.arange(len(x)) / (1 + ppm * 1e-6)
    return map_coordinates(x, [at], order=3, mode="nearest").astype(np.complex64)


def spurs(
    x: np.ndarray, frequencies: np.ndarray, levels: np.ndarray, sample_rate: float, start: int = 0
) -> np.ndarray:
    """Add carriers (Hz, amplitudes); their phase runs on over blocks that begin at sample `start`."""
    out = x.copy()
    block = 4096  # e^(a+b) = e^a·e^b: two short tables instead of an exponential a sample
    starts = start + np.arange(0, len(x), block)
    for frequency, level in zip(frequencies, levels, strict=True):
        coarse = level * np.exp(2j * np.pi * ((frequency / sample_rate * starts) % 1.0))
        fine = np.exp(2j * np.pi * frequency / sample_rate * np.arange(block))
        out += np.outer(coarse.astype(np.complex64), fine.astype(np.complex64)).ravel()[: len(x)]
    return out


@dataclass(frozen=True)
class Channel:
    """What happens between one transmitter and the antenna. Frequencies in Hz."""

    offset: float = 0.0
    drift: float = 0.0
    linewidth: float = 0.0
    delay_spread: float = 0.0
    doppler: float = 0.0
    k_db: float = 6.0

    @staticmethod
    def draw(rng: Rng, sample_rate: float, bandwidth: float) -> Channel:
        """A plausible channel for a signal `bandwidth` wide: anywhere in the band that keeps it inside."""
        room = max(0.0, 0.45 * sample_rate - bandwidth / 2)
        return Channel(
            offset=rng.uniform(-room, room) * rng.random(),  # most receivers are tuned near their signal
            drift=rng.normal(0, 200.0),
            linewidth=log_uniform(rng, 0.1, 100.0) if rng.random() < 0.5 else 0.0,
            delay_spread=log_uniform(rng, 20e-9, 1e-6) if rng.random() < 0.6 else 0.0,
            doppler=log_uniform(rng, 0.5, 50.0) if rng.random() < 0.4 else 0.0,
            k_db=rng.uniform(0, 15),
        )

    def __call__(self, x: np.ndarray, rng: Rng, sample_rate: float) -> np.ndarray:
        if self.delay_spread * sample_rate > 0.1:
            x = multipath(x, rng, sample_rate, self.delay_spread, self.k_db)
        if self.doppler > 0:
            x = fading(x, rng, sample_rate, self.doppler, self.k_db)
        if self.linewidth > 0:
            x = phase_noise(x, rng, sample_rate, self.linewidth)
        return frequency_shift(x, sample_rate, self.offset, self.drift)


@dataclass(frozen=True)
class Receiver:
    """What one receiver does to all that it hears; levels in dB over the noise power in its band."""

    passband: float = 1.0
    stop_db: float = 0.0
    tilt_db: float = 0.0
    amplitude_db: float = 0.0
    phase_deg: float = 0.0
    dc_db: float | None = None
    dc_phase: float = 0.0
    spur_frequencies: tuple[float, ...] = ()  # fractions of the sample rate
    spur_db: tuple[float, ...] = ()
    gain_seconds: float | None = None  # time constant of an automatic gain control
    bits: int | None = None
    headroom_db: float = 40.0  # full scale above the noise

    @staticmethod
    def draw(rng: Rng, spurs: int | None = None) -> Receiver:
        """From a clean laboratory receiver to a cheap dongle; `spurs`: how many, by default as many as those have."""
        cheap = rng.random() < 0.6
        count = int(rng.poisson(1.0 if cheap else 0.3)) if spurs is None else spurs
        return Receiver(
            passband=rng.uniform(0.75, 0.98),
            stop_db=log_uniform(rng, 1, 15),
            tilt_db=rng.normal(0, 1.5),
            amplitude_db=rng.normal(0, 0.3 if cheap else 0.05),
            phase_deg=rng.normal(0, 2.0 if cheap else 0.3),
            dc_db=rng.uniform(-30, 5) if rng.random() < 0.7 else None,
            dc_phase=rng.uniform(0, 2 * np.pi),
            spur_frequencies=tuple(rng.uniform(-0.5, 0.5, count)),
            spur_db=tuple(rng.uniform(-35, -3, count)),  # the strongest 24 dB over the noise in its bins
            gain_seconds=log_uniform(rng, 20e-6, 20e-3) if rng.random() < 0.2 else None,
            bits=8 if cheap else int(rng.choice([10, 12, 16])),
            headroom_db=rng.uniform(18, 48),
        )

    def __call__(self, x: np.ndarray, sample_rate: float, noise: float = 1.0, start: int = 0) -> np.ndarray:
        """Receive `x`, which holds noise of total power `noise`; `start`: index of its first sample."""
        amplitude = np.sqrt(noise)
        if self.stop_db or self.tilt_db:
            x = receiver_filter(x, self.passband, self.stop_db, self.tilt_db)
        if self.gain_seconds is not None:
            x = automatic_gain(x, sample_rate, self.gain_seconds, 100 * noise)
        if self.spur_frequencies:
            levels = amplitude * 10 ** (np.array(self.spur_db) / 20)
            x = spurs(x, np.array(self.spur_frequencies) * sample_rate, levels, sample_rate, start)
        if self.amplitude_db or self.phase_deg:
            x = iq_imbalance(x, self.amplitude_db, self.phase_deg)
        if self.dc_db is not None:
            x = dc_offset(x, amplitude * 10 ** (self.dc_db / 20) * np.exp(1j * self.dc_phase))
        if self.bits is not None:
            x = quantise(x, self.bits, amplitude * 10 ** (self.headroom_db / 20))
        return x
