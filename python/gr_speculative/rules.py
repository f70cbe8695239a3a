# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Deferral rules: how sure the fast model is of a vector. Formulas: docs/deferral.md, "Rules".

A score is float64 [n] in 0..1. p is the calibrated posterior of the fast model, [n, C].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from .contract import RULES, Contract, ContractError, Strata
from .metrics import margin

OCCUPIED = 0.5  # of the normalised spectrum: 10 dB over the floor, which 0.4 % of the bins of noise exceed
INPUTS = ("p1", "p2", "p3", "margin", "entropy", "peak", "occupied")


def score(rule: str, p: np.ndarray, levels: np.ndarray, benefit: Benefit | None = None) -> np.ndarray:
    """The score of one of RULES; only `benefit` looks at `levels` (of the same vectors), and needs a model.

    Raises ValueError for an unknown rule, and for `benefit` without a model.
    """
    if rule == "margin":
        return margin(p)
    if rule == "max_probability":
        return p.max(axis=1)
    if rule == "entropy":
        return 1 - entropy(p)
    if rule != "benefit":
        raise ValueError(f"rule {rule!r}: expected one of {', '.join(RULES)}")
    if benefit is None:
        raise ValueError(
            "rule 'benefit': the model file has no calibration.benefit: calibrate with --rule benefit"
        )
    return 1 - benefit.probability(p, levels)


def stratum(
    by: str, p: np.ndarray, levels: np.ndarray, edges_db: Sequence[float], scale_db: float
) -> np.ndarray:
    """Number of the stratum of each vector, int [n]: the fast model's label, or the band of its peak.

    by, edges_db: as contract.Strata; scale_db: of the preprocessing.
    """
    if by == "label":
        return p.argmax(axis=1)
    return np.searchsorted(np.array(edges_db) / scale_db, levels[:, 0], side="right")


def thresholds(contract: Contract, p: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The threshold that counts for each vector, float [n]."""
    own = contract.strata or Strata("label", (None,) * p.shape[1])
    values = np.array([contract.threshold if value is None else value for value in own.thresholds])
    return values[stratum(own.by, p, levels, own.edges_db, contract.preprocessing.scale_db)]


def is_accepted(score: np.ndarray, threshold: np.ndarray | float) -> np.ndarray:
    """score ≥ threshold; at threshold 1 nothing is, not even what rounds to certainty."""
    return (score >= threshold) & (np.asarray(threshold) < 1)


def entropy(p: np.ndarray) -> np.ndarray:
    """Of each posterior, over log C: 0 (certain) to 1 (uniform), [n]."""
    return -np.sum(p * np.log(np.where(p > 0, p, 1)), axis=1) / np.log(p.shape[1])


def levels(spectrum: np.ndarray) -> np.ndarray:
    """Peak and occupied share, [n, 2], of normalised spectra [n, N] (the fast network's input)."""
    return np.stack([spectrum.max(axis=1), np.mean(spectrum >= OCCUPIED, axis=1)], axis=1)


@dataclass(frozen=True)
class Benefit:
    """Logistic model of "the slow model is right and the fast one wrong".

    weights: of INPUTS, [7]; labels: of the fast model's label, [C]; bias.
    """

    weights: tuple[float, ...]
    labels: tuple[float, ...]
    bias: float

    def probability(self, p: np.ndarray, levels: np.ndarray) -> np.ndarray:
        """Of a gain by deferring, [n] in 0..1."""
        z = self.bias + _inputs(p, levels) @ np.array(self.weights) + np.array(self.labels)[p.argmax(axis=1)]
        return expit(z)

    def to_dict(self) -> dict[str, Any]:
        """As `calibration.benefit` in a contract."""
        return {"weights": [*self.weights], "labels": [*self.labels], "bias": self.bias}

    @staticmethod
    def of(contract: Contract) -> Benefit | None:
        """The one in a fast model's contract; None if it has none. Raises ContractError if it is damaged."""
        document = contract.calibration.get("benefit")
        if document is None:
            return None
        try:
            values = [np.array(document[key], float) for key in ("weights", "labels", "bias")]
        except (TypeError, KeyError, ValueError):
            values = []
        if [v.shape for v in values] != [(len(INPUTS),), (len(contract.labels),), ()] or not all(
            np.isfinite(v).all() for v in values
        ):
            expected = f"weights [{len(INPUTS)}], labels [{len(contract.labels)}] and bias, all finite"
            raise ContractError(f"{contract.name}: field 'calibration.benefit': expected {expected}")
        return Benefit(tuple(values[0].tolist()), tuple(values[1].tolist()), float(values[2]))


def fit_benefit(p: np.ndarray, levels: np.ndarray, gained: np.ndarray, decay: float = 1.0) -> Benefit:
    """Fits by penalised likelihood. gained: bool [n], slow right and fast wrong.

    decay: of the squared weights of standardised inputs, > 0: keeps those of rare labels small.
    Raises ValueError if every vector or none is gained, as there is nothing to learn then.
    """
    if gained.all() or not gained.any():
        raise ValueError(
            f"rule 'benefit': slow corrects {gained.sum()} of {len(gained)} vectors: nothing to learn from"
        )
    x, classes = _inputs(p, levels), p.shape[1]
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-9
    design = np.hstack([(x - mean) / scale, np.eye(classes)[p.argmax(axis=1)], np.ones((len(x), 1))])
    penalty = np.append(np.full(design.shape[1] - 1, decay), 0)

    def objective(w: np.ndarray) -> tuple[float, np.ndarray]:
        z = design @ w
        loss = np.sum(np.logaddexp(0, z) - gained * z) + 0.5 * penalty @ w**2
        return loss, design.T @ (expit(z) - gained) + penalty * w

    w = minimize(objective, np.zeros(design.shape[1]), jac=True, method="L-BFGS-B").x
    count = len(INPUTS)
    weights = w[:count] / scale
    return Benefit(tuple(weights.tolist()), tuple(w[count:-1].tolist()), float(w[-1] - weights @ mean))


def _inputs(p: np.ndarray, levels: np.ndarray) -> np.ndarray:
    top = -np.sort(-np.pad(p, ((0, 0), (0, 1))), axis=1)[:, :3]  # the padding: a third one for two labels
    return np.column_stack([top, top[:, 0] - top[:, 1], entropy(p), levels])
