# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The evaporation duct against the heights of the Navy's model and against Paulus and Jeske's method."""

import numpy as np
import pytest

from gr_speculative.atmosphere import Surface, evaporation_duct
from gr_speculative.atmosphere import refractivity as p453

# Heights in m by the formulas of NAVSLaM 2.0 (P. A. Frederickson, Naval Postgraduate School, release of 8
# November 2019), steps of 0.1 m: weather at 10 m, 1013.25 hPa at the sea, water of SEA °C and 35 PSU.
# wind in m/s, relative humidity in per cent, then one height for each air temperature less the water's.
DIFFERENCES = (-8, -4, -2, -1, -0.5, 0, 0.5, 1, 2, 4)
NAVSLAM = {
    (5, 2, 80): (2.5, 2.5, 2.6, 2.8, 3.1, 4.3, 13.6, 12.5, 8.7, 3.1),
    (5, 5, 80): (3.7, 3.8, 3.9, 4.1, 4.3, 4.9, 6.7, 8.1, 7.9, 2.9),
    (5, 10, 60): (6.4, 7.1, 7.7, 8.2, 8.5, 9.1, 10.2, 11.6, 14.4, 17.4),
    (5, 10, 80): (5.1, 5.0, 4.8, 4.7, 4.6, 4.6, 4.5, 4.3, 3.7, 1.5),
    (20, 2, 60): (6.2, 6.3, 6.7, 7.1, 7.5, 8.3, 10.3, None, None, 39.7),
    (20, 2, 80): (5.2, 4.9, 4.8, 5.0, 5.3, 6.2, 35.9, 32.3, 19.4, 3.2),
    (20, 5, 60): (9.4, 9.8, 10.5, 11.3, 12.0, 13.2, 16.0, None, None, None),
    (20, 5, 80): (7.9, 7.5, 7.5, 7.8, 8.1, 9.1, 15.9, 25.4, 21.6, 3.0),
    (20, 10, 60): (13.6, 14.2, 15.0, 15.8, 16.4, 17.5, 19.3, 24.5, None, None),
    (20, 10, 80): (11.3, 10.7, 10.3, 10.1, 10.1, 10.2, 10.5, 10.8, 9.3, 1.6),
    (20, 15, 60): (17.0, 17.3, 17.8, 18.2, 18.5, 19.0, 19.7, 20.9, 24.0, 26.6),
    (20, 15, 80): (14.0, 12.7, 11.7, 11.0, 10.5, 10.0, 9.4, 8.8, 6.8, 1.4),
    (29, 2, 80): (7.3, 6.7, 6.5, 6.6, 6.8, 7.4, 10.5, None, 33.1, 5.3),
    (29, 5, 80): (11.0, 10.4, 10.2, 10.4, 10.7, 11.5, 14.7, None, 39.1, 6.1),
    (29, 10, 60): (19.0, 19.5, 20.3, 21.1, 21.7, 22.7, 24.2, 27.0, None, None),
    (29, 10, 80): (16.0, 15.0, 14.5, 14.4, 14.4, 14.6, 15.4, 17.5, 17.7, 2.9),
}


def surface(air: float, humidity: float, wind: float, height: float = 10.0) -> Surface:
    """The weather at `height` where the pressure at the sea is 1013.25 hPa."""
    pressure = 1013.25 * np.exp(-9.81 * height / (287.05 * (air + 273.15)))
    return Surface(air, pressure, float(p453.vapour_pressure(air, pressure, humidity)), wind)


@pytest.mark.parametrize(("sea", "wind", "humidity"), NAVSLAM)
def test_heights_are_those_of_the_navys_model(sea, wind, humidity):
    expected = NAVSLAM[sea, wind, humidity]
    for difference, height in zip(DIFFERENCES, expected, strict=True):
        duct = evaporation_duct(surface(sea + difference, humidity, wind), sea)
        if height is None:
            assert duct is None
        else:
            assert duct.top == pytest.approx(height, abs=0.25), f"{difference:+} °C"


def paulus_jeske(t_air, rh, t_sea, wind_knots, z=6.0):
    """Duct height, m, near-neutral and unstable. R. A. Paulus, Specification for evaporation duct height
    calculations, NOSC TD 1596, 1989."""

    def potential(t, e):
        return 77.6 / (t + 273.2) * (1000 + 4810 * e / (t + 273.2))

    difference = potential(t_air, float(p453.vapour_pressure(t_air, 1000, rh))) - potential(
        t_sea, float(p453.saturation_vapour_pressure(t_sea, 1000))
    )
    richardson = 369 * z * (t_air - t_sea) / ((t_air + 273.2) * wind_knots**2)
    gamma = 0.065 + 0.004 * richardson if richardson <= -0.12 else 0.109 + 0.367 * richardson
    length = 10 * z * gamma / richardson
    zeta = z / length
    psi = -4.5 * zeta if zeta >= -0.01 else 10 ** (1.02 * np.log10(-zeta) + 0.69)
    b = np.log(z / 1.5e-4) - psi
    ratio = -0.125 * b / difference
    return (ratio**4 - 4 * 4.5 / length * ratio**3) ** -0.25


@pytest.mark.parametrize(
    ("t_air", "rh", "t_sea", "wind"),
    [(20, 80, 20.1, 35), (20, 60, 20.1, 35), (28, 75, 28.1, 30), (8, 85, 8.1, 30)],
)
def test_evaporation_ducts_are_as_high_as_paulus_and_jeske_say(t_air, rh, t_sea, wind):
    """In wind that makes the air neutral. Theirs knows no salt, no buoyancy of vapour and one roughness for
    all, and comes out higher; in calmer, unstable air by more."""
    air = Surface(t_air, 1000, float(p453.vapour_pressure(t_air, 1000, rh)), wind * 0.5144)
    duct = evaporation_duct(air, t_sea, height=6.0)
    assert 0.6 < duct.top / paulus_jeske(t_air, rh, t_sea, wind) < 1
    assert duct.min_frequency > 3e9  # a duct of some ten metres traps microwaves only


def test_drier_air_makes_the_evaporation_duct_higher_and_stable_air_makes_none():
    tops = [
        evaporation_duct(Surface(20, 1013, float(p453.vapour_pressure(20, 1013, rh)), 7), 20.5).top
        for rh in (90, 75, 60)
    ]
    assert tops == sorted(tops)
    assert evaporation_duct(Surface(18, 1015, 20.5, 8), 10.0) is None  # N grows with height


def test_an_evaporation_duct_needs_a_wind_and_a_possible_sea():
    with pytest.raises(ValueError, match="wind"):
        evaporation_duct(Surface(20, 1013, 15), 20)
    with pytest.raises(ValueError, match="expected -2.5 to 40"):
        evaporation_duct(Surface(20, 1013, 15, 5), 60)
