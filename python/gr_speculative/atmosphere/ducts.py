# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Ducts in a profile of modified refractivity, after the definitions of ITU-R P.453-14 (section 6).

A duct ends (`top`) at a local minimum of M. It begins (`base`) where M, going down, falls below that minimum
again, or at the ground. Its strength is the largest M inside less the M of the top.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .profile import Profile

SPEED_OF_LIGHT = 299_792_458.0  # m/s
MIN_STRENGTH = 2.0  # M-units; the errors of a radiosonde make weaker ones
KINDS = ("surface", "surface_based", "elevated", "evaporation")


@dataclass(frozen=True)
class Duct:
    """Heights in m above ground. kind: `surface` (M falls from the ground on), `surface_based` (the trapping
    layer is aloft, the duct reaches the ground: the recommendation's "elevated surface duct"), `elevated`,
    `evaporation` (over water, from surface weather). strength: M-units. min_frequency: Hz, of the first
    mode."""

    kind: str
    base: float
    top: float
    strength: float
    min_frequency: float
    trapping_base: float  # where M begins to fall

    @property
    def thickness(self) -> float:
        return self.top - self.base

    @property
    def critical_angle(self) -> float:
        """Largest elevation in degrees at which a ray, at the height of the largest M, is still trapped."""
        return float(np.degrees(np.sqrt(2e-6 * self.strength)))


def find_ducts(profile: Profile, min_strength: float = MIN_STRENGTH) -> list[Duct]:
    """Ducts of at least `min_strength` M-units, lowest top first; a stronger one may enclose others."""
    h, m = profile.height, profile.modified
    falling = np.diff(m) < 0
    ducts = []
    for k in np.flatnonzero(falling & ~np.append(falling[1:], False)) + 1:  # h[k]: M is least
        first = k - 1
        while first > 0 and falling[first - 1]:
            first -= 1
        duct = _duct(h[: k + 1], m[: k + 1], h[first])
        if duct.strength >= min_strength:
            ducts.append(duct)
    return ducts


def _duct(h: np.ndarray, m: np.ndarray, trapping_base: float) -> Duct:
    below = np.flatnonzero(m[:-1] < m[-1])
    if len(below):
        i = below[-1]
        base = float(h[i] + (m[-1] - m[i]) / (m[i + 1] - m[i]) * (h[i + 1] - h[i]))
        h, m = np.append(base, h[i + 1 :]), np.append(m[-1], m[i + 1 :])
        kind = "elevated"
    else:
        base = float(h[0])
        kind = "surface" if trapping_base == h[0] else "surface_based"
    frequency = min_trapped_frequency(h, m, kind == "elevated")
    return Duct(kind, base, float(h[-1]), float(m.max() - m[-1]), frequency, float(trapping_base))


def min_trapped_frequency(h: np.ndarray, m: np.ndarray, elevated: bool) -> float:
    """Frequency in Hz above which the first mode is trapped. h: m, m: M-units; from base to top of the duct.

    The phase integral I = ∫ √(2e-6 (M - M_top)) dh of that mode fits the duct when λ = 4 I, or, where the
    duct reaches a reflecting ground, λ = 8/3 I; for a duct of constant gradient that is Kerr's λ = 2.5e-3
    √(-dM/dh) d^1.5 (Propagation of Short Radio Waves, 1951, section 2.20, M-units per m, m). The cut-off is
    soft: a little below it energy still leaks along.
    """
    y = np.sqrt(np.maximum(m - m[-1], 0))
    a, b = y[:-1], y[1:]
    layers = np.divide(a * a + a * b + b * b, a + b, out=np.zeros_like(a), where=a + b > 0)
    integral = np.sqrt(2e-6) * 2 / 3 * float(np.sum(layers * np.diff(h)))
    return SPEED_OF_LIGHT / ((4 if elevated else 8 / 3) * integral) if integral > 0 else float("inf")
