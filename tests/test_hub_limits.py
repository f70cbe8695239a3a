# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""What a hub grants, whom it refuses, and that nobody can make it grow."""

import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import zmq
from test_hub import LABELS, PATIENCE_MS, Model, hub_of, serving, wait_for
from test_hub import node as node  # a fixture

from gr_speculative import wire
from gr_speculative.handshake import Hello, Welcome, encode_hello
from gr_speculative.trim import trim_memory

HERE = Path(__file__).parent


class Other(Model):
    contract = SimpleNamespace(name="other", labels=("signal", "noise"), context=1, fft_size=64)
    sha256 = "ef" * 32


def test_a_hello_is_welcomed_with_credit_and_the_models_digest(node):
    with serving(hub_of(Model(), credit=7, lease_s=3)) as hub:
        client = node(hub, labels=LABELS, fft_size=32)
        assert client.welcome == Welcome(7, 3.0, "double", Model.sha256, None)


def test_models_are_asked_for_by_name_digest_or_what_fits(node):
    model, other = Model(), Other()
    with serving(hub_of(model, other)) as hub:
        for hello, name in (
            ({}, "double"),
            ({"model": "other"}, "other"),
            ({"model_sha256": Other.sha256}, "other"),
            ({"fft_size": 64}, "other"),
            ({"labels": ("signal", "noise"), "fft_size": 64}, "other"),
        ):
            client = node(hub, **hello)
            assert client.welcome.model == name
            client.send(1, fft_size=64 if name == "other" else 32)
            verdict = client.receive()
            assert (verdict.status, verdict.model) == ("ok", name)
    assert (len(model.batches), len(other.batches)) == (1, 4)


@pytest.mark.parametrize(
    ("hello", "said"),
    [
        ({"model": "third"}, "no slow model third here, only double (SHA-256 abab"),
        ({"model": "double", "model_sha256": "00" * 32}, "no slow model double here"),
        ({"fft_size": 128}, "fft_size 128, but the slow model double wants 32: set the node's FFT size"),
        ({"labels": ("signal", "noise")}, "trained on the same labels, in the same order"),
    ],
)
def test_a_node_that_does_not_fit_is_refused_with_advice(node, hello, said):
    with serving(hub_of(Model())) as hub:
        client = node(hub, **hello)
        assert client.welcome.credit == 0 and said in client.welcome.message
        client.send(1)
        verdict = client.receive()
        assert verdict.status == "error" and said in verdict.message


def test_who_never_said_hello_is_told_to(node):
    with serving(hub_of(Model())) as hub:
        client = node(hub)
        stranger = client.socket.context.socket(zmq.DEALER)
        stranger.linger, stranger.rcvtimeo = 0, PATIENCE_MS
        stranger.connect(hub.endpoint)
        client.socket = stranger
        client.send(1)
        verdict = client.receive()
        assert verdict.status == "error" and "hello" in verdict.message


def test_more_than_the_credit_is_busy_at_once(node):
    model = Model()
    model.gate.clear()
    with serving(hub_of(model, credit=3)) as hub:
        client, other = node(hub), node(hub)
        for seq in range(5):
            client.send(seq)
        assert {seq: v.status for seq, v in client.receive_all(2).items()} == {3: "busy", 4: "busy"}
        other.send(1)
        model.gate.set()
        assert {v.status for v in client.receive_all(3).values()} == {"ok"}
        assert other.receive().status == "ok"


def test_what_cannot_be_answered_in_time_is_busy_at_once(node):
    """As soon as it is known how long the model takes."""

    class Slow(Model):
        def predict(self, db, sample_rate):
            time.sleep(0.05)
            return super().predict(db, sample_rate)

    with serving(hub_of(Slow(), max_batch=1, max_wait_ms=0)) as hub:
        client = node(hub)
        client.send(0)
        assert client.receive().status == "ok"
        for seq in range(20):
            client.send(seq, deadline_ms=300)
        statuses = [v.status for v in client.receive_all(20).values()]
        assert statuses.count("busy") >= 10 and statuses.count("ok") >= 3
        client.send(99, deadline_ms=1)  # to an idle model it is sent nevertheless: the estimate may be wrong
        assert client.receive().status in ("ok", "expired")


def test_a_flood_of_garbage_is_cut_off_and_others_are_served(node, caplog):
    caplog.set_level(logging.WARNING)
    with serving(hub_of(Model())) as hub:
        noisy, client = node(hub), node(hub)
        for _ in range(1000):
            noisy.socket.send_multipart([b"hello", b"world"])
        wait_for(lambda: hub.counters()["cut_off"] >= 1)
        client.send(1)
        assert client.receive().status == "ok"
        assert hub.counters()["malformed"] <= 200
    assert "is cut off: it does not keep to the protocol" in caplog.text


def test_there_are_only_so_many_connections_and_the_silent_are_forgotten(node):
    with serving(hub_of(Model(), max_connections=2, lease_s=1.5)) as hub:
        first, _ = node(hub), node(hub)
        wait_for(lambda: hub.counters()["nodes"] == 2)
        third = first.socket.context.socket(zmq.DEALER)
        third.linger, third.rcvtimeo = 0, 300
        third.connect(hub.endpoint)
        third.send_multipart(encode_hello(Hello("third")))
        with pytest.raises(zmq.Again):
            third.recv_multipart()
        third.close()
        assert hub.counters()["refused_connections"] >= 1
        wait_for(lambda: hub.counters()["nodes"] == 0)
        first.send(2)
        assert "hello" in first.receive().message


FLOOD = """
import sys, time, zmq
sockets = []
context = zmq.Context()
until = time.monotonic() + float(sys.argv[2])
frames = [bytes.fromhex(part) for part in sys.argv[3:]]
while time.monotonic() < until:
    socket = context.socket(zmq.DEALER)
    socket.heartbeat_ivl, socket.linger, socket.sndtimeo = 100, 0, 200
    socket.connect(sys.argv[1])
    try:
        while time.monotonic() < until:
            socket.send_multipart(frames, copy=False)
    except zmq.Again:
        socket.close()
"""


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("kind", ["garbage", "hellos", "requests"])
def test_a_flood_does_not_make_the_hub_grow(node, kind):
    levels = np.zeros((64, 1024), np.uint8)
    frames = {
        "garbage": [b"\0" * 60_000],
        "hellos": encode_hello(Hello("flood")),
        "requests": wire.encode_request(wire.Request(1, 1, levels, 1, 0, 1e6, 1e4, "noise", 0.5, "flood")),
    }[kind]
    if kind == "requests":  # too large for an argument, and as good: a header that promises nothing
        frames = [frames[0], frames[1].replace(b'"vectors":64', b'"vectors":1'), bytes(1024)]
    with serving(hub_of(Model(), max_connections=8)) as hub:
        client = node(hub)
        before = resident()
        flood = subprocess.Popen(
            [sys.executable, "-c", FLOOD, hub.endpoint, "1.5", *(frame.hex() for frame in frames)]
        )
        seq = 0
        try:
            while flood.poll() is None:
                client.send(seq)
                assert client.receive().status == "ok"
                seq += 1
        finally:
            flood.kill()
            flood.wait()
        assert hub.counters()["cut_off"] + hub.counters()["turned_away"] >= 1
        assert seq > 5
        trim_memory()  # as the hub does once in a while: what glibc keeps of freed memory is not the hub's
        assert resident() - before < 64 << 20
