# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""A hub with heads and `gr-speculative node` as processes: what the heads say arrives in the node's results and on
the hub's dashboard."""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from gr_speculative.scene import plan_scene, write_scene

pytest.importorskip(
    "gnuradio.speculative", reason="the GNU Radio module is not installed", exc_type=ImportError
)
pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("prometheus_client", reason="needs prometheus-client")

HERE = Path(__file__).parent
ANOMALY = HERE.parent / "models" / "anomaly.safetensors"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
PATIENCE_S = 120


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The node's results, its summary, the dashboard's state, and what a browser makes of it."""
    if not ANOMALY.is_file():
        pytest.skip("the shipped models are not there")
    folder = tmp_path_factory.mktemp("heads")
    scene = write_scene(folder / "scene", plan_scene(1, 250e3, 1.2, ("ook_ism", "fsk_ism")))
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]),
        "SPECULATIVE_MODELS": str(ANOMALY.parent),
    }
    command = [sys.executable, "-m", "gr_speculative"]
    hub = [*command, "hub", "--allow-plaintext", "--bind", "tcp://127.0.0.1:0", "--http", "127.0.0.1:0"]
    hub += ["--model", "instant_slow_model:make", "--head", "some_heads:Loudness=3"]
    hub += ["--head", "some_heads:failing", "--head", f"gr_speculative.heads.anomaly:load={ANOMALY}"]
    with subprocess.Popen(hub, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            endpoint, page = re.match(r"listening on (\S+?),? .*dashboard (\S+)", line).groups()
            node = [*command, "node", str(scene), "--hub", endpoint, "--node-id", "roof", "--threshold", "1"]
            node += ["--pace", "lossless", "--deadline", "30", "--json"]
            done = subprocess.run(node, env=environment, capture_output=True, text=True, timeout=PATIENCE_S)
            assert done.returncode == 0, done.stderr
            with urllib.request.urlopen(f"{page}/state.json", timeout=10) as answer:
                state = json.loads(answer.read())
            dom = browsed(page) if CHROMIUM else None
        finally:
            process.terminate()
            process.communicate(timeout=20)
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr, state, dom


def test_results_carry_what_every_head_said(run):
    results, summary, *_ = run
    revised = [r for r in results if r["status"] == "revised"]
    assert len(revised) >= 100 and "counters add up" in summary
    for result in revised:
        heads = result["heads"]
        assert set(heads) == {"loudness", "saying", "anomaly"}
        assert heads["loudness"]["node"].startswith(f"roof {result['fast_label']} ")
        assert heads["saying"] == {"error": "RuntimeError: out of luck"}
        anomaly = heads["anomaly"]
        assert anomaly["alarm"] == int(anomaly["score"] > anomaly["threshold"])
    assert len({r["heads"]["anomaly"]["score"] for r in revised}) > 10  # each vector has its own
    assert not any("heads" in r for r in results if r["status"] != "revised")


def test_the_dashboards_state_has_them(run):
    results, _, state, _ = run
    recent = state["nodes"]["roof"]["recent"]
    told = [r["heads"] for r in results if "heads" in r]
    assert recent and all(entry["heads"] in told for entry in recent)


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_the_dashboard_shows_them(run):
    dom = run[-1]
    assert "<div>anomaly: score " in dom and "<div>loudness: peak " in dom
    assert "<div>saying: error RuntimeError: out of luck</div>" in dom


def browsed(url):
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--virtual-time-budget=3000",
        "--dump-dom",
        url,
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True).stdout
