# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Rays through a stratified atmosphere, by Bouguer's rule: n·r·cos(elevation) stays constant along a ray.

With u = n·(1 + h/R) (flat Earth: u = n) the rule is u·cos θ = C. Between the levels of the (refined) profile
u is taken as linear in h, which makes every layer's ray a catenary: with u = C cosh A, θ = atan(sinh A), A
grows in proportion to the range. Turning points are where A passes through 0, so there is no step size to
converge. The optical path is C ∫ cosh² A over the range. Ground range per length shrinks by 1 + h/R, which
is taken as constant in each layer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .ducts import SPEED_OF_LIGHT
from .profile import Profile
from .refractivity import EARTH_RADIUS_M

_LAYER_M = 10.0  # the refined profile's thickest layer
_MAX_EVENTS = 200_000


@dataclass(frozen=True, eq=False)
class Ray:
    """Points along a ray, float64 [n]: ground range (m), height above ground (m), elevation (rad), delay (s).

    ducted: turned back downwards by the air. end: `range`, `top` (of the profile) or `ground`.
    """

    range: np.ndarray
    height: np.ndarray
    elevation: np.ndarray
    delay: np.ndarray
    ducted: bool
    end: str


def trace(
    profile: Profile,
    height: float,
    elevation: float,
    max_range: float,
    *,
    earth_radius: float | None = EARTH_RADIUS_M,
    reflect: bool = False,
) -> Ray:
    """A ray from `height` m above ground at `elevation` degrees, until it has gone max_range m over ground,
    leaves the profile at its top, or meets the ground (reflect: it goes on as from a mirror).

    earth_radius: m; None for a flat Earth. Raises ValueError.
    """
    top = profile.height[-1]
    if not (0 <= height <= top and -90 < elevation < 90 and 0 < max_range < np.inf):
        raise ValueError(
            f"ray from {height:g} m at {elevation:g}° over {max_range:g} m: "
            f"expected 0 to {top:g} m, less than 90°, and a range"
        )
    h = np.union1d(_refined(profile.height), [height])
    curvature = 0.0 if earth_radius is None else 1 / earth_radius
    u = (1 + 1e-6 * np.interp(h, profile.height, profile.refractivity)) * (1 + curvature * h)
    return _march(h, u, int(np.searchsorted(h, height)), np.radians(elevation), max_range, curvature, reflect)


def _refined(h: np.ndarray) -> np.ndarray:
    counts = np.ceil(np.diff(h) / _LAYER_M).astype(int)
    return np.concatenate(
        [*(np.linspace(a, b, n, endpoint=False) for a, b, n in zip(h, h[1:], counts, strict=False)), h[-1:]]
    )


def _march(h, u, i: int, elevation: float, max_range: float, curvature: float, reflect: bool) -> Ray:
    c = u[i] * np.cos(elevation)
    a = float(np.arcsinh(abs(np.tan(elevation))))
    up = 1 if elevation > 0 or (elevation == 0 and i + 1 < len(u) and u[i + 1] > c) else -1
    points = [(0.0, h[i], float(elevation), 0.0)]
    ducted, end = False, "range"
    for _ in range(_MAX_EVENTS):
        if points[-1][0] >= max_range:
            break
        if not 0 <= i + up < len(h):
            if up > 0 or not reflect:
                end = "top" if up > 0 else "ground"
                break
            up = 1
        layer = _Layer(h[i], u[i], h[i + up], u[i + up], c, curvature)
        left = max_range - points[-1][0]
        if a == 0 and layer.turns:  # level, where u is at its largest below and above: the axis of a duct
            points.append((max_range, h[i], 0.0, points[-1][3] + c * left / SPEED_OF_LIGHT))
            ducted = True
            break
        for b in (0.0, -a) if layer.turns else (layer.end(),):
            dx = layer.range(a, b)
            if dx > left:
                dx, b = left, layer.after(a, left)
            points.append(layer.point(points[-1], up, dx, a, b))
            ducted |= up > 0 and b <= 0
            left, a = left - dx, b
            if left <= 0:
                break
        a = abs(a)
        if layer.turns:
            up = -up
        else:
            i += up
    return Ray(*np.array(points).T, bool(ducted), end)


class _Layer:
    """One layer between the side on which a ray enters it (h1, u1) and the other.

    A is positive while the ray goes on from there, negative once it has turned."""

    def __init__(self, h1: float, u1: float, h2: float, u2: float, c: float, curvature: float) -> None:
        self._u1, self._u2, self._c = u1, u2, c
        self._thickness = abs(h2 - h1)
        self._slope = (u2 - u1) / self._thickness
        self._scale = 1 / (1 + curvature * (h1 + h2) / 2)
        self.turns = u2 <= c

    def end(self) -> float:
        """A at the far side."""
        return float(np.arcsinh(np.sqrt((self._u2 - self._c) * (self._u2 + self._c)) / self._c))

    def range(self, a: float, b: float) -> float:
        """Ground range from A = a to A = b, m."""
        if self.turns:
            return self._scale * self._c * (b - a) / self._slope
        # arsinh of the difference, which keeps its digits where the air is almost uniform
        q = (self._u1 + self._u2) / (self._c * (np.sinh(b) * self._u1 + np.sinh(a) * self._u2))
        d = (self._u2 - self._u1) * q
        return (
            self._scale * self._c * self._thickness * q * (float(np.arcsinh(d)) / d if abs(d) > 1e-9 else 1.0)
        )

    def after(self, a: float, dx: float) -> float:
        """A after dx m of range."""
        return a + dx * self._slope / (self._scale * self._c)

    def point(self, last: tuple, up: int, dx: float, a: float, b: float) -> tuple[float, float, float, float]:
        """The point dx m on from `last`, with A = a there and b here."""
        x, height, _, delay = last
        middle, half = (a + b) / 2, (b - a) / 2
        rise = dx / self._scale * np.sinh(middle) * (np.sinh(half) / half if half else 1.0)
        path = self._c * dx * (np.cosh(a) ** 2 + 4 * np.cosh(middle) ** 2 + np.cosh(b) ** 2) / 6
        return x + dx, height + up * rise, up * float(np.arctan(np.sinh(b))), delay + path / SPEED_OF_LIGHT
