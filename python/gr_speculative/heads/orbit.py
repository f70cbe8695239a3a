# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Doppler shift of a satellite from its TLE (SGP4), seen from a place on Earth.

Good to a few Hz at VHF with elements some days old: precession, nutation and polar motion are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sgp4.api import Satrec

SPEED_OF_LIGHT = 299_792_458.0  # m/s
_EARTH_RATE = 7.292115e-5  # rad/s
_WGS84_A, _WGS84_E2 = 6378137.0, 6.69437999014e-3
_UNIX_EPOCH_JD = 2440587.5


@dataclass(frozen=True)
class Station:
    """latitude, longitude: degrees, north and east positive; altitude: m above the ellipsoid."""

    latitude: float
    longitude: float
    altitude: float = 0.0

    def position(self) -> np.ndarray:
        """Earth-fixed, m, float64 [3]."""
        lat, lon = np.radians([self.latitude, self.longitude])
        n = _WGS84_A / np.sqrt(1 - _WGS84_E2 * np.sin(lat) ** 2)
        around = (n + self.altitude) * np.cos(lat)
        polar = (n * (1 - _WGS84_E2) + self.altitude) * np.sin(lat)
        return np.array([around * np.cos(lon), around * np.sin(lon), polar])

    def up(self) -> np.ndarray:
        lat, lon = np.radians([self.latitude, self.longitude])
        return np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])


class Orbit:
    """tle: two lines. Raises ValueError."""

    def __init__(self, tle: Sequence[str]) -> None:
        lines = [str(line).strip() for line in tle]
        if len(lines) != 2 or not lines[0].startswith("1 ") or not lines[1].startswith("2 "):
            raise ValueError("tle: expected two lines that start with 1 and 2")
        self._satellite = Satrec.twoline2rv(*lines)
        self.epoch = (self._satellite.jdsatepoch + self._satellite.jdsatepochF - _UNIX_EPOCH_JD) * 86400

    def seen_from(self, station: Station, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Range rate, m/s, positive where it recedes, and elevation, degrees; times: seconds since 1970, UTC.
        Raises ValueError where the elements say nothing of such a time."""
        times = np.asarray(times, float)
        days = np.floor(times / 86400)
        errors, r, v = self._satellite.sgp4_array(_UNIX_EPOCH_JD + days, times / 86400 - days)
        if np.any(errors):
            raise ValueError("the orbit's elements do not reach to that time: expected a newer TLE")
        angle = _sidereal_angle(times)
        c, s, zero = np.cos(angle), np.sin(angle), np.zeros_like(angle)
        turn = np.array([[c, s, zero], [-s, c, zero], [zero, zero, zero + 1]])
        r, v = (np.einsum("ijn,nj->ni", turn, 1e3 * x) for x in (r, v))
        v = v - np.cross([0, 0, _EARTH_RATE], r)
        line = r - station.position()
        distance = np.linalg.norm(line, axis=1)
        rate = np.sum(line * v, axis=1) / distance
        return rate, np.degrees(np.arcsin(line @ station.up() / distance))

    def doppler(self, station: Station, times: np.ndarray, frequency: float) -> np.ndarray:
        """Shift of a carrier of `frequency` Hz, Hz."""
        return -frequency * self.seen_from(station, times)[0] / SPEED_OF_LIGHT


def _sidereal_angle(times: np.ndarray) -> np.ndarray:
    """Greenwich mean sidereal time, rad: IAU 1982, which SGP4's frame goes with."""
    t = (times / 86400 + _UNIX_EPOCH_JD - 2451545.0) / 36525
    seconds = 67310.54841 + (876600 * 3600 + 8640184.812866) * t + 0.093104 * t**2 - 6.2e-6 * t**3
    return np.radians(seconds / 240 % 360)
