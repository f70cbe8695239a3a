# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Radio refractivity of air: Recommendation ITU-R P.453-14, whose equation numbers are quoted.

Pressures in hPa, temperatures in °C, heights in m; scalars or arrays, float64.
"""

from __future__ import annotations

import numpy as np

KELVIN = 273.15
EARTH_RADIUS_M = 6.371e6
M_GRADIENT = 157.0  # M-units per km that the Earth's curvature adds: 1e6 / 6371 km
# Gradients of N in N-units per km at which the classes part. Between them lies what radio horizons assume:
# -40 is the mean of the lowest kilometre (4/3 Earth), -157 bends a ray as strongly as the Earth is curved.
SUB_REFRACTION, SUPER_REFRACTION, DUCTING = 0.0, -79.0, -157.0


def saturation_vapour_pressure(temperature, pressure, ice: bool = False):
    """Over water (-40..50 °C) or ice (-80..0 °C), hPa. Eq. (9)."""
    t, p = np.asarray(temperature, float), np.asarray(pressure, float)
    if ice:
        enhancement = 1 + 1e-4 * (2.2 + p * (0.0383 + 6.4e-6 * t**2))
        a, b, c, d = 6.1115, 23.036, 279.82, 333.7
    else:
        enhancement = 1 + 1e-4 * (7.2 + p * (0.0320 + 5.9e-6 * t**2))
        a, b, c, d = 6.1121, 18.678, 257.14, 234.5
    return enhancement * a * np.exp((b - t / d) * t / (t + c))


def vapour_pressure(temperature, pressure, relative_humidity):
    """From relative humidity over water in per cent, hPa. Eq. (8)."""
    return np.asarray(relative_humidity, float) / 100 * saturation_vapour_pressure(temperature, pressure)


def vapour_pressure_of_mixing_ratio(mixing_ratio, pressure):
    """From grams of vapour per kilogram of dry air, hPa (ideal gases, ratio of molar masses 0.622)."""
    w = np.asarray(mixing_ratio, float) / 1000
    return w * np.asarray(pressure, float) / (0.622 + w)


def refractivity(pressure, temperature, vapour):
    """N-units from total pressure, temperature and vapour pressure. Eq. (2): dry term, then the two of
    vapour."""
    p, e = np.asarray(pressure, float), np.asarray(vapour, float)
    kelvin = np.asarray(temperature, float) + KELVIN
    return 77.6 * (p - e) / kelvin + 72 * e / kelvin + 3.75e5 * e / kelvin**2


def modified_refractivity(n, height):
    """M-units: N + 157 h, h in km above the ground. Where M falls with height, rays are trapped."""
    return np.asarray(n, float) + M_GRADIENT * np.asarray(height, float) / 1000


def refraction_class(gradient: float) -> str:
    """`sub`, `standard`, `super` or `ducting`, from dN/dh in N-units per km."""
    if gradient > SUB_REFRACTION:
        return "sub"
    if gradient > SUPER_REFRACTION:
        return "standard"
    return "super" if gradient > DUCTING else "ducting"
