# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The deferral rules side by side: what accuracy each buys with the same number of deferrals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from . import metrics, rules
from .cascade_predictions import Predictions
from .report import show, with_interval

SHARES = (0, 5, 10, 20, 30, 50, 100)  # per cent deferred
FOLDS = 5


def compare(
    found: Predictions, benefits: Mapping[str, rules.Benefit | None], rounds: int = 200
) -> dict[str, dict[str, Any]]:
    """By name of the rule, `random` and `oracle` last, as JSON can hold it: accuracy at SHARES deferred; quality: DQ,
    and over_margin: that minus the margin's, both with 95 % intervals over files.

    benefits: fitted on other recordings, by the names that they shall have. Beside them stands one that is
    fitted on these, over five folds of devices, so that it never scores a device that it was fitted on; it is
    left out where that is impossible.
    """
    scores = {rule: rules.score(rule, found.fast, found.levels) for rule in rules.RULES if rule != "benefit"}
    for name, benefit in benefits.items():
        if benefit is not None:
            scores[name] = rules.score("benefit", found.fast, found.levels, benefit)
    crossed = _cross_fitted(found)
    if crossed is not None:
        scores["benefit, cross-fitted"] = crossed
    fast, merged = (found.labels(m) == found.label for m in ("fast", "merged"))

    def quality(score: np.ndarray, rows: np.ndarray) -> float:
        return metrics.deferral(score[rows], fast[rows], merged[rows]).quality

    file, margin = found.units["file"], scores["margin"]
    result = {}
    for name, score in scores.items():
        curve = metrics.deferral(score, fast, merged)
        result[name] = {
            "accuracy": {str(share): float(curve.rule[share]) for share in SHARES},
            "quality": with_interval(lambda rows, s=score: quality(s, rows), file, rounds),
            "over_margin": with_interval(
                lambda rows, s=score: quality(s, rows) - quality(margin, rows), file, rounds
            ),
        }
    for name, quality in (("random", 0.0), ("oracle", 1.0)):  # by definition of DQ; the same for every rule
        values = getattr(curve, name)
        result[name] = {
            "accuracy": {str(share): float(values[share]) for share in SHARES},
            "quality": {"value": quality, "interval": [quality, quality]},
            "over_margin": {"value": None, "interval": [None, None]},
        }
    return result


def markdown(compared: Mapping[str, Mapping[str, Any]]) -> str:
    """A table."""
    shares = " | ".join(f"{share} %" for share in SHARES)
    lines = [f"| rule | {shares} | DQ | DQ over margin |", "|---" * (len(SHARES) + 3) + "|"]
    for name, row in compared.items():
        accuracy = " | ".join(f"{row['accuracy'][str(share)]:.3f}" for share in SHARES)
        over = "" if name == "margin" else show(row["over_margin"])
        lines.append(f"| {name} | {accuracy} | {show(row['quality'])} | {over} |")
    return "\n".join(lines)


def _cross_fitted(found: Predictions) -> np.ndarray | None:
    fold, score = found.units["device"] % FOLDS, np.zeros(len(found.label))
    for part in np.unique(fold):
        rest, out = fold != part, fold == part
        try:
            model = rules.fit_benefit(found.fast[rest], found.levels[rest], found.gained()[rest])
        except ValueError:  # nothing to learn in the rest
            return None
        score[out] = rules.score("benefit", found.fast[out], found.levels[out], model)
    return score
