# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Quality, noise, alerts, and the command."""

import json

import numpy as np
import pytest

from gr_speculative import cli
from gr_speculative.atmosphere import ConditionsSource, DuctAlert, Profile
from gr_speculative.atmosphere.conditions import noise_level, propagation_quality


def with_duct(strength: float, top: float = 150.0) -> Profile:
    h = np.array([0, top, 2000.0])
    m = np.array([340, 340 - strength, 340 - strength + 0.117 * (2000 - top)])
    return Profile(h, m - 0.157 * h)


def test_quality_is_1_in_the_standard_atmosphere_and_0_at_ducting():
    assert propagation_quality(-40, 0) == 1
    assert propagation_quality(-157, 0) == 0 == propagation_quality(77, 0)
    assert propagation_quality(-40, 10) == 0.5
    worse = [propagation_quality(-40 - d, s) for d, s in ((0, 0), (20, 0), (20, 5), (60, 5), (60, 50))]
    assert worse == sorted(worse, reverse=True) and min(worse) > 0


def test_noise_is_that_of_p372():
    assert noise_level(10e6, "city") == pytest.approx(49.1, abs=0.3)  # 76.8 - 27.7, and a little galaxy
    assert noise_level(100e6, "quiet_rural") == pytest.approx(6.7, abs=0.3)  # the galaxy: 52 - 46
    with pytest.raises(ValueError, match="environment 'moon'"):
        noise_level(1e8, "moon")


def test_an_alert_is_raised_once_and_cleared_once():
    rng = np.random.default_rng(3)
    alert = DuctAlert(on=6, off=3)
    rise, fall = np.linspace(0, 12, 40), np.linspace(12, 0, 40)
    events = [alert.update(s) for s in np.concatenate([rise, fall]) + rng.uniform(-1.4, 1.4, 80)]
    assert [e for e in events if e] == ["raised", "cleared"]
    with pytest.raises(ValueError, match="0 < off < on"):
        DuctAlert(3, 6)


def test_a_duct_that_does_not_trap_the_frequency_does_not_count():
    profile = with_duct(20, 20)
    (duct,) = ConditionsSource(1e9).assess(profile).ducts
    below, above = (ConditionsSource(duct.min_frequency * x).assess(profile) for x in (0.9, 1.1))
    assert (below.strength, below.duct, below.alert) == (0, False, "")
    assert above.strength == pytest.approx(20) and above.alert == "raised"
    assert above.quality < below.quality


def test_a_schedule_of_profiles_moves_the_alert_once_each_way():
    source = ConditionsSource(1e9)
    statements = [source.assess(with_duct(s)) for s in (0, 4, 8, 5, 4, 12, 2, 4, 0)]
    assert [s.alert for s in statements] == ["", "", "raised", "", "", "", "cleared", "", ""]
    assert [s.duct for s in statements] == [False, False, True, True, True, True, False, False, False]
    message = statements[2].message()
    assert message["schema"] == "speculative.conditions/1" and message["alert"] == "raised"
    assert 0 <= message["propagation_quality"] <= 1 and message["tropospheric_duct_present"] is True
    assert "alert" not in statements[3].message()


CSV = "time,height_m,modified_refractivity\n2024-01-01T00Z,0,340\n2024-01-01T00Z,2000,574\n" + (
    "2024-01-02T00Z,0,340\n2024-01-02T00Z,100,320\n2024-01-02T00Z,2000,560\n"
)


@pytest.fixture
def profile_file(tmp_path):
    path = tmp_path / "two.csv"
    path.write_text(CSV)
    return str(path)


def test_the_command_prints_a_table_and_json(profile_file, capsys):
    assert cli.main(["atmosphere", profile_file]) == 0
    out = capsys.readouterr().out
    assert "2024-01-02" in out and "surface" in out and "20.0 M" in out and "2024-01-01" not in out
    assert cli.main(["atmosphere", profile_file, "--all", "--json"]) == 0
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first["ducts"] == [] and second["ducts"][0]["top"] == 100
    assert cli.main(["atmosphere", profile_file, "--at", "2024-01-01T05:00"]) == 0
    assert "no ducts" in capsys.readouterr().out


def test_the_command_draws(profile_file, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "rays.png"
    assert cli.main(["atmosphere", profile_file, "--plot", str(picture)]) == 0
    assert picture.read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["absent.txt"], "absent.txt"),
        (["FILE", "--frequency", "5"], "frequency"),
        (["FILE", "--at", "noon"], "--at noon"),
    ],
)
def test_wrong_usage_is_one_line(profile_file, arguments, complaint, capsys):
    assert cli.main(["atmosphere", *(a.replace("FILE", profile_file) for a in arguments)]) == 2
    err = capsys.readouterr().err
    assert complaint in err and err.count("\n") == 1
