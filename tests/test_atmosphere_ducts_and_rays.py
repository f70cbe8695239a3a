# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Ducts against profiles whose answer is known, rays against Bouguer's rule and closed forms."""

import numpy as np
import pytest

from gr_speculative.atmosphere import Profile, find_ducts, trace
from gr_speculative.atmosphere.refractivity import EARTH_RADIUS_M

C = 299_792_458.0


def of_m(heights, m) -> Profile:
    h = np.array(heights, float)
    return Profile(h, np.array(m, float) - 0.157 * h)


def linear(gradient: float, surface: float = 350.0, top: float = 2000.0) -> Profile:
    h = np.array([0.0, top])
    return Profile(h, surface + gradient * h / 1000)


def test_the_three_ducts_of_the_recommendation():
    surface = of_m([0, 50, 1000], [340, 325, 440])
    based = of_m([0, 100, 150, 1000], [340, 350, 330, 430])
    elevated = of_m([0, 500, 600, 2000], [340, 400, 380, 560])
    expected = [
        ("surface", 0, 50, 15, 0),
        ("surface_based", 0, 150, 20, 100),
        ("elevated", 1000 / 3, 600, 20, 500),
    ]
    for profile, (kind, base, top, strength, trapping_base) in zip(
        (surface, based, elevated), expected, strict=True
    ):
        (duct,) = find_ducts(profile)
        assert duct.kind == kind
        assert [duct.base, duct.top, duct.strength, duct.trapping_base] == pytest.approx(
            [base, top, strength, trapping_base]
        )


def test_a_standard_atmosphere_has_no_duct_and_a_weak_one_is_left_out():
    assert find_ducts(linear(-40)) == []
    weak = of_m([0, 50, 1000], [340, 339, 440])
    assert find_ducts(weak) == [] and len(find_ducts(weak, 0.5)) == 1


def test_a_duct_at_the_top_of_the_profile_ends_there():
    (duct,) = find_ducts(of_m([0, 100, 200], [340, 350, 335]))
    assert (duct.kind, duct.top) == ("surface_based", 200)


def test_two_layers_make_two_ducts_and_the_upper_may_enclose_the_lower():
    ducts = find_ducts(of_m([0, 100, 150, 300, 350, 2000], [340, 350, 345, 365, 342, 600]))
    assert [(d.kind, round(d.base), d.top, d.strength) for d in ducts] == [
        ("elevated", 50, 150, pytest.approx(5)),
        ("elevated", 20, 350, pytest.approx(23)),
    ]


@pytest.mark.parametrize(("thickness", "strength"), [(20, 10), (100, 20), (300, 40)])
def test_trapping_frequency_is_kerrs_for_a_constant_gradient(thickness, strength):
    (duct,) = find_ducts(of_m([0, thickness, 1000], [340, 340 - strength, 500]))
    wavelength = 2.5e-3 * np.sqrt(strength / thickness) * thickness**1.5
    assert duct.min_frequency == pytest.approx(C / wavelength, rel=0.01)


def test_the_first_mode_of_a_surface_duct_cuts_off_where_we_say():
    """The height gain obeys u'' + k² 2e-6 (M - M_top) u = 0, u(0) = 0; a first bound mode exists once this
    solution, integrated to the top, no longer rises there. The phase integral, which treats the top as soft,
    is stricter."""
    d, strength = 50.0, 20.0
    (duct,) = find_ducts(of_m([0, d, 1000], [340, 340 - strength, 500]))
    z = np.linspace(0, d, 1001)[1:-1]
    well = 2e-6 * strength * (1 - z / d)

    def slope_at_top(frequency):
        k2, step = (2 * np.pi * frequency / C) ** 2, z[1] - z[0]
        u, slope = 0.0, 1.0
        for q in well:
            slope -= step * k2 * q * u
            u += step * slope
        return slope

    low, high = 0.2 * duct.min_frequency, 2 * duct.min_frequency
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if slope_at_top(middle) > 0 else (low, middle)
    assert 0.65 * duct.min_frequency < low < duct.min_frequency


@pytest.mark.parametrize("elevation", [-0.4, -0.05, 0.0, 0.05, 0.4, 10.0])
@pytest.mark.parametrize("radius", [EARTH_RADIUS_M, None])
def test_bouguers_invariant_holds_along_every_ray(elevation, radius):
    profile = of_m([0, 80, 120, 300, 700, 3000], [340, 346, 322, 350, 395, 690])
    ray = trace(profile, 60, elevation, 200e3, earth_radius=radius, reflect=True)
    u = (1 + 1e-6 * np.interp(ray.height, profile.height, profile.refractivity)) * (
        1 + (ray.height / radius if radius else 0)
    )
    # u is linear within a layer, n·r is not quite: 1e-10 is a thousandth of an N-unit squared away from both
    np.testing.assert_allclose(u * np.cos(ray.elevation), u[0] * np.cos(ray.elevation[0]), rtol=2e-10)
    assert np.all(np.diff(ray.range) > 0) and np.all(np.diff(ray.delay) > 0)
    assert np.all(ray.delay * C >= ray.range * (1 - 1e-12) * (1 if radius is None else 0.9999))


@pytest.mark.parametrize("elevation", [0.0, 0.3, -0.1])
def test_a_gradient_of_a_quarter_of_the_earths_curvature_is_a_4_3_earth(elevation):
    gradient = -0.25 / EARTH_RADIUS_M * 1e9
    ray = trace(linear(gradient), 100, elevation, 80e3)
    x = ray.range
    parabola = 100 + x * np.tan(np.radians(elevation)) + x**2 / (2 * 4 / 3 * EARTH_RADIUS_M)
    np.testing.assert_allclose(ray.height, parabola, atol=0.3)


@pytest.mark.parametrize(("gradient", "elevation"), [(-300, 0.2), (-300, 0.0), (200, -0.1), (-40, 2.0)])
def test_flat_earth_and_linear_refractivity_make_a_catenary(gradient, elevation):
    profile = linear(gradient, 500, 1000)
    ray = trace(profile, 500, elevation, 60e3, earth_radius=None)
    n0, slope = 1 + 1e-6 * (500 + gradient * 0.5), gradient * 1e-9
    c = n0 * np.cos(np.radians(elevation))
    a = np.arcsinh(np.tan(np.radians(elevation))) + ray.range * slope / c
    np.testing.assert_allclose(ray.height, 500 + (c * np.cosh(a) - n0) / slope, atol=1e-4)
    np.testing.assert_allclose(np.tan(ray.elevation), np.sinh(a), atol=1e-9)
    path = c**2 / slope * ((np.sinh(2 * a) - np.sinh(2 * a[0])) / 4 + (a - a[0]) / 2)
    np.testing.assert_allclose(ray.delay, path / C, rtol=1e-8)


def test_uniform_air_on_a_flat_earth_is_a_straight_line():
    ray = trace(linear(0, 300), 100, 3.0, 20e3, earth_radius=None)
    np.testing.assert_allclose(ray.height, 100 + ray.range * np.tan(np.radians(3)), atol=1e-9)
    length = np.hypot(ray.range, ray.height - 100)
    np.testing.assert_allclose(ray.delay, 1.0003 * length / C, rtol=1e-12)


def test_a_gradient_of_minus_157_follows_the_earth():
    ray = trace(linear(-1e9 / EARTH_RADIUS_M, 500), 100, 0.0, 100e3)
    assert np.ptp(ray.height) < 1.0


def test_rays_below_the_critical_angle_are_ducted_and_no_others():
    profile = of_m([0, 100, 2000], [360, 340, 560])
    (duct,) = find_ducts(profile)
    inside = trace(profile, 1, 0.9 * duct.critical_angle, 200e3, reflect=True)
    outside = trace(profile, 1, 1.1 * duct.critical_angle, 200e3, reflect=True)
    assert inside.ducted and inside.end == "range" and inside.height.max() < duct.top
    assert not outside.ducted and outside.end == "top"


def test_on_the_axis_of_an_elevated_duct_a_level_ray_stays():
    profile = of_m([0, 500, 600, 2000], [340, 400, 380, 560])
    ray = trace(profile, 500, 0.0, 300e3)
    assert ray.ducted and ray.end == "range" and np.ptp(ray.height) == 0


def test_a_ray_ends_at_the_ground_unless_it_is_reflected():
    profile = linear(-40)
    assert trace(profile, 20, -0.5, 50e3).end == "ground"
    assert trace(profile, 20, -0.5, 50e3, reflect=True).end == "range"


@pytest.mark.parametrize(
    "arguments", [(-1, 0, 1e3), (5000, 0, 1e3), (10, 90, 1e3), (10, 0, 0), (10, 0, np.inf)]
)
def test_rays_that_cannot_be(arguments):
    with pytest.raises(ValueError, match="expected 0 to 2000 m"):
        trace(linear(-40), *arguments)
