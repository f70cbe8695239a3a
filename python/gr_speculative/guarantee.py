# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Thresholds that keep a promise about the cascade's risk, by fixed-sequence Learn-then-Test.

Angelopoulos, Bates, Candès, Jordan, Lei, "Learn then Test", Annals of Applied Statistics 19(2), 2025. A
fixed sequence of thresholds is tested from the most cautious on, and the first that cannot be certified ends
it: the chance that any threshold before it breaks the promise is at most 1 − confidence. Every loss is that
of one vector drawn at random from its own independent unit. Which unit that is: docs/deferral.md.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.special import bdtr, gammaln, xlog1py, xlogy

from .rules import is_accepted
from .terms import MODES

# 1 (everything deferred) to 0 (nothing), denser towards 1. Fixed before any data: that makes the test valid.
THRESHOLDS = np.round(1 - np.append(0, np.logspace(-4, 0, 161)), 6)
STEP = 1e-4  # of a reachable risk


def draw(unit: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One random row of each unit: int [n] -> row numbers [number of units]."""
    order = rng.permutation(len(unit))
    return order[np.unique(unit[order], return_index=True)[1]]


def losses(
    mode: str, label: np.ndarray, fast: np.ndarray, slow: np.ndarray, merged: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Loss in {−1, 0, 1} of each vector, int [n], if it is accepted and if it is deferred.

    label is the true one, the others are those models' labels: int [n]. non-inferior: slow is right, minus
    the cascade is right; agree: the cascade's label is not the slow model's. Raises ValueError otherwise.
    """
    if mode == "agree":
        return (fast != slow).astype(int), (merged != slow).astype(int)
    if mode != "non-inferior":
        raise ValueError(f"mode {mode!r}: expected one of {', '.join(MODES)}")
    right = (slow == label).astype(int)
    return right - (fast == label), right - (merged == label)


class Sequence:
    """The tests at THRESHOLDS. Attributes: n; lost, gained: numbers of losses and gains (−1), int [m].

    score, accepted, deferred: [n], of the vectors drawn; the latter two as `losses` tells.
    """

    def __init__(self, mode: str, score: np.ndarray, accepted: np.ndarray, deferred: np.ndarray) -> None:
        loss = np.where(is_accepted(score, THRESHOLDS[:, None]), accepted, deferred)
        self.mode, self.n = mode, len(score)
        self.lost, self.gained = np.sum(loss == 1, axis=1), np.sum(loss == -1, axis=1)

    def passed(self, risk: float, confidence: float) -> int:
        """How many steps are certified before the first that is not, 0 to m."""
        for step, table in enumerate(zip(self.lost.tolist(), self.gained.tolist(), strict=True)):
            if p_value(self.mode, self.n, *table, risk) > 1 - confidence:
                return step
        return len(THRESHOLDS)

    def reachable(self, steps: int, confidence: float) -> float:
        """The smallest risk, in steps of 1e-4, at which the first `steps` are certified; 1 if none is."""
        low, high = 0, round(1 / STEP)
        while high - low > 1:
            middle = (low + high) // 2
            enough = self.passed(middle * STEP, confidence) >= steps
            low, high = (low, middle) if enough else (middle, high)
        return high * STEP


def needed(
    mode: str, risk: float, confidence: float, loss_rate: float = 0.0, gain_rate: float = 0.0
) -> int | None:
    """Units with which a step of these rates is certified, to 1 %; None if 100,000 are not enough.

    Without losses and gains: ln(1 − confidence) / ln(1 − risk), rounded up.
    """

    def enough(n: int) -> bool:
        found = p_value(mode, n, int(np.ceil(loss_rate * n)), int(gain_rate * n), risk)
        return found <= 1 - confidence

    low, high = 0, int(np.ceil(np.log(1 - confidence) / np.log1p(-risk)))
    if loss_rate == gain_rate == 0:
        return high
    while not enough(high):
        if loss_rate - gain_rate >= risk or high > 100_000:
            return None
        low, high = high, 2 * high
    while high - low > max(1, high // 100):
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


@lru_cache(maxsize=16384)
def p_value(mode: str, n: int, lost: int, gained: int, risk: float) -> float:
    """Of H0 "the expected loss exceeds `risk`", from n independent losses in {−1, 0, 1}.

    agree (no gains): the binomial tail. non-inferior: the exact unconditional test. Tables (lost, gained) are
    ordered by the signed root of the likelihood ratio against the closest point of H0; the p-value is the
    largest probability, over all shares of gains, of a table at least as extreme (as in Lloyd & Moldovan, "A
    more powerful exact test of noninferiority from binary matched-pairs data", Statistics in Medicine 27,
    2008). Where no gain is seen it is the binomial tail; where losses and gains mix it certifies with far
    fewer units than betting or a bound for each (docs/deferral.md).
    """
    if n == 0:
        return 1.0
    if mode == "agree":
        return float(bdtr(lost, n, risk))
    gains = np.arange(n + 1)
    most = _most_losses(n, _evidence(np.array(lost), np.array(gained), n, risk), risk)
    worst = 0.0
    for share in _shares(n, (1 - risk) / 2):
        reach = 8 * np.sqrt(n * share) + 20  # beyond it there is less than 1e-14
        b = gains[max(0, int(n * share - reach)) : int(n * share + reach) + 1]
        chance = gammaln(n + 1) - gammaln(b + 1) - gammaln(n - b + 1)
        chance = np.exp(chance + xlogy(b, share) + xlog1py(n - b, -share))
        # Of the vectors that are no gain, the share that is lost at the edge of H0: P(loss) = P(gain) + risk.
        below = np.where(most[b] < 0, 0.0, bdtr(np.maximum(most[b], 0), n - b, (share + risk) / (1 - share)))
        worst = max(worst, float(chance @ below))
    return min(worst, 1.0)


def _shares(n: int, top: float) -> np.ndarray:
    """Shares of gains from 0 to `top`: dense up to 100 gains, where the probability of a region has steps."""
    few = np.arange(0, 10, 0.06) ** 2 / n
    many = np.geomspace(100 / n, max(top, 100 / n), 2 + int(20 * np.log10(max(n / 100, 1))))
    return np.append(np.minimum(np.append(few, many), top), top)


def _most_losses(n: int, evidence: np.ndarray, risk: float) -> np.ndarray:
    """For 0 to n gains, the most losses with no more than this evidence for H0; −1 if none: int [n + 1]."""
    gains = np.arange(n + 1)
    low, high = np.full(n + 1, -1), n - gains
    for _ in range(int(np.log2(n + 1)) + 2):
        middle = (low + high + 1) // 2
        good = _evidence(np.maximum(middle, 0), gains, n, risk) <= evidence + 1e-9
        low, high = np.where(good, middle, low), np.where(good, high, middle - 1)
        high = np.maximum(low, high)
    return low


def _evidence(lost: np.ndarray, gained: np.ndarray, n: int, risk: float) -> np.ndarray:
    """Signed root of twice the log likelihood ratio against P(loss) = P(gain) + risk.

    The more negative, the more it speaks against H0.
    """
    even = n - lost - gained
    # The likelihood's maximum on that line solves 2n·g² + linear·g − constant = 0 for the share g of gains.
    linear = 2 * risk * (gained + even) - (1 - risk) * (lost + gained)
    constant = gained * risk * (1 - risk)
    g = (-linear + np.sqrt(linear**2 + 8 * n * constant)) / (4 * n)
    g = np.clip(g, 0, (1 - risk) / 2)
    ratio = (
        _deviance(lost, n * (g + risk)) + _deviance(gained, n * g) + _deviance(even, n * (1 - risk - 2 * g))
    )
    return np.sign(lost - gained - n * risk) * np.sqrt(np.maximum(2 * ratio, 0))


def _deviance(seen: np.ndarray, expected: np.ndarray) -> np.ndarray:
    return xlogy(seen, np.divide(seen, expected, out=np.ones_like(expected), where=expected > 0))
