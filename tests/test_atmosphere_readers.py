# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Every format gives the same profile, and whatever is wrong is said."""

from datetime import UTC, datetime

import numpy as np
import pytest

from gr_speculative.atmosphere import ProfileError, find_ducts, read_profiles

# Norman, Oklahoma, 4 May 1999 00 UTC: hPa, m, °C, °C (dew point), %, g/kg.
LEVELS = [
    (959.0, 345, 22.2, 19.0, 82, 14.56),
    (931.3, 610, 20.2, 17.5, 84, 13.59),
    (925.0, 671, 19.8, 17.1, 84, 13.38),
    (850.0, 1397, 17.0, 12.5, 75, 10.78),
    (814.0, 1766, 15.4, 5.4, 51, 6.92),
    (807.9, 1829, 15.5, 1.2, 38, 5.17),
    (790.0, 2019, 15.6, -11.4, 14, 2.02),
]
TIME = datetime(1999, 5, 4, tzinfo=UTC)


def wyoming(html: bool) -> str:
    rows = ["".join(f"{v:7.{d}f}" for v, d in zip(row, (1, 0, 1, 1, 0, 2), strict=True)) for row in LEVELS]
    title = "72357 OUN Norman Observations at 00Z 04 May 1999"
    rule = "-" * 77
    head = ["   PRES   HGHT   TEMP   DWPT   RELH   MIXR", "    hPa     m      C      C      %    g/kg"]
    table = "\n".join([rule, *head, rule, " 1000.0    -25" + " " * 60, *rows])
    if not html:
        return f"{title}\n\n{table}\n"
    after = "<H3>Station information</H3><PRE>\n  Station identifier: OUN\n  Lifted index: 1"
    return f"<HTML><H2>{title}</H2>\n<PRE>\n{table}\n</PRE>{after}</PRE></HTML>"


def igra(levels=LEVELS) -> str:
    lines = [f"#USM00072357 1999 05 04 00 2302 {len(levels):4d} ncdc6301 ncdc6301  351811  -974378"]
    for p, h, t, dew, *_ in levels:
        lines.append(f"20 -9999 {p * 100:6.0f} {h:5d}B{t * 10:5.0f}B-9999 {(t - dew) * 10:5.0f}   160    93 ")
    lines[1] = "21" + lines[1][2:]
    return "\n".join(lines) + "\n"


def wyoming_csv() -> str:
    head = (
        "time,longitude,latitude,pressure_hPa,geopotential height_m,temperature_C,dew point temperature_C\n"
    )
    return head + "".join(
        f"1999-05-04 00:0{i}:00,-97.4,35.1,{p},{h},{t},{d}\n" for i, (p, h, t, d, *_) in enumerate(LEVELS)
    )


def plain_csv() -> str:
    rows = "".join(f"1999-05-04T00:00Z,{h},{p},{t},{w}\n" for p, h, t, _, _, w in LEVELS)
    return "time,height_m,pressure_hPa,temperature_C,mixing_ratio_g/kg\n" + rows


@pytest.mark.parametrize(
    "text",
    [wyoming(False), wyoming(True), igra(), wyoming_csv(), plain_csv()],
    ids=["list", "html", "igra", "wyoming csv", "csv"],
)
def test_every_format_gives_the_same_profile(tmp_path, text):
    path = tmp_path / "oun.txt"
    path.write_text(text)
    (profile,) = read_profiles(path)
    assert profile.time == TIME and profile.elevation == 345 and profile.measured_aloft
    np.testing.assert_allclose(profile.height, [h - 345 for _, h, *_ in LEVELS])
    np.testing.assert_allclose(
        profile.refractivity, [346.4, 333.5, 330.2, 291.8, 259.3, 247.2, 223.8], atol=0.8
    )
    np.testing.assert_allclose(profile.modified - profile.refractivity, 0.157 * profile.height)
    # The dry air above the cap: N falls by 12 in 63 m.
    (duct,) = find_ducts(profile, 1.0)
    assert (duct.kind, duct.trapping_base, duct.top) == ("elevated", 1421, 1484)


def test_several_soundings_keep_their_order(tmp_path):
    path = tmp_path / "many"
    path.write_text(igra() + igra(LEVELS[:1]) + igra(LEVELS[:4]))  # the second measured nothing aloft
    assert [len(p.height) for p in read_profiles(path)] == [7, 4]
    path.write_text(wyoming(True) + wyoming(True).replace("00Z", "12Z"))
    assert [p.time.hour for p in read_profiles(path)] == [0, 12]
    path.write_text(plain_csv() + plain_csv().split("\n", 1)[1].replace("T00", "T12"))
    assert [p.time.hour for p in read_profiles(path)] == [0, 12]


def test_refractivity_may_be_given_directly(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("height_m,modified_refractivity\n0,340\n100,330\n1000,436\n")
    (profile,) = read_profiles(path)
    np.testing.assert_allclose(profile.modified, [340, 330, 436])
    assert profile.surface is None


METAR = "2024/07/01 12:00\nLEMG 011200Z 12015KT 9999 FEW030 28/20 Q1015 NOSIG=\n"


def test_metar_tells_the_ground_only(tmp_path):
    path = tmp_path / "metar"
    path.write_text(METAR)
    (profile,) = read_profiles(path)
    assert not profile.measured_aloft and find_ducts(profile) == []
    assert profile.time == datetime(2024, 7, 1, 12, tzinfo=UTC)
    assert profile.surface.wind == pytest.approx(15 * 0.5144, rel=1e-3)
    assert profile.refractivity[0] == pytest.approx(358.2, abs=0.1)
    path.write_text("METAR LEMG 010000Z VRB02MPS CAVOK M01/M05 A2992\n")
    (high,) = read_profiles(path, elevation=1000.0)
    assert high.surface.pressure == pytest.approx(898.7, abs=1) and high.surface.temperature == -1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "expected University of Wyoming text"),
        ("hello, world\n", "expected University of Wyoming text"),
        (METAR.replace("28/20", "/////"), "temperature/dew point"),
        (igra()[:300], "7 levels announced"),
        (igra().replace("#USM00072357 1999", "#USM00072357 xxxx"), "expected an IGRA header"),
        ("height_m,pressure_hPa\n0,1000\n", "found height_m, pressure_hPa"),
        ("height_m,refractivity\n0,300\n", "at least two levels"),
        ("height_m,refractivity\n0,300\n100,nan\n", "finite"),
        ("height_m,refractivity\n0,300\n100,5000\n", "0 to 1000"),
        ("height_m,refractivity\n0,300\n100,290\n50,280\n", "ascend"),
        (plain_csv().replace("959.0", "9590"), "pressure"),
        (plain_csv().replace("22.2", "295.4"), "temperature"),
    ],
)
def test_what_is_wrong_is_said_with_the_file(tmp_path, text, complaint):
    path = tmp_path / "bad.txt"
    path.write_text(text)
    with pytest.raises(ProfileError, match=complaint) as caught:
        read_profiles(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ProfileError, match="absent"):
        read_profiles(tmp_path / "absent")


def test_damaged_files_raise_nothing_but_profile_errors(tmp_path):
    rng = np.random.default_rng(5)
    path = tmp_path / "damaged"
    for text in (wyoming(True), igra(), wyoming_csv(), METAR):
        for _ in range(60):
            data = bytearray(text.encode())
            for at in rng.integers(0, len(data), 8):
                data[at] = rng.integers(1, 256)
            path.write_bytes(bytes(data[: rng.integers(1, len(data) + 1)]))
            try:
                assert len(read_profiles(path)) >= 1
            except ProfileError as error:
                assert str(path) in str(error)
