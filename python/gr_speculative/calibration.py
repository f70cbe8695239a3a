# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Temperature, merge weights and the score of unknown signals, fitted on held-out windows."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from .contract import Contract
from .metrics import bootstrap, nll
from .model import softmax


def fit_temperature(logits: np.ndarray, label: np.ndarray) -> float:
    """T in [0.1, 10] that minimises the NLL of softmax(logits / T)."""
    limit = float(np.log(10))
    found = minimize_scalar(
        lambda t: nll(softmax(logits / np.exp(t)), label), bounds=(-limit, limit), method="bounded"
    )
    return float(np.exp(found.x))


def fit_merge(p: np.ndarray, q: np.ndarray, label: np.ndarray) -> tuple[float, float]:
    """Weights (fast, slow) of the log-linear pool p^a · q^b that minimise its NLL.

    From 0 to 4, slow's from 0.01: two useless models must not give two zeros, which are no pool.
    """
    p, q = p.astype(np.float64), q.astype(np.float64)  # the steps of the numerical gradient vanish in float32
    found = minimize(
        lambda w: nll(merge(p, q, *w), label), x0=(0.5, 0.5), bounds=((0, 4), (0.01, 4)), method="L-BFGS-B"
    )
    return float(found.x[0]), float(found.x[1])


def merge(p: np.ndarray, q: np.ndarray, weight_fast: float, weight_slow: float) -> np.ndarray:
    """The log-linear pool, normalised: [n, C]."""
    log_p, log_q = (np.log(np.maximum(x, 1e-12)) for x in (p, q))
    return softmax(weight_fast * log_p + weight_slow * log_q)


def disagreement(accepted: np.ndarray, differs: np.ndarray, file: np.ndarray) -> float:
    """A contract's share of accepted vectors on which the slow model says otherwise, all three [n].

    The upper end of its 95 % interval over files, so that the drift alarm does not take bad luck in calibration
    for a drift, within the bounds of the contract.
    """
    if not accepted.any():
        return Contract.disagreement
    differs = differs[accepted]
    _, high = bootstrap(file[accepted], lambda rows: float(np.mean(differs[rows])))
    return float(np.clip(high, 1e-3, 0.5))
