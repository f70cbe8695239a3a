# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Where accuracy at other sample rates is lost: by how many times the recorded rate it is."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from .evaluation import Windows
from .report import Scores, with_interval
from .targets import ASKED

EDGES = (0.5, 0.63, 0.8, 1.25, 1.6, 2.0)  # times the recorded rate


def rate_curve(windows: Windows, found: Scores, classes: int, rounds: int) -> list[dict[str, Any]]:
    """Accuracy with intervals in each band between two EDGES, over the windows that a label names.

    A band without a window is left out.
    """
    rows = []
    for low, high in pairwise(EDGES):
        of = (windows.label < classes) & (windows.stretch >= low) & (windows.stretch < high)
        label, file = windows.label[of], windows.file[of]
        if not len(label):
            continue
        row = {"from": low, "to": high, "windows": len(label), "files": len(np.unique(file))}
        for model in ASKED:
            right = getattr(found, model)[of].argmax(axis=1) == label
            row[model] = with_interval(lambda rows, right=right: float(right[rows].mean()), file, rounds)
        rows.append(row)
    return rows
