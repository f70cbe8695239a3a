# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""What can be measured of an emission in a context: carrier, bandwidth, shape; and whether carriers follow a
curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gr_speculative.contract import Preprocessing
from gr_speculative.preprocessing import noise_floor

_PEAK_DB = 10.0  # over the floor; the largest of 1024 averages of noise stays below
_EDGE_DB = 6.0
_MIN_POINTS = 12


@dataclass(frozen=True)
class Emission:
    """carrier: centre of gravity, Hz from the middle of the band; bandwidth: holds 99 % of the power, Hz;
    shape: bandwidth of the middle half of the power over `bandwidth`, 0..1 (a box: 0.5, a carrier with
    skirts: near 0)."""

    carrier: float
    bandwidth: float
    shape: float


def measure(db: np.ndarray, sample_rate: float) -> Emission | None:
    """The strongest emission of a context, dB float32 [K, N]; None where no bin is 10 dB over the floor."""
    floor = noise_floor(db, Preprocessing()).min()
    power = np.mean(10 ** ((db - floor) / 10), axis=0, dtype=np.float64)
    on = power > 10 ** (_EDGE_DB / 10)
    peak = int(np.argmax(power))
    if power[peak] < 10 ** (_PEAK_DB / 10):
        return None
    # Up to the first gap of a 64th of the band: a packet's spectrum has nulls, two emissions are apart.
    gap = max(len(power) // 64, 2)
    index = np.flatnonzero(on)
    at = int(np.searchsorted(index, peak))
    breaks = np.flatnonzero(np.diff(index) > gap)
    first = index[breaks[breaks < at].max() + 1] if np.any(breaks < at) else index[0]
    last = index[breaks[breaks >= at].min()] if np.any(breaks >= at) else index[-1]
    excess = np.maximum(power[first : last + 1] - 1, 0)
    share = np.concatenate([[0], np.cumsum(excess) / excess.sum()])
    edges = np.arange(first, last + 2) - 0.5
    low, quarter, three_quarters, high = np.interp([0.005, 0.25, 0.75, 0.995], share, edges)
    bin_hz = sample_rate / len(power)
    centre = float(np.sum(excess * np.arange(first, last + 1)) / excess.sum())
    width = float(max(high - low, 1e-9))
    shape = float(three_quarters - quarter) / width
    return Emission((centre - len(power) / 2) * bin_hz, width * bin_hz, shape)


@dataclass(frozen=True)
class Fit:
    """How carriers follow an expected curve, up to an offset (Hz) and a drift (Hz/s). misfit: standard normal
    for carriers that do follow it, large where a smooth difference is left."""

    offset: float
    drift: float
    misfit: float


def follow(times: np.ndarray, carriers: np.ndarray, expected: np.ndarray, max_drift: float) -> Fit | None:
    """Compares measured carriers with expected ones (both Hz) at times (s); None with fewer than 12.

    The noise of the carriers need not be known: with it alone, successive residuals differ as much as any two
    (von Neumann, "Distribution of the ratio of the mean square successive difference to the variance", Ann.
    Math. Stat. 12, 1941: the ratio has mean 2n/(n-1) and variance 4 n² (n-2) / ((n-1)³ (n+1))). What is left
    of a wrong curve is smooth, and makes successive ones alike.
    """
    n = len(times)
    if n < _MIN_POINTS:
        return None
    t = times - times.mean()
    residual = carriers - expected
    drift = float(np.clip(np.sum(t * residual) / max(np.sum(t * t), 1e-12), -max_drift, max_drift))
    offset = float(residual.mean())
    residual = residual - offset - drift * t
    variance = float(np.mean(residual**2))
    if variance < 1e-12:
        return Fit(offset, drift, 0.0)
    ratio = float(np.mean(np.diff(residual) ** 2)) / variance
    mean, deviation = 2 * n / (n - 1), np.sqrt(4 * n**2 * (n - 2) / ((n - 1) ** 3 * (n + 1)))
    return Fit(offset, drift, float((mean - ratio) / deviation))
