# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Path loss against two rays over a flat Earth, the diffraction of ITU-R P.526, and what a duct must do; and
scenes into which it lets distant transmitters."""

import numpy as np
import pytest

from gr_speculative.atmosphere import Profile, find_ducts
from gr_speculative.atmosphere.overreach import Coast, overreach, strongest_labels
from gr_speculative.atmosphere.path_loss import propagation_factor
from gr_speculative.scene import make_scene, plan_scene
from gr_speculative.sigmf_io import Span

F = 868.3e6
C = 299_792_458.0


def of_m(heights, m) -> Profile:
    h = np.array(heights, float)
    return Profile(h, np.array(m, float) - 0.157 * h)


STANDARD = of_m([0, 3000], [340, 693])  # 4/3 Earth
DUCT = of_m([0, 120, 3000], [340, 320, 660])


@pytest.mark.parametrize("distance", [10e3, 20e3, 30e3])
def test_two_rays_over_a_flat_earth(distance):
    flat = Profile(np.array([0.0, 2000]), 340 - 0.157 * np.array([0.0, 2000]))  # M is constant
    heights = np.array([20.0, 50, 90])
    expected = 20 * np.log10(2 * np.abs(np.sin(2 * np.pi * F / C * 50 * heights / distance)))
    np.testing.assert_allclose(propagation_factor(flat, F, 50, [distance], heights)[0], expected, atol=0.2)


def p526(megahertz, kilometres, *heights, radius=8494.7):
    """Recommendation ITU-R P.526-15, 3.1.1.2: first term of the residue series over a smooth Earth, dB."""
    x = 2.188 * megahertz ** (1 / 3) * radius ** (-2 / 3) * kilometres
    gain = 11 + 10 * np.log10(x) - 17.6 * x
    for height in heights:
        y = 9.575e-3 * megahertz ** (2 / 3) * radius ** (-1 / 3) * height
        gain += (
            17.6 * np.sqrt(y - 1.1) - 5 * np.log10(y - 1.1) - 8 if y > 2 else 20 * np.log10(y + 0.1 * y**3)
        )
    return gain


@pytest.mark.parametrize(("megahertz", "receiver"), [(868, 30), (868, 50), (3000, 20), (200, 60)])
def test_behind_the_horizon_it_is_the_diffraction_of_p526(megahertz, receiver):
    distances = np.array([60e3, 70e3])
    found = propagation_factor(STANDARD, megahertz * 1e6, 50, distances, np.array([float(receiver)]))[:, 0]
    expected = [p526(megahertz, d / 1e3, 50, receiver) for d in distances]
    np.testing.assert_allclose(found, expected, atol=2)


def test_a_path_is_the_same_in_both_directions():
    there = propagation_factor(DUCT, F, 20, [80e3], np.array([60.0]))
    back = propagation_factor(DUCT, F, 60, [80e3], np.array([20.0]))
    assert there[0, 0] == pytest.approx(back[0, 0], abs=0.3)


def test_a_duct_carries_what_it_traps_and_loses_what_it_does_not():
    (duct,) = find_ducts(DUCT)
    distances, heights = np.array([100e3, 200e3, 300e3]), np.linspace(10, 100, 10)
    trapped, leaking, standard = (
        propagation_factor(profile, f, 30, distances, heights).max(axis=1)
        for profile, f in ((DUCT, 4 * duct.min_frequency), (DUCT, 0.5 * duct.min_frequency), (STANDARD, F))
    )
    assert np.all(trapped > 5)  # stronger than in free space: it spreads in two dimensions
    assert np.all(np.diff(trapped) > 0)
    assert leaking[2] < trapped[2] - 15 and np.all(standard < -35)


@pytest.mark.parametrize(
    "arguments",
    [
        (1e7, 30, [50e3], [10]),
        (F, 30, [1e3], [10]),
        (F, 30, [6e4, 5e4], [10]),
        (F, 0, [5e4], [10]),
        (F, 30, [5e4], [2e3]),
    ],
)
def test_what_cannot_be_computed_is_said(arguments):
    f, transmitter, ranges, heights = arguments
    with pytest.raises(ValueError, match="expected"):
        propagation_factor(STANDARD, f, transmitter, np.array(ranges), np.array(heights))


KINDS = ("ook_ism", "fsk_ism")


def day(profiles, coast=None):
    return overreach(plan_scene(3, 250e3, 2.0, KINDS, overlaps=0), profiles, KINDS, coast)


def test_where_nothing_arrives_the_scene_is_bit_for_bit_as_it_was():
    plain, spans = make_scene(3, 250e3, 2.0, KINDS, overlaps=0)
    weak = Coast(nearest=150e3, farthest=200e3, on_air=3.0)
    blocks = list(day([STANDARD], weak).blocks())
    np.testing.assert_array_equal(np.concatenate([x for x, _ in blocks]), plain)
    assert [s for _, found in blocks for s in found] == spans


def test_a_duct_brings_distant_transmitters_while_it_stands():
    scene = day([STANDARD, DUCT], Coast(nearest=150e3, farthest=200e3, on_air=4.0))
    distant = [s for _, found in scene.blocks() for s in found if s.details.get("distant")]
    assert distant and {s.label for s in distant} <= set(KINDS)
    assert all(s.details["snr_db"] > 0 for s in distant)
    assert min(s.start for s in distant) > 0.3 * scene.n_samples
    again = [s for _, found in scene.blocks() for s in found if s.details.get("distant")]
    assert again == distant


def test_levels_are_those_of_the_link_budget():
    coast = Coast()
    levels = coast.levels(DUCT)
    at = len(levels.ranges) // 2
    factor = propagation_factor(DUCT, coast.frequency, coast.antenna, levels.ranges[: at + 1], levels.heights)
    free = 20 * np.log10(4 * np.pi * levels.ranges[at] * coast.frequency / C)
    expected = 16.0 + 2.0 - free + factor[at] - (-174 + 6)
    np.testing.assert_allclose(levels.db[at], expected, atol=1e-6)


def span(first, last, label, snr_db, width=10e3):
    return Span(int(first * 100), int(last * 100), label, 0.0, width, {"snr_db": snr_db})


def test_the_strongest_emission_names_a_vector():
    spans = [
        span(0, 4, "a", 20),
        span(2, 6, "b", 10),  # weaker by 10 dB, then alone
        span(7, 8, "a", 5),
        span(7, 8, "b", 4),  # as strong
        span(9, 10, "b", -5),  # hardly to be heard
        span(11, 12, "b", -20),  # not to be heard
        span(13.95, 14, "a", 20),  # hardly there
    ]
    labels = strongest_labels(spans, 15, 100)
    assert labels.tolist() == ["a"] * 4 + ["b"] * 2 + [
        "noise",
        "",
        "noise",
        "",
        "noise",
        "noise",
        "noise",
        "",
        "noise",
    ]
    assert strongest_labels([], 2, 100).tolist() == ["noise", "noise"]


def test_a_wide_emission_is_stronger_than_a_narrow_one_of_the_same_snr():
    assert strongest_labels([span(0, 1, "a", 10), span(0, 1, "b", 10, 40e3)], 1, 100).tolist() == ["b"]
