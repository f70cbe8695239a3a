# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Whatever a file holds, reading it gives profiles or one ProfileError of one line that names the file."""

import string

import numpy as np
import pytest
from test_atmosphere_readers import METAR, igra, plain_csv, wyoming, wyoming_csv

from gr_speculative.atmosphere import DuctAlert, Profile, ProfileError, read_profiles

hypothesis = pytest.importorskip("hypothesis", reason="hypothesis is not installed")
from hypothesis import example, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

TEMPLATES = [wyoming(True), wyoming(False), igra(), wyoming_csv(), plain_csv(), METAR]
FRAGMENTS = st.one_of(
    st.sampled_from(
        ["nan", "inf", "-inf", "1e999", "-9999", "", " ", ",", "\n", "\0", '"', "#", "=", "/", "M", "Z"]
    ),
    st.sampled_from(
        [
            "99999999999999999999",
            "0000/00/00",
            "2024/13/45",
            "0001/01/01",
            "320000Z",
            "\u0665",
            "\u00b2",
            "\r",
        ]
    ),
    st.text(string.printable, max_size=12),
    st.floats(allow_nan=True).map(str),
)


@st.composite
def damaged(draw):
    """A file of a known format, cut up: pieces replaced, doubled, left out, or of two formats."""
    text = draw(st.sampled_from(TEMPLATES))
    for _ in range(draw(st.integers(1, 6))):
        a, b = sorted((draw(st.integers(0, len(text))), draw(st.integers(0, len(text)))))
        b = min(b, a + draw(st.sampled_from([0, 1, 7, 40, 400])))
        middle = draw(st.one_of(FRAGMENTS, st.just(text[a:b] * 2), st.just("")))
        text = text[:a] + middle + text[b:]
    return text + draw(st.sampled_from(["", *TEMPLATES]))


def check(folder, text):
    path = folder / "any.txt"
    path.write_text(text, encoding="utf-8", newline="")
    try:
        profiles = read_profiles(path)
    except ProfileError as error:
        message = str(error)
        assert message.startswith(f"{path}: ") and message.isprintable() and len(message) < 1000
    else:
        assert profiles
        for profile in profiles:
            assert isinstance(profile, Profile) and np.all(np.diff(profile.height) > 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("malformed")


@settings(max_examples=400, deadline=None, derandomize=True)
@given(damaged())
def test_damaged_files(folder, text):
    check(folder, text)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.text(max_size=300))
@example("height_m,refractivity\n" + "9" * 200_000 + ",300\n")
@example('height_m,refractivity,"odd\nname"\n0,300\n')
@example('"height\nm",pressure\n0,1\n')
@example("2024/13/45 12:00\n" + METAR.splitlines()[1])
@example("0001/01/01 00:00\n" + METAR.splitlines()[1].replace("011200Z", "311200Z"))
@example("#" * 80 + "\n")
@example("PRES HGHT TEMP DWPT\n1 2 3 4\n1 2 3 4 5 6 7 8 9\n")
@example("\ufeff\ud7ff")
def test_any_text(folder, text):
    check(folder, text)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.lists(st.floats(0, 50), max_size=60),
    st.floats(0.5, 20),
    st.floats(0.01, 0.99),
)
def test_alerts_alternate_and_only_a_threshold_moves_them(strengths, on, share):
    off = on * share
    alert = DuctAlert(on, off)
    events = []
    for strength in strengths:
        before = alert.standing
        event = alert.update(strength)
        if event == "raised":
            assert strength >= on and not before
        elif event == "cleared":
            assert strength < off and before
        else:
            assert alert.standing == before
            assert strength >= off if before else strength < on
        events.append(event)
    changes = [event for event in events if event]
    assert changes == ["raised", "cleared"] * (len(changes) // 2) + ["raised"] * (len(changes) % 2)
    assert alert.standing == (len(changes) % 2 == 1)
