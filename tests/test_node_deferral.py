# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""What a node is told about deferral reaches its classifier."""

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("gnuradio")
pytest.importorskip(
    "gnuradio.speculative", reason="the GNU Radio module is not installed", exc_type=ImportError
)
from gnuradio.speculative.node_flowgraph import NodeOptions, node_flowgraph  # noqa: E402

from gr_speculative import cli  # noqa: E402
from gr_speculative.installed import default_fast_model  # noqa: E402
from gr_speculative.sigmf_io import open_recording  # noqa: E402

NOBODY = "tcp://127.0.0.1:9"
PATIENCE_S = 30


def noise(folder, vectors):
    path = folder / "noise.cf32"
    np.random.default_rng(1).normal(0, 0.1, 2 * vectors * 1024).astype(np.float32).tofile(path)
    return path


@pytest.fixture
def recording(tmp_path):
    return noise(tmp_path, 64)


@pytest.fixture
def duct(tmp_path):
    path = tmp_path / "duct.csv"
    path.write_text("height_m,modified_refractivity\n0,340\n100,300\n2000,560\n")
    return str(path)


def flowgraph(path, **options):
    source = open_recording(path, 2e6, "cf32", 433e6)
    return node_flowgraph(source, NodeOptions(str(default_fast_model()), 0.5, **options), [])


def test_conditions_raise_the_threshold_of_a_node_that_watches_them(recording, duct):
    node = flowgraph(recording, hub=NOBODY, conditions=duct, conditions_strength=0.5)
    node.start()
    until = time.monotonic() + PATIENCE_S
    while node.classifier.threshold() == 0.5 and time.monotonic() < until:
        time.sleep(0.02)
    raised = node.classifier.threshold()
    node.stop()
    node.wait()
    assert 0.5 < raised <= 0.75


def test_without_conditions_or_somebody_to_ask_nothing_raises_it(recording, duct):
    assert not hasattr(flowgraph(recording, hub=NOBODY), "weather")
    assert not hasattr(flowgraph(recording, conditions=duct), "weather")


def test_asking_about_emissions_is_an_option(tmp_path, monkeypatch, answered):
    """Noise is one emission: a few questions, whose answer the rest has, too. At threshold 1 all are unsure."""
    search = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]  # the worker's
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(search))
    path, config = noise(tmp_path, 512), tmp_path / "node.toml"
    config.write_text("per-emission = true\nthreshold = 1.0\nrate = 250e3\n")  # two seconds of it
    command = ["node", "--config", str(config), "--slow-model", "instant_slow_model:make"]
    assert cli.main([*command, "--out", str(tmp_path / "out"), str(path)]) == 0
    results = [json.loads(line) for line in (tmp_path / "out" / "noise.cf32.jsonl").read_text().splitlines()]
    assert 0 < sum(r["status"] == "provisional" for r in results) <= 12
    assert len({r["emission"] for r in results}) <= 3
    late = [r for r in results if r["offset"] >= 256 and r["status"] == "final"]
    assert {r["source"] for r in late} == {answered}


def test_the_default_is_to_ask_about_vectors(recording):
    assert not flowgraph(recording, hub=NOBODY).classifier.classifier.per_emission()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--rule", "benefit"], "calibration.benefit"),
        (["--audit-seed", "0"], "audit_seed is 0"),
        (["--audit-fraction", "2"], "audit_fraction is 2"),
    ],
)
def test_what_the_classifier_refuses_is_one_line(recording, options, complaint, capsys):
    assert cli.main(["node", "--no-slow", "--rate", "2e6", str(recording), *options]) == 2
    error = capsys.readouterr().err
    assert complaint in error and error.count("\n") == 1


def test_a_nodes_telemetry_has_every_figure_as_metrics_and_for_the_hub(tmp_path):
    parser = pytest.importorskip("prometheus_client.parser")
    from gr_speculative import prometheus
    from gr_speculative.node_report import Report, encode_report

    node = flowgraph(noise(tmp_path, 4096), hub=NOBODY, audit_fraction=0.1)
    node.start()
    until = time.monotonic() + PATIENCE_S
    while "live_risk" not in node.telemetry() and time.monotonic() < until:
        time.sleep(0.02)
    told = node.telemetry()
    page = prometheus.exposition(prometheus.NodeCollector("roof", node.telemetry, node.latency_s))().decode()
    node.stop()
    node.wait()
    encode_report(Report("roof", 1, [], told))  # fits
    kinds = {family.name: family.type for family in parser.text_string_to_metric_families(page)}
    for name in (
        "vectors",
        "accepted",
        "deferred",
        "unbudgeted",
        "invalid",
        "in_time",
        "timed_out",
        "dropped",
    ):
        assert kinds[f"speculative_node_{name}"] == "counter", name
    for name in ("failed", "late", "unknown", "duplicate", "malformed", "audited", "link_sent", "link_lost"):
        assert kinds[f"speculative_node_{name}"] == "counter", name
    for name in ("in_flight", "threshold", "price", "live_risk", "live_risk_lower", "live_risk_upper"):
        assert kinds[f"speculative_node_{name}"] == "gauge", name
    for name in ("fast_ratio", "slow_ratio", "fallback_ratio", "deferral_ratio", "latency_p99_ms"):
        assert kinds[f"speculative_node_{name}"] == "gauge", name
    assert kinds["speculative_node_latency_seconds"] == "histogram"
    assert {"process_cpu_seconds", "process_resident_memory_bytes"} < set(kinds)
