# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Refractivity against ITU-R P.453-14's own statements and another implementation; the evaporation duct
against Paulus and Jeske's method, which shares nothing with ours but the physics."""

import numpy as np
import pytest

from gr_speculative.atmosphere import Surface, evaporation_duct
from gr_speculative.atmosphere import refractivity as p453


def standard_atmosphere(height):
    """ITU-R P.835 mean annual global reference: hPa, °C, hPa of vapour, below 11 km."""
    kelvin = 288.15 - 6.5e-3 * height
    pressure = 1013.25 * (kelvin / 288.15) ** 5.25588
    density = 7.5 * np.exp(-height / 2000)  # g/m³
    return pressure, kelvin - 273.15, density * kelvin / 216.7  # eq. (10)


def test_the_reference_atmosphere_follows_the_recommendations_exponential():
    height = np.arange(0, 3e3, 250)
    n = p453.refractivity(*standard_atmosphere(height))
    np.testing.assert_allclose(n, 315 * np.exp(-height / 7350), atol=4)  # eq. (11), N0 = 315, h0 = 7.35 km


def test_the_short_formula_is_as_close_as_the_recommendation_says():
    rng = np.random.default_rng(1)
    t, p, rh = rng.uniform(-50, 40, 500), rng.uniform(200, 1050, 500), rng.uniform(0, 100, 500)
    e = p453.vapour_pressure(t, p, rh)
    kelvin = t + 273.15
    short = 77.6 / kelvin * (p + 4810 * e / kelvin)  # eq. (7)
    assert np.max(np.abs(short / p453.refractivity(p, t, e) - 1)) < 4e-4


def test_vapour_is_saturated_at_the_published_pressures():
    """WMO-No. 8, annex 4.B: pure phase 6.112, 23.39 hPa; ours are those of moist air, 0.4 % more at 1000
    hPa."""
    assert p453.saturation_vapour_pressure(0, 1000) / 6.112 == pytest.approx(1.0039, abs=3e-4)
    assert p453.saturation_vapour_pressure(20, 1000) / 23.39 == pytest.approx(1.004, abs=1e-3)
    assert p453.saturation_vapour_pressure(-20, 1000, ice=True) / 1.032 == pytest.approx(1.004, abs=2e-3)
    assert p453.vapour_pressure(20, 1000, 50) == p453.saturation_vapour_pressure(20, 1000) / 2


def test_equal_to_itur():
    itu453 = pytest.importorskip("itur.models.itu453", reason="itur is not installed")
    for t, p, rh in ((20, 1000, 60), (-10, 850, 90), (35, 1010, 20)):
        e = float(p453.vapour_pressure(t, p, rh))
        assert e == pytest.approx(itu453.water_vapour_pressure(t, p, rh, "water").value, rel=1e-9)
        n = (float(itu453.radio_refractive_index(p - e, e, t + 273.15)) - 1) * 1e6
        assert p453.refractivity(p, t, e) == pytest.approx(n, rel=1e-9)


def test_mixing_ratio_and_dew_point_agree():
    e = p453.vapour_pressure_of_mixing_ratio(
        14.56, 959.0
    )  # a Wyoming line: dew point 19.0 °C, no enhancement factor
    assert e == pytest.approx(p453.saturation_vapour_pressure(19.0, 959.0), rel=8e-3)


@pytest.mark.parametrize(
    ("gradient", "expected"),
    [(20, "sub"), (-40, "standard"), (-100, "super"), (-157, "ducting"), (-400, "ducting")],
)
def test_classes(gradient, expected):
    assert p453.refraction_class(gradient) == expected


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
