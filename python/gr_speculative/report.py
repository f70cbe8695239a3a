# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Every figure about a pair of models over one set of windows, as a dict that JSON can hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import metrics, rules
from .calibration import merge
from .contract import Contract
from .evaluation import Windows
from .model import Model, softmax
from .unknown import Strangeness

MODELS = ("fast", "slow", "merged", "cascade")


@dataclass(frozen=True)
class Scores:
    """What a pair of models says about windows: probabilities [n, C]; score: the fast rule's; energy [n]."""

    fast: np.ndarray
    slow: np.ndarray
    merged: np.ndarray
    cascade: np.ndarray
    score: np.ndarray
    deferred: np.ndarray
    strangeness: dict[str, np.ndarray]  # scores of unknown signals by name, higher is more unknown


def scores(windows: Windows, fast: Model, slow: Model) -> Scores:
    logits, features = windows.outputs(fast)
    slow_logits, _ = windows.outputs(slow)
    contract = fast.contract
    p, q = softmax(logits / contract.temperature), softmax(slow_logits / slow.contract.temperature)
    merged = merged_as(contract, p, q)
    levels = windows.levels()
    score = rules.score(contract.rule, p, levels, rules.Benefit.of(contract))
    deferred = ~rules.is_accepted(score, rules.thresholds(contract, p, levels))
    cascade = np.where(deferred[:, None], merged, p)
    strangeness = {
        "energy, fast": energy(logits),
        "energy, slow": energy(slow_logits),
        "1 − max p, fast": 1 - p.max(axis=1),
        "1 − max p, slow": 1 - q.max(axis=1),
        "1 − max p, merged": 1 - merged.max(axis=1),
    }
    if "unknown" in contract.calibration:
        known = Strangeness.from_dict(contract.calibration["unknown"])
        strangeness["distance from the prototypes, fast"] = known.prototypes.score(features)
        strangeness["strangeness, fast"] = known.score(features, p)
    return Scores(p, q, merged, cascade, score, deferred, strangeness)


def probabilities(windows: Windows, model: Model) -> np.ndarray:
    """Calibrated, [n, C]."""
    return softmax(windows.outputs(model)[0] / model.contract.temperature)


def joined(parts: Sequence[Scores]) -> Scores:
    """The scores of several sets as of one."""
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in (*MODELS, "score", "deferred")
    }
    strangeness = {
        name: np.concatenate([part.strangeness[name] for part in parts]) for name in parts[0].strangeness
    }
    return Scores(**columns, strangeness=strangeness)


def merged_as(contract: Contract, p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """The published distribution after a verdict q about p."""
    if contract.merge.rule == "linear":
        return contract.merge.lambda_ * q + (1 - contract.merge.lambda_) * p
    return merge(p, q, contract.merge.weight_fast, contract.merge.weight_slow)


class MergedModel:
    """A pair that asks slow about every vector, as one model: logits are the log of the merged distribution."""

    def __init__(self, fast: Model, slow: Model) -> None:
        self._fast, self._slow, self.contract = fast, slow, slow.contract

    def outputs(self, db: np.ndarray, sample_rate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As Model.outputs, with the features of slow."""
        logits, features = self._slow.outputs(db, sample_rate)
        q = softmax(logits / self._slow.contract.temperature)
        p = self._fast.predict(db[:, -1:], sample_rate)
        return np.log(np.maximum(merged_as(self._fast.contract, p, q), 1e-30)), features


def energy(logits: np.ndarray) -> np.ndarray:
    """Unknown-signal score, higher is more unknown: −log Σ exp logit (Liu et al., NeurIPS 2020)."""
    top = logits.max(axis=1)
    return -(top + np.log(np.exp(logits - top[:, None]).sum(axis=1)))


def measure(
    windows: Windows,
    found: Scores,
    labels: tuple[str, ...],
    rounds: int,
    beside: dict[str, np.ndarray] | None = None,
) -> dict[str, Any]:
    """All figures over the windows that a label names; intervals are 95 %, bootstrapped over files.

    beside: probabilities [n, C] of further models by name.
    """
    known = windows.label < len(labels)
    label, file = windows.label[known], windows.file[known]
    models = {name: getattr(found, name)[known] for name in MODELS}
    models |= {name: p[known] for name, p in (beside or {}).items()}
    fast_right = models["fast"].argmax(axis=1) == label
    merged_right = models["merged"].argmax(axis=1) == label
    deferred, score = found.deferred[known], found.score[known]
    curve = metrics.deferral(score, fast_right, merged_right)

    def slow_gain(rows: np.ndarray) -> float:
        pair = (
            metrics.balanced_accuracy(models[m][rows].argmax(axis=1), label[rows]) for m in ("slow", "fast")
        )
        return float(np.subtract(*pair))

    return {
        "windows": int(len(label)),
        "files": int(len(np.unique(file))),
        "counts": {name: int(np.sum(label == i)) for i, name in enumerate(labels)},
        "models": {name: _model(p, label, file, labels, rounds) for name, p in models.items()},
        "slow_over_fast": with_interval(slow_gain, file, rounds),
        "deferral": {
            "share_at_threshold": with_interval(lambda rows: float(np.mean(deferred[rows])), file, rounds),
            "quality": with_interval(
                lambda rows: metrics.deferral(score[rows], fast_right[rows], merged_right[rows]).quality,
                file,
                rounds,
            ),
            "curve": {name: getattr(curve, name).tolist() for name in ("share", "rule", "random", "oracle")},
        },
        "kept": _kept(score, fast_right, models["slow"].argmax(axis=1) == label, file, rounds),
    }


def _kept(
    score: np.ndarray, fast_right: np.ndarray, slow_right: np.ndarray, file: np.ndarray, rounds: int
) -> dict[str, Any]:
    """The largest share kept by fast, the rest answered by slow, at half a point below slow on everything."""

    def most(rows: np.ndarray) -> tuple[int, np.ndarray]:
        order = rows[np.argsort(-score[rows], kind="stable")]
        loss = np.append(0, np.cumsum(slow_right[order].astype(float) - fast_right[order])) / len(order)
        return int(np.flatnonzero(loss <= 0.005)[-1]), order

    count, order = most(np.arange(len(score)))
    share = with_interval(lambda rows: most(rows)[0] / len(rows), file, rounds)
    return {"share": share, "threshold": float(score[order[max(count - 1, 0)]])}


def _model(
    p: np.ndarray, label: np.ndarray, file: np.ndarray, labels: tuple[str, ...], rounds: int
) -> dict[str, Any]:
    guess, confidence = p.argmax(axis=1), p.max(axis=1)
    right = guess == label
    statistics: dict[str, Callable[[np.ndarray], float]] = {
        "accuracy": lambda rows: float(np.mean(right[rows])),
        "balanced_accuracy": lambda rows: metrics.balanced_accuracy(guess[rows], label[rows]),
        "nll": lambda rows: metrics.nll(p[rows], label[rows]),
        "ece": lambda rows: metrics.expected_calibration_error(confidence[rows], right[rows]),
        "augrc": lambda rows: metrics.augrc(confidence[rows], right[rows]),
    }
    coverage, risk = metrics.risk_coverage(confidence, right)
    every = np.linspace(0, len(right) - 1, 101).astype(int)
    present = [i for i in range(len(labels)) if np.any(label == i)]
    return {
        **{name: with_interval(f, file, rounds) for name, f in statistics.items()},
        "classes": {labels[i]: _class(p, label, i, file, rounds) for i in present},
        "confusion": metrics.confusion(guess, label, len(labels)).tolist(),
        "reliability": metrics.calibration_bins(confidence, right).tolist(),
        "risk_coverage": {"coverage": coverage[every].tolist(), "risk": risk[every].tolist()},
    }


def _class(
    p: np.ndarray, label: np.ndarray, index: int, file: np.ndarray, rounds: int
) -> dict[str, dict[str, Any]]:
    """Figures of one class: recall; precision; NLL of its windows; and the calibration error of its probability
    over all windows (classwise ECE: Kull et al., NeurIPS 2019)."""
    guessed, of, probability = p.argmax(axis=1) == index, label == index, p[:, index]
    loss = -np.log(np.maximum(probability, 1e-12))

    def mean(values: np.ndarray, among: np.ndarray) -> Callable[[np.ndarray], float]:
        return lambda rows: float(np.mean(values[rows][among[rows]])) if among[rows].any() else np.nan

    statistics = {
        "recall": mean(guessed, of),
        "precision": mean(of, guessed),
        "nll": mean(loss, of),
        "ece": lambda rows: metrics.expected_calibration_error(probability[rows], of[rows]),
    }
    return {name: with_interval(f, file, rounds) for name, f in statistics.items()}


def with_interval(statistic: Callable[[np.ndarray], float], file: np.ndarray, rounds: int) -> dict[str, Any]:
    figures = (statistic(np.arange(len(file))), *metrics.bootstrap(file, statistic, rounds))
    value, low, high = (None if np.isnan(f) else float(f) for f in figures)  # JSON has no nan
    return {"value": value, "interval": [low, high]}


def show(figure: dict[str, Any]) -> str:
    """A figure and its interval as text."""
    if figure["value"] is None:
        return "–"
    low, high = ("–" if f is None else f"{f:.3f}" for f in figure["interval"])
    return f"{figure['value']:.3f} [{low}, {high}]"


def most_confused(part: dict[str, Any], model: str, count: int = 4) -> str:
    """The most frequent errors of a set, as text."""
    counts, labels = np.array(part["models"][model]["confusion"]), list(part["counts"])
    np.fill_diagonal(counts, 0)
    worst = np.argsort(-counts, axis=None, kind="stable")[:count]
    pairs = [np.unravel_index(at, counts.shape) for at in worst if counts.flat[at]]
    told = (f"{labels[true]} as {labels[guess]} {counts[true, guess]}" for true, guess in pairs)
    return ", ".join(told) or "none"


def roc(score: np.ndarray, strange: np.ndarray, file: np.ndarray, rounds: int) -> dict[str, Any]:
    """AUROC of a score of unknown signals, with its interval over files, and the curve; strange: bool [n]."""

    def auroc(rows: np.ndarray) -> float:
        of = strange[rows]
        return metrics.auroc(score[rows][of], score[rows][~of]) if of.any() and not of.all() else np.nan

    false = np.linspace(0, 1, 101)
    level = np.quantile(score[~strange], 1 - false)
    caught = [float(np.mean(score[strange] >= at)) for at in level]
    return {"auroc": with_interval(auroc, file, rounds), "roc": {"false": false.tolist(), "caught": caught}}


def unknown(parts: Sequence[tuple[Windows, Scores]], classes: int, rounds: int) -> dict[str, Any] | None:
    """Windows that no label names against known signals, noise apart, over all sets; None where either is missing."""
    label = np.concatenate([windows.label for windows, _ in parts])
    file = np.concatenate([number * 1_000_000 + windows.file for number, (windows, _) in enumerate(parts)])
    strange, familiar = label == classes, (label > 0) & (label < classes)
    if not strange.any() or not familiar.any():
        return None
    signals = strange | familiar
    names = parts[0][1].strangeness
    values = {name: np.concatenate([s.strangeness[name] for _, s in parts])[signals] for name in names}
    return {
        "windows": int(strange.sum()),
        "files": int(len(np.unique(file[strange]))),
        "known_windows": int(familiar.sum()),
        "scores": {
            name: roc(value, strange[signals], file[signals], rounds) for name, value in values.items()
        },
    }
