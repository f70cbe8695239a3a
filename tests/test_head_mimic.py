# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The mimic head on passes and impostors whose truth is known."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest

from gr_speculative.heads import HeadError, Heads, passes
from gr_speculative.heads.fingerprint import follow, measure
from gr_speculative.heads.mimic import load
from gr_speculative.heads.orbit import SPEED_OF_LIGHT, Orbit, Station
from gr_speculative.wire import check_heads

LIMIT = 2.326  # standard deviations at a false-alarm rate of 1 %


@pytest.fixture(scope="module")
def orbit():
    return Orbit(passes.TLE)


def test_range_rate_is_the_slope_of_the_range_and_changes_sign_at_the_closest_point(orbit):
    times = max(passes.passes(orbit, passes.STATION), key=len)
    rate, elevation = orbit.seen_from(passes.STATION, times)
    assert -7700 < rate[0] < 0 < rate[-1] < 7700
    closest = np.argmin(np.abs(rate))
    assert abs(closest - np.argmax(elevation)) <= 2
    # The sum of range rates over the pass is the difference of the ranges at its ends,
    # and those are alike where it rises and sets at the same elevation.
    assert abs(np.trapezoid(rate, times) if hasattr(np, "trapezoid") else np.trapz(rate, times)) < 50e3
    doppler = orbit.doppler(passes.STATION, times, 437.8e6)
    np.testing.assert_allclose(doppler, -437.8e6 * rate / SPEED_OF_LIGHT)


def test_range_rate_is_that_of_skyfield(orbit):
    skyfield = pytest.importorskip("skyfield.api", reason="skyfield is not installed")
    scale = skyfield.load.timescale(builtin=True)
    times = orbit.epoch + np.arange(0, 86400, 97.0)
    station = skyfield.wgs84.latlon(52.0, 5.0, 100)
    satellite = skyfield.EarthSatellite(*passes.TLE, "", scale)
    at = (satellite - station).at(scale.from_datetimes([datetime.fromtimestamp(t, UTC) for t in times]))
    elevation, _, _, _, _, rate = at.frame_latlon_and_rates(station)
    ours, ours_elevation = orbit.seen_from(Station(52.0, 5.0, 100), times)
    up = elevation.degrees > 0
    np.testing.assert_allclose(ours[up], rate.m_per_s[up], atol=2.0)  # 3 Hz at 437 MHz
    np.testing.assert_allclose(ours_elevation[up], elevation.degrees[up], atol=0.02)


def misfits(orbit, make, noise, points=120, repeats=60):
    rng = np.random.default_rng(4)
    out = []
    for times in passes.passes(orbit, passes.STATION):
        for _ in range(repeats):
            part = times[: min(points, len(times))]
            expected = passes.FREQUENCY + orbit.doppler(passes.STATION, part, passes.FREQUENCY)
            out.append(follow(part, make(rng, orbit, part, noise), expected, 0.5).misfit)
    return np.array(out)


def test_the_genuine_satellite_is_wronged_as_often_as_is_said(orbit):
    alarms = misfits(orbit, passes.genuine, 30.0) > LIMIT
    assert np.mean(alarms) < 0.01 + 3 * np.sqrt(0.01 / len(alarms))
    # A perfect copy is no worse: that the head cannot tell it is part of its contract.
    assert np.mean(misfits(orbit, passes.perfect, 30.0) > LIMIT) < 0.03


@pytest.mark.parametrize("name", ["fixed", "ramp", "late", "elsewhere"])
def test_impostors_are_found(orbit, name):
    assert np.mean(misfits(orbit, passes.IMPOSTORS[name], 30.0) > LIMIT) > 0.9


def test_more_noise_hides_an_impostor(orbit):
    shares = [np.mean(misfits(orbit, passes.late, noise, 30) > LIMIT) for noise in (3, 30, 300, 3000)]
    assert shares == sorted(shares, reverse=True) and shares[-1] < 0.1


def test_too_few_carriers_say_nothing():
    t = np.arange(11.0)
    assert follow(t, t, t, 1) is None


def spectrogram(carrier_bins, width_bins=8, rate=250e3, k=16, n=1024, level=20.0, seed=1):
    rng = np.random.default_rng(seed)
    power = rng.exponential(1.0, (k, n))
    bins = np.arange(n) - n / 2 - carrier_bins
    power[:, np.abs(bins) <= width_bins / 2] *= 10 ** (level / 10)
    return 10 * np.log10(power).astype(np.float32), rate


def test_an_emission_is_measured_where_and_as_wide_as_it_is():
    db, rate = spectrogram(101.0, 40)
    emission = measure(db, rate)
    bin_hz = rate / 1024
    assert emission.carrier == pytest.approx(101 * bin_hz, abs=2 * bin_hz)
    assert emission.bandwidth == pytest.approx(41 * bin_hz, rel=0.1)
    assert emission.shape == pytest.approx(0.5, abs=0.06)  # a box
    assert measure(*spectrogram(0, level=0.0)) is None


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "mimic.json"
    source = {
        "name": "station",
        "label": "fsk_ism",
        "frequency": passes.FREQUENCY,
        "tle": passes.TLE,
        "bandwidth": [5e3, 20e3],
    }
    document = {"station": {"latitude": 52.0, "longitude": 5.0}, "sources": [source]}
    path.write_text(json.dumps(document))
    return path


def run_head(config, orbit, carriers_of, width_bins=40, label="fsk_ism"):
    head = load(str(config))
    times = passes.passes(orbit, passes.STATION)[0][::2]
    rng = np.random.default_rng(2)
    for time, carrier in zip(times, carriers_of(rng, orbit, times, 0.0), strict=True):
        head._clock = lambda time=time: time
        db, rate = spectrogram(
            (carrier - passes.FREQUENCY) / (250e3 / 1024), width_bins, seed=int(time) % 9973
        )
        request = SimpleNamespace(
            sample_rate=rate, center_frequency=passes.FREQUENCY, node_id="n", fast_label=label
        )
        (answer,) = head.answer([request], db[None], np.zeros((1, 8), np.float32))
        check_heads("heads", {"mimic": answer})
        assert answer.keys() <= head.outputs.keys()
    return answer


def test_the_head_believes_the_satellite_and_not_the_transmitter_on_the_ground(config, orbit):
    real = run_head(config, orbit, passes.genuine)
    assert (real["source"], real["fits"], real["reasons"]) == ("station", 1, [])
    assert real["observations"] > 60
    ground = run_head(config, orbit, passes.fixed)
    assert ground["fits"] == 0 and "doppler" in ground["reasons"]


def test_a_wrong_bandwidth_and_a_wrong_label(config, orbit):
    wide = run_head(config, orbit, passes.genuine, width_bins=300)
    assert wide["fits"] == 0 and "bandwidth" in wide["reasons"]
    assert run_head(config, orbit, passes.genuine, label="noise") == {"source": ""}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"station": None}, "station"),
        ({"sources": [{"name": "x"}]}, "frequency"),
        ({"sources": [{"name": "x", "frequency": 1e8, "tle": ["a", "b"]}]}, "two lines"),
        ({"sources": [{"name": "x", "frequency": 1e8, "shape": [2, 1]}]}, "lower first"),
        ({"false_alarm_rate": 2}, "false_alarm_rate"),
    ],
)
def test_a_wrong_configuration_is_named(config, change, complaint):
    config.write_text(json.dumps(json.loads(config.read_text()) | change))
    with pytest.raises(HeadError, match=complaint) as caught:
        Heads([f"gr_speculative.heads.mimic:load={config}"])
    assert str(config) in str(caught.value)
