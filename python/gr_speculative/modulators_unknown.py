# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Signals of no class. Never train on them: they test how a model meets the unknown."""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, sosfilt

from .canvas import Canvas, Rng, fsk, log_uniform
from .modulators import Occupied


def lora(canvas: Canvas, rng: Rng) -> Occupied:
    """LoRa-like chirps: 125, 250 or 500 kHz, spreading factor 7–12, preamble with two down-chirps."""
    widths = [w for w in (125e3, 250e3, 500e3) if w <= canvas.rate]
    width, factor = float(rng.choice(widths)), int(rng.integers(7, 13))
    chips = 2**factor
    symbol = chips / width
    n_payload = int(rng.integers(10, 40))
    length = (10 + n_payload) * symbol
    for start in canvas.schedule(rng, length, (20e-3, 1.0)):
        shifts = np.concatenate([np.zeros(10), rng.integers(0, chips, n_payload)]) / chips
        slope = np.where((np.arange(len(shifts)) >= 8) & (np.arange(len(shifts)) < 10), -1.0, 1.0)

        def waveform(t: np.ndarray, shifts=shifts, slope=slope) -> np.ndarray:
            k = np.minimum((t / symbol).astype(np.int64), len(shifts) - 1)
            u = (t / symbol - k + shifts[k]) % 1.0  # 0..1 across the band, wrapping inside the symbol
            return np.exp(2j * np.pi * np.cumsum(slope[k] * (u - 0.5) * width / canvas.rate))

        canvas.draw(start, length, waveform)
    return -width / 2, width / 2, {"width_hz": width, "spreading_factor": factor}


def nfm(canvas: Canvas, rng: Rng) -> Occupied:
    """Narrow-band FM with something like speech: 300–3000 Hz, syllables, pauses; deviation 2.5 or 5 kHz."""
    deviation = float(rng.choice([2.5e3, 5e3]))
    audio_rate = 16e3

    def waveform(t: np.ndarray) -> np.ndarray:
        n = int((t[-1] - t[0]) * audio_rate) + 16
        band = butter(2, [300, 3000], "bandpass", fs=audio_rate, output="sos")
        slow = butter(2, 4, fs=audio_rate, output="sos")
        syllables = np.abs(sosfilt(slow, rng.normal(size=n + 4000))[4000:])
        audio = sosfilt(band, rng.normal(size=n)) * syllables
        audio = np.clip(audio / (3 * audio.std() + 1e-12), -1, 1)
        phase = 2 * np.pi * deviation * np.cumsum(audio) / audio_rate
        return np.exp(1j * np.interp(t - t[0], np.arange(n) / audio_rate, phase))

    length = log_uniform(rng, 0.5, 5.0)
    for start in canvas.schedule(rng, length, (0.2, 2.0)):
        canvas.draw(start, length, waveform)
    return -deviation - 3e3, deviation + 3e3, {"deviation_hz": deviation}


def cw(canvas: Canvas, rng: Rng) -> Occupied:
    """A bare carrier with a slow drift, always on."""
    drift = rng.normal(0, 200.0)
    canvas.draw(0.0, canvas.duration, lambda t: np.exp(1j * np.pi * drift * t * t))
    return -1e3, 1e3, {"drift_hz_per_s": drift}


def dmr(canvas: Canvas, rng: Rng) -> Occupied:
    """DMR-like 4-FSK: 4800 symbols/s, ±648 and ±1944 Hz, bursts of 27.5 ms every 60 ms, or both slots."""
    period = float(rng.choice([30e-3, 60e-3]))
    start = rng.uniform(-27e-3, 5e-3)
    while start < canvas.duration:
        symbols = rng.choice([-1, -1 / 3, 1 / 3, 1], 132)
        canvas.draw(start, 27.5e-3, lambda t, s=symbols: fsk(t, s, 4800.0, 1944.0, 0.7))
        start += period
    return -4.5e3, 4.5e3, {"period_s": period}


def gsm(canvas: Canvas, rng: Rng) -> Occupied:
    """GSM-like GMSK: 270.833 kb/s, BT 0.3, bursts of 148 bits, one to eight slots a frame."""
    bit_rate = 13e6 / 48
    slot = 156.25 / bit_rate
    slots = rng.permutation(8)[: int(rng.choice([1, 2, 4, 8]))]
    frame_start = -rng.uniform(0, 8 * slot)
    while frame_start < canvas.duration:
        for k in sorted(slots):
            bits = rng.choice([-1.0, 1.0], 148)
            start = frame_start + k * slot
            canvas.draw(start, 148 / bit_rate, lambda t, s=bits: fsk(t, s, bit_rate, bit_rate / 4, 0.3))
        frame_start += 8 * slot
    return -100e3, 100e3, {"slots": len(slots)}
