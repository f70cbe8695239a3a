# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Refractivity against ITU-R P.453-14's own statements and another implementation."""

import numpy as np
import pytest

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
