# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""A vertical profile of the atmosphere above one place, as far as radio waves are concerned."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np

from . import refractivity as p453

_LIMITS = {  # what weather on Earth can be, with room to spare
    "pressure (hPa)": (0.5, 1100),
    "temperature (°C)": (-120, 65),
    "vapour pressure (hPa)": (0, 120),
}


class ProfileError(ValueError):
    """A profile cannot be used; the message names the source, what is wrong and what was expected."""


@dataclass(frozen=True)
class Surface:
    """Weather near the ground: °C, hPa, vapour pressure in hPa, wind in m/s (None: not observed)."""

    temperature: float
    pressure: float
    vapour_pressure: float
    wind: float | None = None


@dataclass(frozen=True, eq=False)
class Profile:
    """height: m above ground, float64 [n], strictly ascending from 0, n >= 2; refractivity: N-units, float64
    [n].

    elevation: of the ground above sea level, m. surface: the weather of the lowest level where it is known.
    measured_aloft: False where everything above the surface is a model (METAR): such a profile cannot show a
    duct. Raises ProfileError.
    """

    height: np.ndarray
    refractivity: np.ndarray
    station: str = ""
    time: datetime | None = None  # UTC
    elevation: float = 0.0
    surface: Surface | None = None
    measured_aloft: bool = True
    modified: np.ndarray = field(init=False)  # M-units, float64 [n]

    def __post_init__(self) -> None:
        h, n = np.asarray(self.height, float), np.asarray(self.refractivity, float)
        who = self.station or "profile"
        if h.ndim != 1 or h.shape != n.shape or len(h) < 2:
            raise ProfileError(
                f"{who}: expected at least two levels, found {h.size} heights and {n.size} values"
            )
        if not (np.all(np.isfinite(h)) and np.all(np.isfinite(n)) and np.all(n >= 0) and np.all(n < 1000)):
            raise ProfileError(f"{who}: expected finite heights and refractivities of 0 to 1000 N-units")
        if h[0] != 0 or np.any(np.diff(h) <= 0):
            raise ProfileError(f"{who}: expected heights that ascend from 0 (the ground)")
        for name, value in (
            ("height", h),
            ("refractivity", n),
            ("modified", p453.modified_refractivity(n, h)),
        ):
            object.__setattr__(self, name, value)

    @classmethod
    def from_weather(
        cls, height, pressure, temperature, vapour, *, station: str = "", wind: float | None = None, **about
    ) -> Profile:
        """From levels in any order: m above sea level, hPa, °C, vapour pressure in hPa; the lowest is the
        ground.

        A level with a NaN or with a height that occurred before is left out. Raises ProfileError.
        """
        columns = np.array([height, pressure, temperature, vapour], float)
        columns = columns[:, np.all(np.isfinite(columns), axis=0)]
        columns = columns[:, np.unique(columns[0], return_index=True)[1]]
        who = station or "profile"
        if columns.shape[1] < 2:
            raise ProfileError(f"{who}: expected at least two complete levels, found {columns.shape[1]}")
        for (name, (low, high)), values in zip(_LIMITS.items(), columns[1:], strict=True):
            if values.min() < low or values.max() > high:
                raise ProfileError(
                    f"{who}: {name} {values.min():g} to {values.max():g}, expected {low} to {high}"
                )
        h, p, t, e = columns
        surface = Surface(float(t[0]), float(p[0]), float(e[0]), wind)
        n = p453.refractivity(p, t, e)
        return cls(h - h[0], n, station=station, elevation=float(h[0]), surface=surface, **about)

    def gradient(self, top: float = 1000.0) -> float:
        """Mean dN/dh from the ground to `top` m (or the highest level), N-units per km."""
        top = min(top, float(self.height[-1]))
        return float(np.interp(top, self.height, self.refractivity) - self.refractivity[0]) / top * 1000

    def up_to(self, top: float) -> Profile:
        """The part below `top` m above ground, ending there; the whole where it is not that high."""
        if top >= self.height[-1]:
            return self
        below = self.height < top
        height = np.append(self.height[below], top)
        return replace(self, height=height, refractivity=np.interp(height, self.height, self.refractivity))

    def layer_gradients(self) -> np.ndarray:
        """dN/dh of each layer, N-units per km, float64 [n - 1]."""
        return np.diff(self.refractivity) / np.diff(self.height) * 1000

    def describe(self) -> str:
        when = f"{self.time:%Y-%m-%d %H:%M} UTC" if self.time else "time unknown"
        return f"{self.station or 'profile'}, {when}"
