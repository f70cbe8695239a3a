# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Refractivity against ITU-R P.453-14's own statements and another implementation."""

import numpy as np
import pytest

from gr_speculative.atmosphere import Profile, find_ducts
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


def test_the_standard_atmosphere_is_that_of_itur_and_has_no_duct():
    """ITU-R P.835-6, mean annual global reference, by another's hands; and its refractivity by P.453."""
    itu835 = pytest.importorskip("itur.models.itu835", reason="itur is not installed")
    itu453 = pytest.importorskip("itur.models.itu453", reason="itur is not installed")
    height = np.arange(0, 5e3, 250)
    t = np.array([itu835.standard_temperature(h / 1e3).value for h in height])
    p = np.array([itu835.standard_pressure(h / 1e3).value for h in height])
    density = np.array([itu835.standard_water_vapour_density(h / 1e3, 2, 7.5).value for h in height])
    e = density * t / 216.7
    theirs = [(float(itu453.radio_refractive_index(*row)) - 1) * 1e6 for row in zip(p - e, e, t, strict=True)]
    profile = Profile.from_weather(height, p, t - 273.15, e)
    np.testing.assert_allclose(profile.refractivity, theirs, rtol=1e-6)
    assert profile.gradient() == pytest.approx(-41, abs=3) and find_ducts(profile) == []


# Quillayute, Washington, 3 December 2008, 12 UTC, as published with N and its gradient (N/km) of each layer
# (home.teleport.com/~jloldaker/kuil_txt): m, hPa, °C, °C (dew point), N, gradient; M in EREPS' list.
QUILLAYUTE = [
    (62, 1021, 6.0, 3.8, 322, None, 332.2),
    (231, 1000, 6.6, 1.8, 311, -69, 347.0),
    (865, 925, 0.8, -0.5, 291, -30, 427.3),
    (1545, 850, 6.0, -22.0, 241, -73, 484.0),
    (3110, 700, -1.9, -19.9, 207, -22, 695.1),
    (5690, 500, -19.9, -23.0, 159, -18, 1052.3),
]


def test_a_published_sounding_has_the_refractivity_that_was_published_with_it():
    height, p, t, dew, n, gradient, m = map(np.array, zip(*QUILLAYUTE, strict=True))
    vapour = p453.saturation_vapour_pressure(dew, p)
    profile = Profile.from_weather(height, p, t, vapour)
    np.testing.assert_allclose(profile.refractivity, n, atol=1.0)
    np.testing.assert_allclose(profile.layer_gradients()[1:], gradient[1:].astype(float)[1:], atol=2.5)
    np.testing.assert_allclose(profile.modified + 0.157 * 62, m, atol=1.5)  # theirs: above the sea
    assert find_ducts(profile) == []  # none is marked


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
