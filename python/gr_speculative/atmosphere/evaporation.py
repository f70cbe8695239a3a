# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The evaporation duct over water, from weather at one height and the water's temperature.

Bulk method after Babin, Young & Carton, "A new model of the oceanic evaporation duct", J. Appl. Meteorol. 36,
1997: Monin-Obukhov profiles of temperature and humidity, and from them M(z), whose minimum is the duct's
height. Surface roughness: Charnock (0.011) with a smooth limit; of heat and vapour: Fairall et al., J.
Climate 16, 2003, eq. (28). Stability functions: Businger-Dyer. Weak wind over much colder water is beyond
what such a method knows.
"""

from __future__ import annotations

import numpy as np

from . import refractivity as p453
from .ducts import Duct, min_trapped_frequency
from .profile import Surface

_KARMAN, _GRAVITY, _VISCOSITY = 0.4, 9.81, 1.5e-5
_CP, _R_DRY = 1004.0, 287.05
_SALT = 0.98  # vapour pressure over sea water, relative to fresh
_MIN_WIND = 0.5  # m/s: gusts mix the air where the mean is calm
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
    wind = max(air.wind, _MIN_WIND)
    d_theta, d_q = theta_air - theta_water, q_air - q_water

    inverse_l, ustar = 0.0, 0.035 * wind
    for _ in range(30):
        z0 = 0.011 * ustar**2 / _GRAVITY + 0.11 * _VISCOSITY / ustar
        z0q = min(1.1e-4, 5.5e-5 * (z0 * ustar / _VISCOSITY) ** -0.6)
        scalar = _KARMAN / (np.log(height / z0q) - _psi(height * inverse_l)[1])
        ustar = _KARMAN * wind / (np.log(height / z0) - _psi(height * inverse_l)[0])
        buoyancy = scalar * (d_theta * (1 + 0.61 * q_air) + 0.61 * theta_air * d_q) / theta_air
        inverse_l = 0.5 * inverse_l + 0.5 * np.clip(_KARMAN * _GRAVITY * buoyancy / ustar**2, -10, 1)

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
    """Integrated stability functions of momentum and of scalars at z / L (Businger-Dyer; stable: -5 ζ)."""
    zeta = np.asarray(zeta, float)
    x = (1 - 16 * np.minimum(zeta, 0)) ** 0.25
    scalar = 2 * np.log((1 + x**2) / 2)
    momentum = 2 * np.log((1 + x) / 2) + scalar / 2 - 2 * np.arctan(x) + np.pi / 2
    stable = -5 * np.clip(zeta, 0, 1) - 5 * np.log(np.maximum(zeta, 1))
    return np.where(zeta > 0, stable, momentum), np.where(zeta > 0, stable, scalar)
