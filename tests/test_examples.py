# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Every example that needs no hardware runs, as flowgraph of Companion and as script."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip(
    "gnuradio.speculative", reason="the GNU Radio module is not installed", exc_type=ImportError
)

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
PATIENCE_S = 60
FLOWGRAPHS = ("zeromq_node", "remote_hub", "record_and_annotate")


def python(*arguments, cwd):
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_first_steps_tells_labels(tmp_path):
    assert "noise" in python(EXAMPLES / "first_steps.py", 2, cwd=tmp_path)


def test_recordings_are_annotated(tmp_path):
    python(EXAMPLES / "record_and_annotate.py", tmp_path / "scene", 2, cwd=tmp_path)
    document = json.loads((tmp_path / "scene.sigmf-meta").read_text())
    assert document["global"]["core:datatype"] == "cf32_le"
    assert (tmp_path / "scene.sigmf-data").stat().st_size == 2e6 * 8
    end = max(a["core:sample_start"] + a["core:sample_count"] for a in document["annotations"])
    assert 0 < end <= 2e6


def test_a_node_runs_on_without_its_hub(tmp_path):
    assert "'in_time': 0" in python(EXAMPLES / "remote_hub.py", "tcp://127.0.0.1:1", 1, cwd=tmp_path)
    assert "'in_time': 0" in python(EXAMPLES / "zeromq_node.py", 1, cwd=tmp_path)


@pytest.mark.parametrize("name", FLOWGRAPHS)
def test_flowgraphs_run(name, tmp_path):
    compiler = shutil.which("grcc") or pytest.skip("grcc is not installed")
    environment = os.environ | {"GRC_BLOCKS_PATH": str(ROOT / "grc"), "HOME": str(tmp_path)}
    command = [compiler, "-o", str(tmp_path), str(EXAMPLES / f"{name}.grc")]
    subprocess.run(command, env=environment, capture_output=True, check=True)
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / f"{name}.py")],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    time.sleep(2)
    out, _ = process.communicate("\n", timeout=PATIENCE_S)  # the key that ends it
    assert process.returncode == 0 and "Traceback" not in out, out[-2000:]


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("receiver", ["433.92", "driver=x"], "1 losses of samples"),
        ("scanning", ["driver=x", "433.92", "868.3"], ""),
    ],
)
def test_examples_with_a_receiver(name, arguments, said, tmp_path, monkeypatch):
    pytest.importorskip("torch", reason="the slow model of the example needs torch")
    double = "from radio_doubles import Air, soapy\nglobals().update(vars(soapy(Air())))\n"
    (tmp_path / "SoapySDR.py").write_text(double)
    paths = [str(tmp_path), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    assert said in python(EXAMPLES / f"{name}.py", *arguments, cwd=tmp_path)
    if name == "scanning":
        captures = json.loads((tmp_path / "scan.sigmf-meta").read_text())["captures"]
        assert captures[0]["core:frequency"] == 433.92e6
