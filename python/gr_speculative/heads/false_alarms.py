# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Whether the anomaly head's stated rate of false alarms is kept on devices that had no part in setting it.

Neither the score nor its settings were chosen on these recordings (the split `train`: they were chosen on
`val` and `ood_dev`). Each fifth of the devices in turn is left out; reference and threshold come from the
others exactly as `gr-speculative anomaly train` makes them, and those left out are measured.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gr_speculative.data import Recording

from .anomaly import Reference, order_statistics
from .anomaly_training import contexts_of, held_out_threshold
from .pca import PcaResidual

RATES = (0.01, 0.05)
_OUTER, _INNER = 5, 8
_ROUNDS = 2000


def false_alarms(recordings: Sequence[Recording], seed: int) -> dict[str, dict[str, dict[str, float]]]:
    """Of the distance and of the PCA residual, by stated rate: the measured rate, its 95 % interval
    (bootstrapped over devices), and the rate of the worst tenth of the devices."""
    rng = np.random.default_rng(seed)
    found = [contexts_of([recording], rng) for recording in recordings]
    x, rate = (np.concatenate(part) for part in zip(*found, strict=True))
    features = order_statistics(x, rate)
    names = np.concatenate([[r.group] * len(xs) for r, (xs, _) in zip(recordings, found, strict=True)])
    devices, device = np.unique(names, return_inverse=True)
    outer = rng.permutation(len(devices))[device] % _OUTER
    alarms = {score: {p: np.zeros(len(x), bool) for p in RATES} for score in ("neighbours", "pca residual")}
    for fold in range(_OUTER):
        inside, outside = outer != fold, outer == fold
        inner = rng.permutation(len(devices))[device[inside]] % _INNER
        distance = Reference(features[inside]).distance(features[outside])
        half = inner % 2 == 0
        pca = PcaResidual(x[inside][half])
        usual, residual = np.sort(pca(x[inside][~half])), pca(x[outside])
        for p in RATES:
            alarms["neighbours"][p][outside] = distance > held_out_threshold(features[inside], inner, p)
            alarms["pca residual"][p][outside] = residual > np.quantile(usual, 1 - p)
    return {
        score: {f"{p:g}": _rate(hits, device, rng) for p, hits in by_rate.items()}
        for score, by_rate in alarms.items()
    }


def _rate(alarms: np.ndarray, device: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    hits, contexts = np.bincount(device, alarms), np.bincount(device)
    drawn = rng.integers(0, len(hits), (_ROUNDS, len(hits)))
    low, high = np.quantile(hits[drawn].sum(axis=1) / contexts[drawn].sum(axis=1), [0.025, 0.975])
    figures = {
        "rate": alarms.mean(),
        "low": low,
        "high": high,
        "worst_tenth": np.quantile(hits / contexts, 0.9),
        "devices": len(hits),
        "contexts": len(alarms),
    }
    return {name: round(float(value), 4) for name, value in figures.items()}
