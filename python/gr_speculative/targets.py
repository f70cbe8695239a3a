# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""What a pair of models is aimed to do, and what a report says of it: met or missed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import metrics
from .evaluation import Windows
from .report import Scores, with_interval

RESAMPLED = "-resampled"  # a set of this ending is its namesake's copy at other sample rates
SCORE = "strangeness"  # of unknown signals, the one that model files hold
ASKED = ("fast", "slow", "merged")


@dataclass(frozen=True)
class Target:
    """One target: `figure` (value and interval) should be at least, or where `most` at most, `wanted`."""

    what: str
    where: str
    figure: dict[str, Any]
    wanted: float
    most: bool = False

    @property
    def is_met(self) -> bool:
        value = self.figure["value"]
        return value is not None and (value <= self.wanted if self.most else value >= self.wanted)


def targets(report: dict[str, Any]) -> list[Target]:
    """Of every set of an evaluation report, and of the folds that it holds."""
    folds = report.get("folds", {})
    found = []
    for name, part in (report["sets"] | folds.get("devices", {}).get("sets", {})).items():
        if "drop" in part:
            for model in ASKED:
                for title, figure in part["drop"][model].items():
                    what = f"drop in {title.replace('_', ' ')} at other rates, {model}"
                    found.append(Target(what, name, figure, 0.03, most=True))
            continue
        if name.endswith(RESAMPLED):
            continue
        found.append(Target("slow over fast, balanced accuracy", name, part["slow_over_fast"], 0.06))
        found.append(Target("kept by fast, half a point below slow", name, part["kept"]["share"], 0.70))
        for model in ASKED:
            found.append(Target(f"ECE, {model}", name, part["models"][model]["ece"], 0.03, most=True))
    for name, part in folds.get("classes", {}).get("classes", {}).items():
        found.append(
            Target(f"AUROC of unknown {name}", "class left out", part["scores"][SCORE]["auroc"], 0.90)
        )
    return found


def drops(
    first: tuple[Windows, Scores], second: tuple[Windows, Scores], classes: int, rounds: int
) -> dict[str, dict[str, Any]]:
    """By model, what accuracy and balanced accuracy lose from a set to its copy at other rates.

    Intervals draw the same files of both.
    """
    known = [windows.label < classes for windows, _ in (first, second)]
    label, file = (
        np.concatenate([getattr(part[0], name)[of] for part, of in zip((first, second), known, strict=True)])
        for name in ("label", "file")
    )
    original = np.repeat([True, False], [int(of.sum()) for of in known])
    result = {}
    for model in ASKED:
        guess = np.concatenate(
            [
                getattr(part[1], model)[of].argmax(axis=1)
                for part, of in zip((first, second), known, strict=True)
            ]
        )

        def drop(statistic: Callable[..., float], rows: np.ndarray, guess: np.ndarray = guess) -> float:
            parts = rows[original[rows]], rows[~original[rows]]
            if not all(map(len, parts)):
                return np.nan
            return float(np.subtract(*(statistic(guess[part], label[part]) for part in parts)))

        result[model] = {
            name: with_interval(lambda rows, f=statistic: drop(f, rows), file, rounds)
            for name, statistic in (
                ("accuracy", metrics.accuracy),
                ("balanced_accuracy", metrics.balanced_accuracy),
            )
        }
    return result
