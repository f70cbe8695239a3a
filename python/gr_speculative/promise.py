# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The promise about a cascade on labelled vectors: what each threshold costs, and which one keeps it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import guarantee, rules
from .cascade_predictions import Predictions
from .contract import Contract
from .guarantee import THRESHOLDS
from .rules import is_accepted
from .terms import EDGES_DB, STRATUM, Terms

SHARES = (1.0, 0.5, 0.3, 0.2, 0.1, 0.05, 0.0)  # deferred, of which a table speaks


@dataclass(frozen=True)
class Part:
    """Vectors under one threshold. At each of THRESHOLDS, float [m]: deferred: their share of the part; rate:
    deferrals a second; loss: mean over the vectors of the part, each unit counting once.
    """

    name: str
    sequence: guarantee.Sequence
    deferred: np.ndarray
    rate: np.ndarray
    loss: np.ndarray


@dataclass(frozen=True)
class Choice:
    """A step of THRESHOLDS; if not certified, the one that seems right. text: says all about it."""

    certified: bool
    step: int
    text: str

    @property
    def threshold(self) -> float:
        return float(THRESHOLDS[self.step])


def whole(terms: Terms, found: Predictions, score: np.ndarray) -> Part:
    """All vectors; score: of a rule, [n]."""
    return _part("", terms, found, score, np.full(len(score), True))


@dataclass(frozen=True)
class Groups:
    """Parts of the vectors that may have thresholds of their own. names: [m]; stratum: of each vector, int [n];
    support: drawn units in each, int [m].
    """

    names: tuple[str, ...]
    stratum: np.ndarray
    support: np.ndarray

    @property
    def supported(self) -> np.ndarray:
        """Numbers of those with a support of STRATUM or more."""
        return np.flatnonzero(self.support >= STRATUM)


def groups(terms: Terms, found: Predictions, by: str, contract: Contract) -> Groups:
    """By `label`: the fast model's; by `snr`: bands between EDGES_DB of the largest bin over the floor."""
    number = rules.stratum(by, found.fast, found.levels, EDGES_DB, contract.preprocessing.scale_db)
    names = contract.labels
    if by == "snr":
        edges = [f"{edge:g} dB" for edge in EDGES_DB]
        between = [f"{low} to {high}" for low, high in zip(edges, edges[1:], strict=False)]
        names = (f"below {edges[0]}", *between, f"{edges[-1]} and above")
    return Groups(names, number, np.bincount(number[_drawn(terms, found)], minlength=len(names)))


def split(terms: Terms, found: Predictions, score: np.ndarray, groups: Groups) -> list[Part]:
    """One part for each supported stratum, then one for the rest, if there is any."""
    parts = [_part(groups.names[i], terms, found, score, groups.stratum == i) for i in groups.supported]
    rest = ~np.isin(groups.stratum, groups.supported)
    if rest.any():
        parts.append(_part("the rest", terms, found, score, rest))
    return parts


def thresholds(groups: Groups, choices: list[Choice]) -> tuple[float, tuple[float | None, ...]]:
    """The common threshold and that of each stratum, of the choices about what `split` gave.

    If every vector belongs to a supported stratum, the most cautious of theirs is the common one.
    """
    own: list[float | None] = [None] * len(groups.names)
    for number, choice in zip(groups.supported, choices, strict=False):
        own[number] = choice.threshold
    rest = choices[len(groups.supported) :] or choices
    return max(choice.threshold for choice in rest), tuple(own)


def _drawn(terms: Terms, found: Predictions) -> np.ndarray:
    return guarantee.draw(found.units[terms.unit], np.random.default_rng(terms.seed))


def _part(name: str, terms: Terms, found: Predictions, score: np.ndarray, inside: np.ndarray) -> Part:
    labels = (found.labels(model) for model in ("fast", "slow", "merged"))
    accepted, deferred = guarantee.losses(terms.mode, found.label, *labels)
    rows = _drawn(terms, found)
    rows = rows[inside[rows]]
    kept = is_accepted(score[inside], THRESHOLDS[:, None])
    unit = found.units[terms.unit][inside]
    weight = 1 / np.bincount(unit)[unit]
    seconds = np.sum(found.fft_size / (terms.sample_rate or found.sample_rate) * np.ones(len(score)))
    return Part(
        name,
        guarantee.Sequence(terms.mode, score[rows], accepted[rows], deferred[rows]),
        deferred=np.mean(~kept, axis=1),
        rate=np.sum(~kept, axis=1) / seconds,
        loss=np.where(kept, accepted[inside], deferred[inside]) @ weight / weight.sum(),
    )


def choose(terms: Terms, part: Part, confidence: float) -> Choice:
    """The certified threshold with the fewest deferrals, if it is within the budget."""
    sequence = part.sequence
    passed = sequence.passed(terms.risk, confidence)
    affordable = int(np.argmax(part.rate <= terms.budget))  # the most cautious step within the budget
    if passed > affordable:
        return Choice(True, passed - 1, f"certified: {_point(part, passed - 1)}")
    lost, gained = int(sequence.lost[passed]), int(sequence.gained[passed])
    reason = [f"NOT CERTIFIED: {sequence.n} {terms.unit}s with {lost} lost and {gained} gained"]
    if passed:
        reason.append(
            f"; the promise takes {_point(part, passed - 1)}, but the budget is {terms.budget:g} a second"
        )
    least = guarantee.needed(terms.mode, terms.risk, confidence)
    count = guarantee.needed(
        terms.mode, terms.risk, confidence, lost / max(sequence.n, 1), gained / max(sequence.n, 1)
    )
    enough = f"about {count}" if count else "no number"
    reason.append(f"; needed: {least} {terms.unit}s without loss or gain, {enough} at the rates seen")
    reach = sequence.reachable(affordable + 1, confidence)
    reason.append(f"\nreachable with these {sequence.n}: risk {reach:.4f} at {_point(part, affordable)}")
    seems = int(np.argmax(np.append(part.loss > terms.risk, True))) - 1
    return Choice(False, max(seems, affordable), "".join(reason))


def _point(part: Part, step: int) -> str:
    deferred, rate = part.deferred[step], part.rate[step]
    return f"threshold {THRESHOLDS[step]:g}, {deferred:.1%} deferred ({rate:.4g} a second)"


def table(part: Part, confidence: float) -> str:
    """What could be promised instead, at some shares deferred."""
    lines = ["  deferred   a second  threshold  loss seen  certifiable risk"]
    for share in SHARES:
        step = int(np.argmax(part.deferred <= share))
        reach = part.sequence.reachable(step + 1, confidence)
        lines.append(
            f"  {part.deferred[step]:8.1%} {part.rate[step]:10.4g} {THRESHOLDS[step]:10.6g} "
            f"{part.loss[step]:10.4f} {reach:17.4f}"
        )
    return "\n".join(lines)
