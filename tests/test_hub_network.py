# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""A hub behind a bad network, in a network namespace of its own: loss, delay, a cut or half-open link."""

import time
from collections import Counter

import pytest
import zmq
from bad_network import THEIRS, BadNetwork, Unavailable
from hub_process import HubProcess, adds_up
from sim_nodes import Fleet, SimNode, conserved

DEADLINE_S = 2.0


@pytest.fixture(scope="module")
def network():
    network = BadNetwork()
    try:
        network.__enter__()
    except Unavailable as why:
        pytest.skip(str(why))
    yield network
    network.__exit__()


@pytest.fixture
def fleet(network):
    """A hub beyond the link, and three nodes here that use it; at the end all is settled."""
    context = zmq.Context()

    def make():
        socket = context.socket(zmq.DEALER)
        socket.immediate, socket.reconnect_ivl, socket.reconnect_ivl_max, socket.rcvhwm = 1, 100, 500, 0
        socket.heartbeat_ivl, socket.heartbeat_timeout, socket.handshake_ivl = 500, 1000, 2000
        socket.connect(hub.endpoint)
        return socket

    with HubProcess(bind=f"tcp://{THEIRS}:5555", model="good", prefix=network.inside) as hub:
        fleet = Fleet([SimNode(f"node-{index}", 20.0, DEADLINE_S) for index in range(3)], make)
        fleet.hub = hub
        yield fleet
        network.loss = network.delay_s = 0.0
        fleet.drain()
        fleet.close()
    context.destroy(linger=0)
    assert all(map(conserved, fleet.nodes))
    assert adds_up(hub.counters)


def settled(fleet):
    return sum((node.settled for node in fleet.nodes), Counter())


def served_within(fleet, seconds):
    """True once every node gets answers again."""
    before = [node.settled["ok"] for node in fleet.nodes]
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        fleet.run(0.2)
        if all(node.settled["ok"] > ok for node, ok in zip(fleet.nodes, before, strict=True)):
            return True
    return False


@pytest.mark.slow
def test_a_third_of_all_packets_lost(network, fleet):
    assert served_within(fleet, 10)
    network.loss = 0.3
    fleet.run(8)
    during = settled(fleet)
    assert during["ok"] > 30, during
    network.loss = 0.0
    assert served_within(fleet, 20)


@pytest.mark.slow
def test_three_hundred_milliseconds_each_way(network, fleet):
    network.delay_s = 0.3
    assert served_within(fleet, 20)
    fleet.run(3)
    elapsed = sorted(value for node in fleet.nodes for value in node.elapsed_s)
    assert 0.6 <= elapsed[len(elapsed) // 2] < DEADLINE_S


def test_a_cut_link(network, fleet):
    assert served_within(fleet, 10)
    network.loss = 1.0
    fleet.run(1)
    before = settled(fleet)
    fleet.run(DEADLINE_S + 1)
    after = settled(fleet)
    assert after["ok"] == before["ok"] and after["timed_out"] + after["held"] > before["timed_out"]
    network.loss = 0.0
    assert served_within(fleet, 20)


def test_a_connection_that_only_one_side_remembers(network, fleet):
    """The hub goes and comes back while nothing gets through: no packet tells the nodes."""
    assert served_within(fleet, 10)
    network.loss = 1.0
    fleet.hub.kill()
    fleet.hub.__enter__()
    fleet.run(0.5)
    network.loss = 0.0
    assert served_within(fleet, 20)
