# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""A hub that is stopped in mid-run: the stream goes on, nothing is lost, and verdicts flow again afterwards."""

from __future__ import annotations

import os
import signal
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("gnuradio.speculative", reason="the GNU Radio module is not installed")

from gnuradio.speculative.node_flowgraph import NodeOptions, node_flowgraph

from gr_speculative.installed import default_fast_model
from gr_speculative.sigmf_io import open_recording
from gr_speculative.worker import Worker

RATE = 500e3
SECONDS = 9.0
STOP_AT, CONTINUE_AT = 2.0, 5.0  # seconds of the stream
DEADLINE = 0.5


@pytest.fixture
def recording(tmp_path: Path):
    noise = np.random.default_rng(1).normal(0, 20, 2 * int(RATE * SECONDS))
    path = tmp_path / "noise.cs8"
    np.clip(np.rint(noise), -128, 127).astype(np.int8).tofile(path)
    return open_recording(path, RATE)


def _wait_for(flowgraph: node_flowgraph, seconds: float) -> None:
    until = time.monotonic() + 60
    while flowgraph.source.position < seconds * RATE:
        assert time.monotonic() < until, "the stream stands still"
        time.sleep(0.005)


def test_stream_outlives_a_stopped_hub(recording, monkeypatch) -> None:
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    )
    results = defaultdict(list)
    with Worker("instant_slow_model:make") as worker:
        options = NodeOptions(default_fast_model(), threshold=1.0, deadline=DEADLINE, hub=worker.endpoint)
        flowgraph = node_flowgraph(
            recording, options, [lambda result: results[result["offset"]].append(result)]
        )
        flowgraph.start()
        try:
            _wait_for(flowgraph, STOP_AT)
            os.kill(worker.pid, signal.SIGSTOP)
            _wait_for(flowgraph, CONTINUE_AT)
            os.kill(worker.pid, signal.SIGCONT)
            assert flowgraph.wait_finished(60.0), "the stream does not end"
        finally:
            flowgraph.stop()
            flowgraph.wait()
    summary = flowgraph.summary()
    assert summary.conserved(), summary.text()
    assert summary.counters["in_flight"] == summary.counters["invalid"] == summary.counters["accepted"] == 0
    assert sorted(results) == list(range(recording.n_samples // 1024))

    def settled_within(first: float, last: float) -> list[dict]:
        """How the vectors of these seconds of the stream were settled: their first result that is not provisional."""
        between = [said for said in results.values() if first * RATE <= said[0]["sample_start"] < last * RATE]
        return [next(result for result in said if result["status"] != "provisional") for said in between]

    # Margins of half a second: the node's clock and this test's differ by buffers and scheduling.
    stopped = settled_within(STOP_AT + 0.5, CONTINUE_AT - DEADLINE - 0.5)
    assert stopped and all(r["source"] == "fast_fallback" and r["status"] == "final" for r in stopped)
    before = settled_within(0.5, STOP_AT - 0.5)
    after = settled_within(CONTINUE_AT + 3.0, SECONDS - 0.1)
    assert any(r["status"] == "revised" for r in before)
    assert any(r["status"] == "revised" for r in after), "no verdicts after the hub went on"
