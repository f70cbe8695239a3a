# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Calibrations on random samples of a population whose true risk at each threshold is known."""

from __future__ import annotations

import numpy as np

from gr_speculative import rules
from gr_speculative.guarantee import THRESHOLDS, Sequence, draw

CONFIDENCE = 0.95


class Population:
    """Vectors [n] in independent units, such as files. score, accepted, deferred: as `guarantee.losses` tells."""

    def __init__(self, mode, unit, score, accepted, deferred):
        self.mode, self.score, self.accepted, self.deferred = mode, score, accepted, deferred
        self.unit = unit
        self.members = [np.flatnonzero(unit == u) for u in np.unique(unit)]
        self.loss = np.where(rules.is_accepted(score, THRESHOLDS[:, None]), accepted, deferred)

    def risk(self, counted: np.ndarray) -> np.ndarray:
        """At each threshold, of a random vector of a random one of the units `counted`, int [n]."""
        weight = 1 / np.bincount(counted)[counted]
        return self.loss @ weight / weight.sum()

    def broken(self, risk: float, units: int, rounds: int, counted=None) -> tuple[int, int]:
        """In how many calibrations a certified threshold breaks the promise; how many certify.

        Each draws `units` of the independent units and takes for a loss of its own, rightly or wrongly, one
        vector of each unit `counted` in them (default: the independent ones).
        """
        counted = self.unit if counted is None else counted
        truth = self.risk(counted)
        rng = np.random.default_rng(1)
        broken = certified = 0
        for _ in range(rounds):
            drawn = [self.members[i] for i in rng.integers(len(self.members), size=units)]
            rows = np.concatenate([m[draw(counted[m], rng)] for m in drawn])
            sequence = Sequence(self.mode, self.score[rows], self.accepted[rows], self.deferred[rows])
            passed = sequence.passed(risk, CONFIDENCE)
            certified += passed > 0
            broken += bool(np.any(truth[:passed] > risk))
        return broken, certified
