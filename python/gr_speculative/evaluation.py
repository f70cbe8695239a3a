# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Labelled windows of recordings and the figures that are computed over them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from .contract import LABELS, Preprocessing
from .data import UNSURE, Recording, contexts, spectra
from .model import Model, softmax
from .preprocessing import dequantise, quantise


class Windows:
    """Every labelled window of some recordings, with its real context.

    label: int [n], len(labels) where no label names it; rate: Hz [n]; file, group: indices into `files`
    and `groups`.
    """

    def __init__(
        self, recordings: Sequence[Recording], labels: tuple[str, ...] = LABELS, size: int = 1024
    ) -> None:
        constants = Preprocessing()
        self.files = [r.name for r in recordings]
        self.groups = sorted({r.group for r in recordings})
        self._db, self._ends, label, rate, file = [], [], [], [], []
        for index, recording in enumerate(recordings):
            found = recording.window_labels(size, labels)
            ends = np.flatnonzero(found != UNSURE)
            self._db.append(spectra(recording.read(), size, constants).astype(np.float16))
            self._ends.append(ends)
            label.append(found[ends])
            rate.append(np.full(len(ends), recording.sample_rate))
            file.append(np.full(len(ends), index))
        self.label, self.rate, self.file = map(np.concatenate, (label, rate, file))
        self.group = np.array([self.groups.index(r.group) for r in recordings])[self.file]

    def outputs(self, model: Model) -> tuple[np.ndarray, np.ndarray]:
        """Logits and features of a model, float32 [n, C] and [n, F]; contexts go through the wire's uint8."""
        found, start = [], 0
        for db, ends in zip(self._db, self._ends, strict=True):
            rate = self.rate[start : start + len(ends)]
            start += len(ends)
            for at in range(0, len(ends), 256):
                x = contexts(db, ends[at : at + 256], model.contract.context).astype(np.float32)
                if model.contract.context > 1:
                    x = np.stack([dequantise(*quantise(one)) for one in x])
                found.append(model.outputs(x, rate[at : at + 256]))
        logits, features = zip(*found, strict=True)
        return np.concatenate(logits), np.concatenate(features)


def nll(p: np.ndarray, label: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Mean negative log likelihood (nats) of the labels, weighted."""
    return float(np.average(-np.log(np.maximum(p[np.arange(len(label)), label], 1e-12)), weights=weight))


def accuracy(predicted: np.ndarray, label: np.ndarray) -> float:
    return float(np.mean(predicted == label))


def balanced_accuracy(predicted: np.ndarray, label: np.ndarray) -> float:
    """Mean over the classes present of the share of their windows that is right."""
    return float(np.mean([np.mean(predicted[label == c] == c) for c in np.unique(label)]))


def fit_temperature(logits: np.ndarray, label: np.ndarray, weight: np.ndarray | None = None) -> float:
    """T > 0 that minimises the NLL of softmax(logits / T)."""
    found = minimize_scalar(
        lambda t: nll(softmax(logits / np.exp(t)), label, weight), bounds=(-2.0, 2.5), method="bounded"
    )
    return float(np.exp(found.x))


def fit_merge(
    p: np.ndarray, q: np.ndarray, label: np.ndarray, weight: np.ndarray | None = None
) -> tuple[float, float]:
    """Weights (fast, slow) ≥ 0 of the log-linear pool p^a · q^b that minimise its NLL."""
    log_p, log_q = (np.log(np.maximum(x, 1e-12)) for x in (p, q))
    found = minimize(
        lambda w: nll(softmax(w[0] * log_p + w[1] * log_q), label, weight),
        x0=(0.5, 0.5),
        bounds=((0, 4), (0, 4)),
        method="L-BFGS-B",
    )
    return float(found.x[0]), float(found.x[1])


def merge(p: np.ndarray, q: np.ndarray, weight_fast: float, weight_slow: float) -> np.ndarray:
    """The log-linear pool, normalised: [n, C]."""
    log_p, log_q = (np.log(np.maximum(x, 1e-12)) for x in (p, q))
    return softmax(weight_fast * log_p + weight_slow * log_q)
