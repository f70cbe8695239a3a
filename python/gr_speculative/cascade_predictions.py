# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""What a pair of models says about labelled vectors, and which of those vectors belong together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .contract import Contract
from .data import Recording
from .evaluation import Windows
from .model import Model
from .report import Scores, scores


@dataclass(frozen=True)
class Predictions:
    """n vectors that a label names.

    label: int [n]; fast, slow, merged: probabilities [n, C]; levels: [n, 2] (rules.levels); sample_rate: Hz
    [n]; fft_size: samples of each; units: by name in terms.UNITS, the unit of each vector, int [n].
    """

    label: np.ndarray
    fast: np.ndarray
    slow: np.ndarray
    merged: np.ndarray
    levels: np.ndarray
    sample_rate: np.ndarray
    fft_size: int
    units: dict[str, np.ndarray]

    def labels(self, model: str) -> np.ndarray:
        """Label of each vector according to `fast`, `slow` or `merged`, int [n]."""
        return getattr(self, model).argmax(axis=1)

    def gained(self) -> np.ndarray:
        """What the rule `benefit` foresees: slow right and fast wrong, bool [n]."""
        return (self.labels("slow") == self.label) & (self.labels("fast") != self.label)


def predict(recordings: Sequence[Recording], fast: Model, slow: Model) -> Predictions:
    windows = Windows(recordings, fast.contract.labels, fast.contract.fft_size)
    return predictions(windows, scores(windows, fast, slow), fast.contract)


def predictions(windows: Windows, found: Scores, contract: Contract) -> Predictions:
    """Of the windows that a label names; contract: of the fast model."""
    known = windows.label < len(contract.labels)
    units = {"emission": emissions(windows), "file": windows.file, "device": windows.group}
    return Predictions(
        windows.label[known],
        *(getattr(found, name)[known] for name in ("fast", "slow", "merged")),
        levels=windows.levels()[known],
        sample_rate=windows.rate[known],
        fft_size=contract.fft_size,
        units={name: unit[known] for name, unit in units.items()},
    )


def emissions(windows: Windows) -> np.ndarray:
    """Number of the emission of each window: windows of one file that touch and have the same label."""
    breaks = (np.diff(windows.file) != 0) | (np.diff(windows.number) != 1) | (np.diff(windows.label) != 0)
    return np.cumsum(np.append(0, breaks))
