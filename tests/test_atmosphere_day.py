# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The example that plays a day of weather: alerts, threshold and deferral react, and it adds up."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip(
    "gnuradio.speculative", reason="the GNU Radio module is not installed", exc_type=ImportError
)
for name in ("torch", "matplotlib", "scipy"):
    pytest.importorskip(name, reason=f"{name} is not installed")

EXAMPLE = Path(__file__).parents[1] / "examples" / "propagation_day.py"


def test_a_day_of_weather(tmp_path):
    command = [sys.executable, EXAMPLE, "--seeds", "1", "--step", "0.1", "--out", tmp_path]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)
    if "is not in" in done.stderr and "SPECULATIVE_MODELS" in done.stderr:
        pytest.skip("the shipped models are not there")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "propagation_day.png").read_bytes()[:4] == b"\x89PNG"
    found = json.loads((tmp_path / "propagation_day.json").read_text())
    assert found["alerts"] == [["raised", "cleared"]]
    assert found["thresholds"]["constant"] == [pytest.approx(0.3)] * 12
    follows = found["thresholds"]["follows"]
    assert 0.3 <= follows[0] < max(follows) == follows[5] and follows[-1] < follows[5]
    everything, constant, weather = (
        found[name] for name in ("asks about everything", "constant threshold", "follows the weather")
    )
    assert everything["day"]["deferred"] == 1
    assert constant["duct"]["deferred"] < weather["duct"]["deferred"]
    assert weather["calm"]["deferred"] < weather["duct"]["deferred"]
    assert all(0 <= row[period]["accuracy"] <= 1 for row in (everything, constant, weather) for period in row)
