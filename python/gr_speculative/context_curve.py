# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""What context buys: the slow model given only its last K vectors, as where a stream has just begun."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import metrics
from .evaluation import Windows
from .model import Model
from .report import with_interval


def context_curve(windows: Windows, slow: Model, rounds: int) -> list[dict[str, Any]]:
    """For K of 1, 2, 4, … up to the model's: accuracy and balanced accuracy with intervals, over the windows that a
    label names."""
    known = windows.label < len(slow.contract.labels)
    label, file, rows = windows.label[known], windows.file[known], []
    count = 1
    while count <= slow.contract.context:
        guess = windows.outputs(slow, count)[0][known].argmax(axis=1)

        def balanced(of: np.ndarray, guess: np.ndarray = guess) -> float:
            return metrics.balanced_accuracy(guess[of], label[of])

        def plain(of: np.ndarray, guess: np.ndarray = guess) -> float:
            return metrics.accuracy(guess[of], label[of])

        figures = {"accuracy": plain, "balanced_accuracy": balanced}
        rows.append({"context": count} | {k: with_interval(f, file, rounds) for k, f in figures.items()})
        count *= 2
    return rows
