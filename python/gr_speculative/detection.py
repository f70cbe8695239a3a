# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Probability of detection against SNR at a fixed false-alarm rate, beside an ideal radiometer's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

import numpy as np
from scipy.stats import gamma

from .contract import Preprocessing
from .data import spectra
from .impairments import noise_power, white_noise
from .model import Model
from .preprocessing import window
from .signals import KINDS, modulate

FALSE_ALARM = 1e-3
SNR_DB = np.arange(-15.0, 21.0, 2.5)
SIZE = 1024


@dataclass(frozen=True)
class Detection:
    """Probability of detection at each of SNR_DB, of the model and of the radiometer: float [m] each."""

    rate: float
    bandwidth: float
    model: np.ndarray
    radiometer: np.ndarray


def detection(model: Model, noise_index: int, vectors: int = 200, seed: int = 0) -> dict[str, Detection]:
    """For each known kind at its lowest typical rate. A vector is detected when log p(noise) falls below the
    quantile FALSE_ALARM of white noise alone. SNR is within the signal's band, of the mean power over the
    vector under its FFT window: what a vector was given of a packet, not where the packet began.
    """
    rng = np.random.default_rng(seed)
    found = {}
    for kind in (k for k in KINDS.values() if k.known):
        rate = kind.typical_rates[0]
        quiet = (white_noise(rng, model.contract.context * SIZE) for _ in range(int(3 / FALSE_ALARM)))
        threshold = np.quantile(_log_noise(model, quiet, rate, noise_index), FALSE_ALARM)
        clean, bandwidth = _stretches(rng, kind.name, rate, model.contract.context, vectors)
        share = []
        for snr in SNR_DB:
            level = np.float32(noise_power(snr, bandwidth, rate) ** -0.5)
            noisy = (level * x + white_noise(rng, len(x)) for x in clean)
            share.append(np.mean(_log_noise(model, noisy, rate, noise_index) < threshold))
        found[kind.name] = Detection(rate, bandwidth, np.array(share), radiometer(SNR_DB, bandwidth / rate))
    return found


def radiometer(snr_db: np.ndarray, share_of_band: float) -> np.ndarray:
    """Detection of a Gaussian signal by its energy in a known band over known noise: the best of its kind.

    Energy over m = N·B/fs complex samples is gamma(m), scaled by 1 + SNR (Urkowitz, Proc. IEEE 55(4), 1967).
    """
    m = max(1.0, SIZE * share_of_band)
    threshold = gamma.isf(FALSE_ALARM, m)
    return gamma.sf(threshold / (1 + 10 ** (snr_db / 10)), m)


def _stretches(
    rng: np.random.Generator, kind: str, rate: float, context: int, count: int
) -> tuple[list[np.ndarray], float]:
    """Contexts whose last vector is on air for a quarter of the FFT window's energy or more, scaled to mean power 1
    there, and their bandwidth (Hz)."""
    found, widths = [], []
    weight = window(Preprocessing().window, SIZE) ** 2
    weight /= weight.sum()
    before = np.append(0, np.cumsum(weight))
    while len(found) < count:
        signal = modulate(kind, rng, rate, context * SIZE / rate)
        last = np.clip(signal.keyed - (context - 1) * SIZE, 0, SIZE)
        power = weight @ np.abs(signal.samples[-SIZE:]) ** 2  # 0 in a symbol of LTE that holds no carrier
        if np.sum(before[last[:, 1]] - before[last[:, 0]]) >= 0.25 and power > 0.1:
            found.append(signal.samples / np.sqrt(power))
            widths.append(min(signal.high - signal.low, rate))
    return found, float(np.median(widths))


def _log_noise(model: Model, stretches: Iterable[np.ndarray], rate: float, noise_index: int) -> np.ndarray:
    """Log odds of noise, [n]."""
    stretches, found = iter(stretches), []
    while part := [spectra(x, SIZE, Preprocessing()) for x in islice(stretches, 200)]:
        found.append(model.outputs(np.stack(part), np.full(len(part), rate))[0])
    logits = np.concatenate(found)
    others = np.delete(logits, noise_index, axis=1)
    top = others.max(axis=1)
    return logits[:, noise_index] - top - np.log(np.exp(others - top[:, None]).sum(axis=1))
