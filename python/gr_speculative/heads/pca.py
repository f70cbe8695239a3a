# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The baseline of the anomaly head: what the first principal components of what was seen leave."""

from __future__ import annotations

import numpy as np

_COMPONENTS = 64


class PcaResidual:
    """seen, and what it is called with: x [n, 16, 256] of anomaly_net.reduced; returns the mean squared
    residual, [n]."""

    def __init__(self, seen: np.ndarray, components: int = _COMPONENTS) -> None:
        flat = seen.reshape(len(seen), -1)
        self._mean = flat.mean(axis=0)
        self._axes = np.linalg.svd(flat - self._mean, full_matrices=False)[2][:components]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        centred = x.reshape(len(x), -1) - self._mean
        return np.mean((centred - centred @ self._axes.T @ self._axes) ** 2, axis=1)
