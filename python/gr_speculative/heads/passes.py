# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Satellite passes and impostors with known truth, as carriers over time, for tests of the mimic head."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .orbit import Orbit, Station

Rng = np.random.Generator
TLE = (  # the space station, December 2019
    "1 25544U 98067A   19343.69339541  .00001764  00000-0  38792-4 0  9991",
    "2 25544  51.6439 211.2001 0007417  17.6667  85.6398 15.50103472202482",
)
STATION = Station(52.0, 5.0)
FREQUENCY = 437.8e6
STEP_S = 2.0


def passes(orbit: Orbit, station: Station, days: float = 3.0, elevation: float = 5.0) -> list[np.ndarray]:
    """Times of every pass above `elevation` degrees in the days after the elements' epoch, one every
    STEP_S."""
    times = orbit.epoch + np.arange(0, 86400 * days, STEP_S)
    up = orbit.seen_from(station, times)[1] > elevation
    groups = np.split(times[up], np.flatnonzero(np.diff(times[up]) > STEP_S) + 1)
    return [group for group in groups if len(group) >= 60]


def genuine(rng: Rng, orbit: Orbit, times: np.ndarray, noise: float) -> np.ndarray:
    """Carriers of the satellite itself, Hz: its oscillator is 2 ppm off and drifts; noise: Hz of each
    measurement."""
    carriers = FREQUENCY + orbit.doppler(STATION, times, FREQUENCY)
    carriers += FREQUENCY * rng.normal(0, 2e-6) + rng.uniform(-0.1, 0.1) * (times - times[0])
    return carriers + rng.normal(0, noise, len(times))


def fixed(rng: Rng, orbit: Orbit, times: np.ndarray, noise: float) -> np.ndarray:
    """A transmitter on the ground: no Doppler."""
    return FREQUENCY + rng.uniform(-9e3, 9e3) + rng.normal(0, noise, len(times))


def ramp(rng: Rng, orbit: Orbit, times: np.ndarray, noise: float) -> np.ndarray:
    """On the ground, swept in a straight line between the right ends."""
    ends = orbit.doppler(STATION, times[[0, -1]], FREQUENCY)
    return FREQUENCY + np.interp(times, times[[0, -1]], ends) + rng.normal(0, noise, len(times))


def late(rng: Rng, orbit: Orbit, times: np.ndarray, noise: float) -> np.ndarray:
    """The right curve, 10 to 60 s off: a replay of the prediction with a bad clock or old elements."""
    return genuine(rng, orbit, times + rng.choice([-1, 1]) * rng.uniform(10, 60), noise)


def elsewhere(rng: Rng, orbit: Orbit, times: np.ndarray, noise: float) -> np.ndarray:
    """The right satellite as heard 100 to 500 km away: a relay."""
    away, bearing = rng.uniform(100, 500) / 111.2, rng.uniform(0, 2 * np.pi)
    there = Station(
        STATION.latitude + away * np.cos(bearing),
        STATION.longitude + away * np.sin(bearing) / np.cos(np.radians(STATION.latitude)),
    )
    return FREQUENCY + orbit.doppler(there, times, FREQUENCY) + rng.normal(0, noise, len(times))


def perfect(rng: Rng, orbit: Orbit, times: np.ndarray, noise: float) -> np.ndarray:
    """A transmitter nearby that plays the right curve at the right time. Nothing can tell it by its
    Doppler."""
    return genuine(rng, orbit, times, noise)


IMPOSTORS: dict[str, Callable[[Rng, Orbit, np.ndarray, float], np.ndarray]] = {
    "fixed": fixed,
    "ramp": ramp,
    "late": late,
    "elsewhere": elsewhere,
    "perfect": perfect,
}
