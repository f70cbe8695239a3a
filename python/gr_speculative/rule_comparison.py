# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The deferral rules side by side: what accuracy each buys with the same number of deferrals."""

from __future__ import annotations

import numpy as np

from . import metrics, rules
from .cascade_predictions import Predictions

SHARES = (0, 5, 10, 20, 30, 50, 100)  # per cent deferred


def comparison(found: Predictions, benefit: rules.Benefit, fitted_on: str, rounds: int = 200) -> str:
    """A table in Markdown: accuracy at shares deferred, and DQ with a 95 % interval over files.

    benefit: fitted on other recordings, `fitted_on`; beside it stands one that is fitted on these, over five
    folds of devices, so that it never scores a device that it was fitted on.
    """
    scores = {rule: rules.score(rule, found.fast, found.levels, benefit) for rule in rules.RULES}
    scores[f"benefit, fitted on {fitted_on}"] = scores.pop("benefit")
    scores["benefit, cross-fitted"] = _cross_fitted(found)
    fast, merged = (found.labels(m) == found.label for m in ("fast", "merged"))
    lines = [
        "| rule | " + " | ".join(f"{share} %" for share in SHARES) + " | DQ |",
        "|---" * (len(SHARES) + 2) + "|",
    ]
    for name, score in scores.items():

        def quality(rows: np.ndarray, score: np.ndarray = score) -> float:
            return metrics.deferral(score[rows], fast[rows], merged[rows]).quality

        curve = metrics.deferral(score, fast, merged)
        low, high = metrics.bootstrap(found.units["file"], quality, rounds)
        accuracy = " | ".join(f".{round(1000 * curve.rule[share]):03d}" for share in SHARES)
        lines.append(f"| {name} | {accuracy} | {curve.quality:.2f} [{low:.2f}, {high:.2f}] |")
    return "\n".join(lines)


def _cross_fitted(found: Predictions, folds: int = 5) -> np.ndarray:
    fold, score = found.units["device"] % folds, np.zeros(len(found.label))
    for part in np.unique(fold):
        rest, out = fold != part, fold == part
        model = rules.fit_benefit(found.fast[rest], found.levels[rest], found.gained()[rest])
        score[out] = rules.score("benefit", found.fast[out], found.levels[out], model)
    return score
