# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""How much of a distant transmitter's power arrives: diffraction, reflection and ducting in one.

The parabolic equation of a wave that runs along the Earth through a stratified profile, stepped in range by
the split-step Fourier method: propagation in free air as a product in the spectrum of heights (wide-angle),
bending by the air as a product in height (Levy, Parabolic Equation Methods for Electromagnetic Wave
Propagation, IEE 2000, chapters 2 and 3; flat-Earth coordinates, so M stands for N). The ground is a perfect
mirror of reflection coefficient -1, which land and sea are at grazing incidence. Terrain, sea state and
scatter by turbulence are left out: the last holds any path near 50 dB below free space that would be weaker.
"""

from __future__ import annotations

import numpy as np
from scipy.fft import dst, next_fast_len

from .ducts import SPEED_OF_LIGHT
from .profile import Profile

_BEAM_DEG = 3.0  # half-power half-width of the source: all that stays near the ground over 5 km
_STANDARD_M = 0.118  # M-units per m above the profile's top
_MARGIN = 4.0  # the grid's largest angle over the beam's


def propagation_factor(
    profile: Profile,
    frequency: float,
    transmitter: float,
    ranges: np.ndarray,
    heights: np.ndarray,
    *,
    top: float = 1000.0,
    step: float = 250.0,
) -> np.ndarray:
    """Field over that of free space, dB, float64 [len(ranges), len(heights)]; path loss is free space's less
    this.

    frequency: Hz, 100e6 to 10e9. transmitter: height in m above ground. ranges: m, at least 5000, ascending.
    heights: of receivers, m. top: what goes higher than this is lost, m. step: of range, m. Raises
    ValueError.
    """
    ranges, heights = np.asarray(ranges, float), np.asarray(heights, float)
    if not (1e8 <= frequency <= 1e10 and len(ranges) and ranges[0] >= 5e3 and np.all(np.diff(ranges) > 0)):
        raise ValueError(
            f"propagation at {frequency:g} Hz over {ranges}: expected 1e8 to 1e10 Hz, ranges that ascend from 5000 m"
        )
    if not (0 < transmitter < top and len(heights) and heights.min() > 0 and heights.max() < top):
        raise ValueError(f"antennas at {transmitter:g} and {heights} m: expected 0 to {top:g} m")
    wavelength = SPEED_OF_LIGHT / frequency
    k = 2 * np.pi / wavelength
    angle = np.sin(np.radians(_BEAM_DEG))
    n = next_fast_len(int(np.ceil(4 * top * _MARGIN * angle / wavelength)))
    z = 2 * top / n * np.arange(1, n)  # half of them absorb
    field = _source(z, transmitter, np.sqrt(np.log(2)) / (k * angle)).astype(complex)
    across = np.pi * np.arange(1, n) / (2 * top)
    free = np.exp(1j * step * (np.sqrt(np.maximum(k**2 - across**2, 0)) - k))
    air = np.exp(1j * step * k * 1e-6 * (_modified(profile, z) - profile.modified[0])) * _absorber(z, top)
    steps = np.arange(1, int(np.ceil(ranges[-1] / step)) + 1)
    found = np.empty((len(steps), len(heights)))
    for i in range(len(steps)):
        field = dst(free * dst(field, 1), 1) / (2 * n) * air
        found[i] = np.interp(heights, z, np.abs(field))
    found *= np.sqrt(wavelength * steps * step)[:, None]
    at = np.array([np.interp(ranges, steps * step, column) for column in found.T]).T
    return 20 * np.log10(np.maximum(at, 1e-10))


def _source(z: np.ndarray, height: float, width: float) -> np.ndarray:
    """A Gaussian beam less its image, of unit integral: sqrt(1 / (wavelength · range)) on its axis in free
    space."""
    return sum(sign * np.exp(-0.5 * ((z - c) / width) ** 2) for sign, c in ((1, height), (-1, -height))) / (
        width * np.sqrt(2 * np.pi)
    )


def _modified(profile: Profile, z: np.ndarray) -> np.ndarray:
    above = np.maximum(z - profile.height[-1], 0) * _STANDARD_M
    return np.interp(z, profile.height, profile.modified) + above


def _absorber(z: np.ndarray, top: float) -> np.ndarray:
    """1 up to `top`, falling to 0 at twice that, softly enough to reflect nothing."""
    return 0.5 * (1 + np.cos(np.pi * np.clip(z / top - 1, 0, 1)))
