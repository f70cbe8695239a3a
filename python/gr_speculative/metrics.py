# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Figures over labelled windows: n windows, C classes, `correct` bool [n], probabilities float [n, C]."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


def accuracy(predicted: np.ndarray, label: np.ndarray) -> float:
    return float(np.mean(predicted == label))


def balanced_accuracy(predicted: np.ndarray, label: np.ndarray) -> float:
    """Mean over the classes present of the share of their windows that is right."""
    return float(np.mean([np.mean(predicted[label == c] == c) for c in np.unique(label)]))


def confusion(predicted: np.ndarray, label: np.ndarray, classes: int) -> np.ndarray:
    """Counts, int [C, C]: row true, column predicted."""
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (label, predicted), 1)
    return counts


def nll(p: np.ndarray, label: np.ndarray) -> float:
    """Mean negative log likelihood of the labels, nats."""
    return float(np.mean(-np.log(np.maximum(p[np.arange(len(label)), label], 1e-12))))


def margin(p: np.ndarray) -> np.ndarray:
    """Difference of the two largest probabilities, [n]."""
    top = np.sort(p, axis=1)
    return top[:, -1] - top[:, -2]


def calibration_bins(confidence: np.ndarray, correct: np.ndarray, bins: int = 15) -> np.ndarray:
    """Bins of equal mass by confidence, float [bins, 3]: mean confidence, accuracy, share of windows."""
    parts = np.array_split(np.argsort(confidence, kind="stable"), min(bins, len(confidence)))
    return np.array([(confidence[i].mean(), correct[i].mean(), len(i) / len(correct)) for i in parts])


def expected_calibration_error(confidence: np.ndarray, correct: np.ndarray, bins: int = 15) -> float:
    """Mean |accuracy − confidence| over equal-mass bins."""
    found = calibration_bins(confidence, correct, bins)
    return float(np.sum(found[:, 2] * np.abs(found[:, 0] - found[:, 1])))


@dataclass(frozen=True)
class Deferral:
    """Accuracy against the share deferred, float [m] each.

    quality: (A − A_random) / (A_oracle − A_random) of the areas; nan if the oracle gains nothing.
    """

    share: np.ndarray
    rule: np.ndarray
    random: np.ndarray
    oracle: np.ndarray
    quality: float


def deferral(score: np.ndarray, fast: np.ndarray, merged: np.ndarray, points: int = 101) -> Deferral:
    """Defers the lowest scores first. fast, merged: correct without and with the slow model, bool [n]."""
    n, gain = len(score), merged.astype(float) - fast
    kept = np.rint(np.linspace(0, n, points)).astype(int)

    def curve(order: np.ndarray) -> np.ndarray:
        return fast.mean() + np.append(0, np.cumsum(gain[order]))[kept] / n

    rule = curve(np.argsort(score, kind="stable"))
    oracle = curve(np.argsort(-gain, kind="stable"))
    share = kept / n
    random = fast.mean() + share * gain.mean()
    best = np.trapz(oracle - random, share)
    quality = np.trapz(rule - random, share) / best if best > 1e-9 else np.nan
    return Deferral(share, rule, random, oracle, float(quality))


def risk_coverage(confidence: np.ndarray, correct: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coverage k/n and the error among the k most confident windows, [n] each."""
    wrong = ~correct[np.argsort(-confidence, kind="stable")]
    count = np.arange(1, len(wrong) + 1)
    return count / len(wrong), np.cumsum(wrong) / count


def augrc(confidence: np.ndarray, correct: np.ndarray) -> float:
    """Area under the generalised risk–coverage curve: mean over coverages of P(accepted and wrong).

    Traub et al., "Overcoming Common Flaws in the Evaluation of Selective Classification Systems", 2024.
    """
    coverage, risk = risk_coverage(confidence, correct)
    return float(np.trapz(np.append(0, coverage * risk), np.append(0, coverage)))


def auroc(positive: np.ndarray, negative: np.ndarray) -> float:
    """P(score of a positive > score of a negative), ties count half."""
    values = np.sort(negative)
    below = np.searchsorted(values, positive, "left") + np.searchsorted(values, positive, "right")
    return float(np.mean(below) / (2 * len(negative)))


def bootstrap(
    file: np.ndarray, statistic: Callable[[np.ndarray], float], rounds: int = 500, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of statistic(rows) when files, the independent unit, are drawn with replacement.

    Draws where it is nan (a class that is absent) do not count.
    """
    rng = np.random.default_rng(seed)
    rows = [np.flatnonzero(file == f) for f in np.unique(file)]
    drawn = (np.concatenate([rows[i] for i in rng.integers(0, len(rows), len(rows))]) for _ in range(rounds))
    values = np.array([statistic(index) for index in drawn])
    values = values[~np.isnan(values)]
    low, high = np.percentile(values, (2.5, 97.5)) if len(values) else (np.nan, np.nan)
    return float(low), float(high)
