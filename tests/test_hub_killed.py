# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""A real node whose hub is killed over and over: it comes back by itself, and no vector's result is lost or doubled."""

import time

import pytest
from hub_process import HubProcess, adds_up
from real_node import RealNode

pytest.importorskip("gnuradio.speculative", reason="the GNU Radio module is not installed")


def answered(node):
    """Vectors whose result holds a verdict."""
    return sum(any(r["status"] == "revised" for r in results) for results in node.results().values())


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_a_real_node_outlives_a_hub_that_is_killed_over_and_over(tmp_path, kills):
    with (
        HubProcess("--model", "instant_slow_model:make", model="good") as hub,
        RealNode(hub.endpoint, tmp_path) as node,
    ):
        for life in range(kills + 1):
            before, until = answered(node), time.monotonic() + 30
            while answered(node) < before + 20:
                assert time.monotonic() < until, f"no verdicts in life {life}"
                time.sleep(0.1)
            if life < kills:
                hub.kill()
                time.sleep(0.3)
                hub.__enter__()  # at the same endpoint
    print(node.vectors, node.counters, node.ways(), hub.counters)
    assert node.faults() == []
    c = node.counters
    assert c["deferred"] == node.vectors == len(node.results())
    assert c["deferred"] == c["in time"] + c["timed out"] + c["dropped"] + c["failed"]
    assert c["in flight"] == c["accepted"] == c["unbudgeted"] == c["invalid"] == 0
    assert c["failed"] + c["timed out"] > 0, "the kills hit nothing"
    assert adds_up(hub.counters)
