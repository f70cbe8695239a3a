# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The evaporation duct over water, from weather at one height and the water's temperature.

Bulk method after Babin, Young & Carton, "A new model of the oceanic evaporation duct", J. Appl. Meteorol. 36,
1997, as the US Navy runs it today (Frederickson, Navy Atmospheric Vertical Surface Layer Model 2.0, Naval
Postgraduate School, 2019): Monin-Obukhov profiles of temperature and humidity, and from them M(z), whose
minimum is the duct's height. Surface roughness: Charnock (0.011) with a smooth limit; of heat and vapour, and
gusts in weak wind: Fairall et al. (COARE 3.0), J. Climate 16, 2003. Stability functions: Businger-Dyer in
unstable air, Grachev et al. (SHEBA), Boundary-Layer Meteorol. 124, 2007, in stable air, where such models
still differ among each other by a third.
"""

from __future__ import annotations

import numpy as np

from . import refractivity as p453
from .ducts import Duct, min_trapped_frequency
from .profile import Surface

_KARMAN, _GRAVITY, _VISCOSITY = 0.4, 9.81, 1.5e-5
_CP, _R_DRY = 1004.0, 287.05
_SALT = 0.98  # vapour pressure over sea water, relative to fresh
_GUST, _BOUNDARY_LAYER = 1.25, 600.0  # COARE: gusts over the convective velocity; depth of the mixed air, m
_MIN_WIND = 0.1  # m/s
# m. Higher ones come from stable air, and propagation measurements do not bear them out (Paulus, Practical
# application of an evaporation duct model, Radio Sci. 20, 1985).
_HIGHEST = 40.0
_LOWEST = 0.1  # m: waves and spray below


def evaporation_duct(
    air: Surface, water_temperature: float, height: float = 10.0, fresh: bool = False
) -> Duct | None:
    """The duct, or None where M does not fall (or is still falling at 40 m).

    air: at `height` m above the water; its wind must be known. water_temperature: °C. strength: M at the
    water less M at the top, so most of it lies in the lowest decimetre. Raises ValueError.
    """
    if air.wind is None:
        raise ValueError(
            "an evaporation duct needs the wind: expected a METAR or surface weather with wind in m/s"
        )
    if not (-2.5 <= water_temperature <= 40 and 1 <= height <= 50):
        raise ValueError(
            f"water of {water_temperature:g} °C, weather at {height:g} m: expected -2.5 to 40 °C, 1 to 50 m"
        )
    saturated = p453.saturation_vapour_pressure(water_temperature, air.pressure) * (1 if fresh else _SALT)
    q_air, q_water = (0.622 * e / (air.pressure - 0.378 * e) for e in (air.vapour_pressure, saturated))
    theta_air = air.temperature + p453.KELVIN + _GRAVITY / _CP * height
    theta_water = water_temperature + p453.KELVIN
    wind = mean_wind = max(air.wind, _MIN_WIND)
    d_theta, d_q = theta_air - theta_water, q_air - q_water

    inverse_l, ustar = 0.0, 0.035 * wind
    for _ in range(30):
        z0 = 0.011 * ustar**2 / _GRAVITY + 0.11 * _VISCOSITY / ustar
        z0q = min(1.1e-4, 5.5e-5 * (z0 * ustar / _VISCOSITY) ** -0.6)
        scalar = _KARMAN / (np.log(height / z0q) - _psi(height * inverse_l)[1])
        ustar = _KARMAN * wind / (np.log(height / z0) - _psi(height * inverse_l)[0])
        buoyancy = scalar * (d_theta * (1 + 0.61 * q_air) + 0.61 * theta_air * d_q) / theta_air
        inverse_l = 0.5 * inverse_l + 0.5 * np.clip(_KARMAN * _GRAVITY * buoyancy / ustar**2, -10, 10)
        convective = np.cbrt(max(-_BOUNDARY_LAYER * _GRAVITY * ustar * buoyancy, 0))
        wind = float(np.hypot(mean_wind, _GUST * convective))

    z = np.geomspace(_LOWEST, _HIGHEST, 1000)
    shape = scalar / _KARMAN * (np.log(z / z0q) - _psi(z * inverse_l)[1])
    theta, q = theta_water + d_theta * shape, q_water + d_q * shape
    kelvin = theta - _GRAVITY / _CP * z
    pressure = air.pressure * np.exp(-_GRAVITY * (z - height) / (_R_DRY * kelvin))
    vapour = q * pressure / (0.622 + 0.378 * q)
    m = p453.modified_refractivity(p453.refractivity(pressure, kelvin - p453.KELVIN, vapour), z)
    top = int(np.argmin(m))
    if top in (0, len(m) - 1):
        return None
    frequency = min_trapped_frequency(z[: top + 1], m[: top + 1], elevated=False)
    return Duct("evaporation", 0.0, float(z[top]), float(m[0] - m[top]), frequency, 0.0)


def _psi(zeta):
    """Integrated stability functions of momentum and of scalars at z / L."""
    unstable, stable = np.minimum(zeta, 0), np.maximum(zeta, 0)
    x = (1 - 16 * unstable) ** 0.25
    scalar = 2 * np.log((1 + x**2) / 2)
    momentum = 2 * np.log((1 + x) / 2) + scalar / 2 - 2 * np.arctan(x) + np.pi / 2
    return momentum + _stable_momentum(stable), scalar + _stable_scalar(stable)


def _stable_momentum(zeta):
    """Grachev et al., eq. (12): a = 5, b = a / 6.5."""
    a, b = 5.0, 5.0 / 6.5
    c = np.cbrt((1 - b) / b)
    x = np.cbrt(1 + zeta)
    angle = np.arctan((2 * x - c) / (np.sqrt(3) * c)) - np.arctan((2 - c) / (np.sqrt(3) * c))
    logs = 2 * np.log((x + c) / (1 + c)) - np.log((x**2 - x * c + c**2) / (1 - c + c**2))
    return -3 * a / b * (x - 1) + a * c / (2 * b) * (logs + 2 * np.sqrt(3) * angle)


def _stable_scalar(zeta):
    """Grachev et al., eq. (13), c = 3; with a = 10, b = 4.5 as the Navy's model has it (theirs: 5, 5)."""
    a, b, root = 10.0, 4.5, np.sqrt(5.0)
    logs = np.log((2 * zeta + 3 - root) / (2 * zeta + 3 + root)) - np.log((3 - root) / (3 + root))
    return -b / 2 * np.log(1 + 3 * zeta + zeta**2) + (3 * b / 2 - a) / root * logs
