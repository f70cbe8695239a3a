# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""A real node whose hub is killed over and over: it comes back by itself, and no vector's result is lost or doubled."""

import time

import pytest
from hub_process import HubProcess, adds_up
from real_node import RealNode

pytest.importorskip("gnuradio.speculative", reason="the GNU Radio module is not installed")


def wait_for_verdicts(node):
    before, until = node.answered(), time.monotonic() + 60
    while node.answered() < before + 20:
        assert time.monotonic() < until, "no verdicts any more"
        time.sleep(0.1)


def assert_all_accounted_for(node):
    print(node.vectors, node.counters, node.ways())
    assert node.faults() == []
    c = node.counters
    assert c["deferred"] == node.vectors == len(node.results())
    assert c["deferred"] == c["in time"] + c["timed out"] + c["dropped"] + c["failed"]
    assert c["in flight"] == c["accepted"] == c["unbudgeted"] == c["invalid"] == 0
    assert c["failed"] + c["timed out"] > 0, "the kills hit nothing"


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_a_real_node_outlives_a_hub_that_is_killed_over_and_over(tmp_path, kills):
    with (
        HubProcess("--model", "instant_slow_model:make", model="good") as hub,
        RealNode(hub.endpoint, tmp_path) as node,
    ):
        for _ in range(kills):
            wait_for_verdicts(node)
            hub.kill()
            time.sleep(0.3)
            hub.__enter__()  # at the same endpoint
        wait_for_verdicts(node)
    assert_all_accounted_for(node)
    assert adds_up(hub.counters)


def test_a_real_node_outlives_a_worker_of_its_own_that_is_killed(tmp_path):
    with RealNode(None, tmp_path) as node:
        for _ in range(3):
            wait_for_verdicts(node)
            node.kill_worker()
        wait_for_verdicts(node)
    assert_all_accounted_for(node)
