# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Single-carrier modulators of the model's own classes. See signals.py for the interface."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from .canvas import Canvas, Rng, fsk, keying, log_uniform

Occupied = tuple[float, float, dict]  # lower edge (Hz), upper edge (Hz), what was drawn


def _ook_pulses(rng: Rng, coding: str, unit: float, bits: int) -> np.ndarray:
    """One message's pulses, float [P, 2], (on, off) in s; `unit` is the shortest element (s)."""
    data = rng.integers(0, 2, bits)
    if coding == "pwm":
        high = unit * np.where(data, rng.choice([2, 3]), 1.0)
        low = unit * rng.choice([4, 4.5, 5]) - high
    elif coding == "ppm":
        high = np.full(bits, unit)
        low = unit * np.where(data, rng.choice([4, 6, 8]), rng.choice([2, 3]))
    else:
        half = np.stack([data, 1 - data], axis=1).ravel() if coding == "manchester" else data
        preamble = np.tile([1, 0], rng.integers(4, 16))
        level = np.concatenate([[0], preamble, half, [0]])
        edges = np.flatnonzero(np.diff(level)) * unit
        return edges.reshape(-1, 2)
    if rng.random() < 0.5:  # a long start pulse
        high = np.append(unit * rng.uniform(4, 10), high)
        low = np.append(unit * rng.uniform(4, 10), low)
    on = np.concatenate([[0], np.cumsum(high + low)[:-1]])
    return np.stack([on, on + high], axis=1)


def ook_ism(canvas: Canvas, rng: Rng) -> Occupied:
    """On-off keyed sensors and remotes: PWM, PPM (100–1000 µs), Manchester or NRZ (60–500 µs)."""
    coding = str(rng.choice(["pwm", "ppm", "manchester", "nrz"], p=[0.4, 0.3, 0.2, 0.1]))
    unit = log_uniform(rng, *((100e-6, 1e-3) if coding in ("pwm", "ppm") else (60e-6, 500e-6)))
    pulses = _ook_pulses(rng, coding, unit, int(rng.integers(24, 80)))
    length = pulses[-1, 1]
    repeats, pause = int(rng.integers(1, 12)), rng.uniform(5, 25) * unit
    row_starts = np.arange(repeats)[:, None, None] * (length + pause)
    pulses = (pulses[None] + row_starts).reshape(-1, 2)
    length = pulses[-1, 1]
    rise = log_uniform(rng, 3e-6, 30e-6)
    # A SAW oscillator starts anew with each pulse, and its frequency is pulled while it does.
    saw = rng.random() < 0.5
    drift = rng.normal(0, 2e3)
    pull = rng.normal(0, 4e3) if saw else 0.0
    pull_time = log_uniform(rng, 30e-6, 300e-6)

    def waveform(t: np.ndarray) -> np.ndarray:
        pole = np.exp(-1 / (rise * canvas.rate))
        envelope = lfilter([1 - pole], [1, -pole], keying(t, pulses))
        phase = np.pi * drift * t * t / max(length, 0.1)
        if saw:
            pulse = np.clip(np.searchsorted(pulses[:, 0], t, side="right") - 1, 0, None)
            since = np.maximum(t - pulses[pulse, 0], 0)
            phase += 2 * np.pi * pull * pull_time * (1 - np.exp(-since / pull_time))
            phase += rng.uniform(0, 2 * np.pi, len(pulses))[pulse]
        return envelope * np.exp(1j * phase)

    tail = 5 * rise
    for start in canvas.schedule(rng, length, (30e-3, 1.0)):
        canvas.draw(start, length + tail, waveform, pulses)
    half_width = 1.5 / unit + abs(pull) + abs(drift) / 2
    return -half_width, half_width, {"coding": coding, "unit_s": unit, "repeats": repeats}


def fsk_ism(canvas: Canvas, rng: Rng) -> Occupied:
    """2-FSK and GFSK sensors and meters: 1–100 kBd, deviation 5–60 kHz, NRZ or Manchester."""
    baud = log_uniform(rng, 1e3, 100e3)
    deviation = log_uniform(rng, max(5e3, 0.25 * baud), 60e3)
    limit = 0.42 * canvas.rate  # narrow receivers were tuned to what fits into them
    if deviation + baud > limit:
        scale = limit / (deviation + baud)
        deviation, baud = deviation * scale, baud * scale
    bt = None if baud < 10e3 or rng.random() < 0.4 else float(rng.choice([0.5, 1.0]))
    manchester = rng.random() < 0.4
    seconds = log_uniform(rng, 3e-3, 0.3)  # longer than a context too: length must not tell it from OOK
    n_symbols = int(np.clip(seconds * baud, 48, 8000))
    length = n_symbols / baud
    preamble = np.tile([1.0, -1.0], int(rng.integers(8, 24)))
    if rng.random() < 0.6:  # many key the transmitter well before the data
        lead = round(baud * log_uniform(rng, 2e-3, 80e-3))
        preamble = np.concatenate([np.full(lead, rng.choice([-1.0, 1.0])), preamble])
        length += lead / baud
        n_symbols += lead
    stay = 0.5 if rng.random() < 0.6 else rng.uniform(0.6, 0.9)  # counters and padding: runs of equal bits
    for start in canvas.schedule(rng, length, (5e-3, 0.5)):
        data = np.cumprod(np.where(rng.random(n_symbols) < stay, 1.0, -1.0))
        if manchester:
            data = np.stack([data, -data], axis=1).ravel()
        symbols = np.concatenate([preamble, data])[:n_symbols]
        canvas.draw(start, length, lambda t, s=symbols: fsk(t, s, baud, deviation, bt))
    half_width = deviation + baud
    drawn = {"baud": baud, "deviation_hz": deviation, "bt": bt, "manchester": bool(manchester)}
    return -half_width, half_width, drawn


def gfsk_1m(canvas: Canvas, rng: Rng) -> Occupied:
    """Bluetooth-Low-Energy-like packets: GFSK 1 Mb/s, BT 0.5, h 0.45–0.55, 80–376 µs (a few up to 2.1 ms)."""
    index = rng.uniform(0.45, 0.55)
    n_bits = int(rng.integers(80, 377)) if rng.random() < 0.8 else int(rng.integers(377, 2120))
    header = np.array([int(b) for b in f"{0xAA:08b}{0x8E89BED6:032b}"[::-1]]) * 2.0 - 1
    length = n_bits * 1e-6
    for start in canvas.schedule(rng, length, (150e-6, 5e-3)):
        symbols = np.concatenate([header, rng.choice([-1.0, 1.0], n_bits)])[:n_bits]
        canvas.draw(start, length, lambda t, s=symbols: fsk(t, s, 1e6, index * 0.5e6, 0.5))
    return -0.55e6, 0.55e6, {"modulation_index": index, "bits": n_bits}


def _chip_sequences() -> np.ndarray:
    """IEEE 802.15.4, 2.4 GHz O-QPSK: chips ±1, float [16, 32]."""
    zero = np.array([int(c) for c in "11011001110000110101001000101110"])
    rows = [np.roll(zero, 4 * k) for k in range(8)]
    rows += [row ^ (np.arange(32) & 1) for row in rows]  # symbols 8–15: the odd chips inverted
    return np.array(rows) * 2.0 - 1


_CHIPS = _chip_sequences()


def oqpsk_154(canvas: Canvas, rng: Rng) -> Occupied:
    """IEEE 802.15.4 at 2.4 GHz: O-QPSK, half-sine, 2 Mchip/s DSSS, frames of 11–133 octets."""
    octets = int(rng.integers(5, 128))
    header = [0] * 8 + [0x7, 0xA, octets & 15, octets >> 4]
    length = (len(header) + 2 * octets) * 16e-6 + 0.5e-6
    for start in canvas.schedule(rng, length, (192e-6, 30e-3)):
        chips = _CHIPS[np.concatenate([header, rng.integers(0, 16, 2 * octets)])].reshape(-1, 2)

        def waveform(t: np.ndarray, chips: np.ndarray = chips) -> np.ndarray:
            rails = []
            for rail, delay in ((chips[:, 0], 0.0), (chips[:, 1], 0.5)):
                u = t * 1e6 - delay  # pulses of 1 µs, one a microsecond on each rail
                k = np.floor(u).astype(np.int64)
                chip = np.where((k >= 0) & (k < len(rail)), rail[k.clip(0, len(rail) - 1)], 0)
                rails.append(chip * np.sin(np.pi * (u - k)))
            return rails[0] + 1j * rails[1]

        canvas.draw(start, length, waveform)
    return -1.25e6, 1.25e6, {"octets": octets}


def _mode_a_pulses(rng: Rng) -> np.ndarray:
    """A reply in mode A or C, float [P, 2], (on, off) in s: framing pulses 20.3 µs apart, twelve of code between."""
    code = rng.random(13) < 0.5
    code[6] = False  # the place between is always empty
    on = np.concatenate([[0], 1 + np.flatnonzero(code), [14]]) * 1.45e-6
    return np.stack([on, on + 0.45e-6], axis=1)


def adsb_1090(canvas: Canvas, rng: Rng) -> Occupied:
    """Mode S at 1090 MHz: 8 µs preamble, 56 or 112 bits of 1 Mb/s pulse position, from several aircraft; in half of
    the cases among replies in modes A and C.

    ICAO Annex 10, volume IV, 3.1.1.6 and 3.1.2.
    """
    aircraft = int(rng.integers(1, 8))
    levels = 10 ** (-np.append(0, rng.uniform(0, 15, aircraft - 1)) / 20)
    offsets = rng.normal(0, 100e3, aircraft)

    def send(start: float, pulses: np.ndarray, who: int) -> None:
        carrier, phase, level = offsets[who], rng.uniform(0, 2 * np.pi), levels[who]

        def waveform(t: np.ndarray) -> np.ndarray:
            return level * keying(t, pulses) * np.exp(1j * (2 * np.pi * carrier * t + phase))

        canvas.draw(start, pulses[-1, 1] + 0.5e-6, waveform)

    for start in canvas.schedule(rng, 120e-6, (30e-6, log_uniform(rng, 300e-6, 20e-3))):
        extended = rng.random() < 0.6
        n_bits, format_bits = (112, [1, 0, 0, 0, 1]) if extended else (56, [0, 1, 0, 1, 1])
        bits = rng.integers(0, 2, n_bits)
        bits[:5] = format_bits
        on = np.concatenate([[0, 1, 3.5, 4.5], 8 + np.arange(n_bits) + 0.5 * (1 - bits)]) * 1e-6
        send(start, np.stack([on, on + 0.5e-6], axis=1), int(rng.integers(aircraft)))
    if rng.random() < 0.5:
        for start in canvas.schedule(rng, 21e-6, (20e-6, log_uniform(rng, 200e-6, 10e-3))):
            send(start, _mode_a_pulses(rng), int(rng.integers(aircraft)))
    return -1.0e6, 1.0e6, {"aircraft": aircraft}
