# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""How strange a signal is: its features lie far from all that training showed, or its label is in doubt."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Prototypes:
    """Unit vectors among the features of training examples, float32 [M, F]."""

    vectors: np.ndarray

    def score(self, features: np.ndarray) -> np.ndarray:
        """1 − cosine to the nearest prototype, 0 (familiar) to 2, of features [n, F]: [n]."""
        return 1 - (_unit(features) @ self.vectors.T).max(axis=1)


@dataclass(frozen=True)
class Strangeness:
    """The distance from the prototypes over `distance`, or 1 − max p over `doubt`, whichever is larger.

    distance, doubt: what one in twenty signals of training exceeds, > 0. Some unknown signals look like nothing
    that is known, others like several classes at once.
    """

    prototypes: Prototypes
    distance: float
    doubt: float

    @staticmethod
    def fit(features: np.ndarray, p: np.ndarray, seed: int = 0) -> Strangeness:
        """Of the features [n, F] and probabilities [n, C] of signals of training."""
        prototypes = fit_prototypes(features, seed=seed)
        distance = np.quantile(prototypes.score(features), 0.95)
        doubt = np.quantile(1 - p.max(axis=1), 0.95)
        return Strangeness(prototypes, max(1e-6, float(distance)), max(1e-6, float(doubt)))

    def score(self, features: np.ndarray, p: np.ndarray) -> np.ndarray:
        """[n], 0 or more."""
        distance = self.prototypes.score(features) / self.distance
        return np.maximum(distance, (1 - p.max(axis=1)) / self.doubt)

    def to_dict(self) -> dict[str, Any]:
        """For a contract's calibration record; a byte a component of a prototype."""
        scaled = np.rint(self.prototypes.vectors * 127).astype(np.int8)
        prototypes = {"shape": list(scaled.shape), "int8": base64.b64encode(scaled.tobytes()).decode("ascii")}
        return {"distance": self.distance, "doubt": self.doubt} | prototypes

    @staticmethod
    def from_dict(document: dict[str, Any]) -> Strangeness:
        """Raises ValueError where the record is damaged."""
        try:
            scaled = np.frombuffer(base64.b64decode(document["int8"], validate=True), np.int8)
            count, features = document["shape"]
            prototypes = Prototypes(_unit(scaled.reshape(count, features).astype(np.float32)))
            distance, doubt = float(document["distance"]), float(document["doubt"])
            if not (distance > 0 and doubt > 0):
                raise ValueError(f"distance {distance:g} and doubt {doubt:g} must be > 0")
        except (KeyError, TypeError, ValueError) as error:
            expected = "expected distance, doubt, and shape and int8 of the prototypes"
            raise ValueError(f"calibration.unknown: {expected}: {error}") from None
        return Strangeness(prototypes, distance, doubt)


def fit_prototypes(features: np.ndarray, count: int = 128, rounds: int = 20, seed: int = 0) -> Prototypes:
    """Spherical k-means over features [n, F] of training examples."""
    rng = np.random.default_rng(seed)
    x = _unit(features)
    centres = x[rng.choice(len(x), min(count, len(x)), replace=False)]
    for _ in range(rounds):
        nearest = (x @ centres.T).argmax(axis=1)
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest, x)
        centres = np.where(np.linalg.norm(sums, axis=1, keepdims=True) > 0, _unit(sums), centres)
    return Prototypes(centres)


def _unit(x: np.ndarray) -> np.ndarray:
    return (x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-9)).astype(np.float32)


@dataclass(frozen=True)
class Neighbours:
    """Unit vectors of training examples themselves, float32 [M, F] (Sun et al., ICML 2022)."""

    vectors: np.ndarray

    @staticmethod
    def fit(features: np.ndarray, count: int = 4000, seed: int = 0) -> Neighbours:
        rng = np.random.default_rng(seed)
        return Neighbours(_unit(features[rng.permutation(len(features))[:count]]))

    def score(self, features: np.ndarray, nth: int = 10) -> np.ndarray:
        """1 − cosine to the n-th nearest: [n]."""
        nth = min(nth, len(self.vectors))
        parts = np.array_split(_unit(features), max(1, len(features) // 500))  # bounds the memory
        return 1 - np.concatenate([np.partition(x @ self.vectors.T, -nth, axis=1)[:, -nth] for x in parts])


@dataclass(frozen=True)
class Gaussians:
    """A Gaussian for each class, of one covariance (Lee et al., NeurIPS 2018): means [C, F], whitening [F, F]."""

    means: np.ndarray
    whitening: np.ndarray

    @staticmethod
    def fit(features: np.ndarray, label: np.ndarray) -> Gaussians:
        classes = np.unique(label)
        means = np.stack([features[label == c].mean(axis=0) for c in classes])
        rest = features - means[np.searchsorted(classes, label)]
        covariance = rest.T @ rest / len(rest) + 1e-3 * np.var(rest) * np.eye(rest.shape[1])
        return Gaussians(means, np.linalg.cholesky(np.linalg.inv(covariance)))

    def score(self, features: np.ndarray) -> np.ndarray:
        """Squared Mahalanobis distance to the nearest mean: [n]."""
        x, means = features @ self.whitening, self.means @ self.whitening
        return np.min([np.sum((x - mean) ** 2, axis=1) for mean in means], axis=0)
