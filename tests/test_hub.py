# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The hub behind a real socket, with a stand-in for the model."""

import socket
import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
import zmq

from gr_speculative import wire
from gr_speculative.handshake import Hello, decode_welcome, encode_hello
from gr_speculative.hub import Hub
from gr_speculative.hub_options import HubOptions
from gr_speculative.inference import infer

LABELS = ("noise", "signal")
PATIENCE_MS = 60_000  # a failing test ends; a passing one does not wait


class Model:
    """Says "signal" when the newest vector's first bin is above −50 dB. `gate` holds every inference back."""

    contract = SimpleNamespace(name="double", labels=LABELS, context=4, fft_size=32)
    sha256 = "ab" * 32

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.batches = []
        self.result = None  # an exception to raise, or an array to return

    def load(self):
        pass

    def unload(self):
        pass

    def infer(self, requests):
        return infer(self, requests), [{} for _ in requests]

    def predict(self, db, sample_rate):
        self.batches.append((db, sample_rate))
        self.entered.release()
        assert self.gate.wait(PATIENCE_MS / 1e3)
        if isinstance(self.result, Exception):
            raise self.result
        signal = (db[:, -1, 0] > -50).astype(np.float32)
        return np.stack([1 - signal, signal], axis=1) if self.result is None else self.result


def hub_of(*models, bind="tcp://127.0.0.1:0", **options):
    return Hub([lambda model=model: model for model in models], bind, HubOptions(**options))


@contextmanager
def serving(hub):
    thread = threading.Thread(target=hub.run)
    thread.start()
    try:
        yield hub
    finally:
        hub.stop()
        thread.join(PATIENCE_MS / 1e3)
        assert not thread.is_alive()
        assert_adds_up(hub)


def assert_adds_up(hub):
    count = hub.counters()
    answered = sum(
        count[key] for key in ("ok", "busy", "expired", "error", "malformed", "undeliverable", "queued")
    )
    assert count["received"] == answered, count


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE_MS / 1e3
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


class Node:
    """A DEALER that speaks the protocol."""

    def __init__(self, hub, context, **hello):
        self.socket = context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.rcvtimeo = self.socket.sndtimeo = PATIENCE_MS
        self.socket.connect(hub.endpoint)
        self.socket.send_multipart(encode_hello(Hello("node-1", **hello)))
        self.welcome = decode_welcome(self.socket.recv_multipart())

    def send(self, seq, level=0, vectors=4, fft_size=32, deadline_ms=60_000, label="noise"):
        levels = np.full((vectors, fft_size), level, np.uint8)
        request = wire.Request(1, seq, levels, 0.5, -100.0, 1e6, deadline_ms, label, 0.5, "node-1")
        self.socket.send_multipart(wire.encode_request(request))

    def receive(self):
        return wire.decode_verdict(self.socket.recv_multipart())

    def receive_all(self, count):
        return {verdict.seq: verdict for verdict in (self.receive() for _ in range(count))}


@pytest.fixture
def node():
    context = zmq.Context()
    yield lambda hub, **hello: Node(hub, context, **hello)
    context.destroy(linger=0)


def test_a_request_is_answered_with_the_models_scores(node):
    model = Model()
    with serving(hub_of(model)) as hub:
        client = node(hub)
        client.send(7, level=200)
        verdict = client.receive()
        assert (verdict.session, verdict.seq, verdict.status) == (1, 7, "ok")
        assert verdict.scores.tolist() == [0, 1]
        assert (verdict.model, verdict.model_sha256) == ("double", Model.sha256)
        assert verdict.elapsed_ms >= 0
    db, rate = model.batches[0]
    assert (db.shape, db.dtype, rate.tolist()) == ((1, 4, 32), np.float32, [1e6])


def test_requests_of_all_nodes_are_batched_and_each_gets_its_own_answer(node):
    model = Model()
    with serving(hub_of(model, max_batch=6, max_wait_ms=60_000)) as hub:
        nodes = [node(hub) for _ in range(3)]
        for index, client in enumerate(nodes):
            client.send(2 * index, level=0)
            client.send(
                2 * index + 1, level=200, vectors=1
            )  # start of a stream: less context than the model wants
        for index, client in enumerate(nodes):
            verdicts = client.receive_all(2)
            assert verdicts[2 * index].scores.tolist() == [1, 0]
            assert verdicts[2 * index + 1].scores.tolist() == [0, 1]
    assert [len(db) for db, _ in model.batches] == [6]


def test_a_batch_that_does_not_fill_is_not_waited_for(node):
    with serving(hub_of(Model(), max_batch=1000, max_wait_ms=1)) as hub:
        client = node(hub)
        client.send(1)
        assert client.receive().status == "ok"


def test_a_full_queue_is_busy_at_once_while_the_model_works(node):
    model = Model()
    model.gate.clear()
    with serving(hub_of(model, max_batch=1, max_queue=3)) as hub:
        client = node(hub)
        client.send(0)
        assert model.entered.acquire(timeout=10)
        for seq in range(1, 6):
            client.send(seq)
        refused = client.receive_all(2)
        assert sorted(refused) == [4, 5]
        assert {verdict.status for verdict in refused.values()} == {"busy"}
        wait_for(lambda: hub.counters()["queued"] == 4)
        assert_adds_up(hub)
        model.gate.set()
        assert {verdict.status for verdict in client.receive_all(4).values()} == {"ok"}


def test_a_flood_neither_starves_nor_displaces_another_node(node):
    model = Model()
    model.gate.clear()
    with serving(hub_of(model, max_batch=1, max_queue=8)) as hub:
        greedy, modest = node(hub), node(hub)
        greedy.send(0)
        assert model.entered.acquire(timeout=10)
        for seq in range(1, 9):
            greedy.send(seq)
        wait_for(lambda: hub.counters()["received"] == 9)
        modest.send(100, level=200)
        modest.send(101, level=200)
        assert {verdict.status for verdict in greedy.receive_all(2).values()} == {"busy"}
        model.gate.set()
        assert {verdict.status for verdict in modest.receive_all(2).values()} == {"ok"}
        assert {verdict.status for verdict in greedy.receive_all(7).values()} == {"ok"}
    turns = [bool(db[0, -1, 0] > -50) for db, _ in model.batches]
    assert turns.index(True) <= 2  # the modest node's turn came among the flood's first


def test_what_expires_while_the_model_works_is_answered_and_never_inferred(node):
    model = Model()
    model.gate.clear()
    with serving(hub_of(model, max_batch=8, max_wait_ms=0)) as hub:
        client = node(hub)
        client.send(0)
        assert model.entered.acquire(timeout=10)
        client.send(1, deadline_ms=1)
        client.send(2, deadline_ms=0)
        client.send(3)
        late = client.receive_all(2)
        assert {seq: verdict.status for seq, verdict in late.items()} == {1: "expired", 2: "expired"}
        model.gate.set()
        assert {verdict.status for verdict in client.receive_all(2).values()} == {"ok"}
    assert sum(len(db) for db, _ in model.batches) == 2


def test_a_request_that_does_not_fit_the_model_is_told_how(node):
    with serving(hub_of(Model())) as hub:
        client = node(hub)
        client.send(1, fft_size=64)
        client.send(2, label="lighthouse")
        verdicts = client.receive_all(2)
        assert verdicts[1].status == verdicts[2].status == "error"
        assert "fft_size 64" in verdicts[1].message and "wants 32" in verdicts[1].message
        assert "'lighthouse'" in verdicts[2].message and "noise, signal" in verdicts[2].message
        client.send(3)
        assert client.receive().status == "ok"


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (RuntimeError("no\nmemory \ud800"), "RuntimeError: no memory"),
        (np.zeros((1, 3)), "shape (1, 3), not (1, 2)"),
        (np.array([[np.nan, 1]]), "not probabilities"),
        ("nonsense", "ValueError"),
    ],
)
def test_a_failing_model_is_an_error_verdict_and_the_hub_lives_on(node, result, said):
    model = Model()
    with serving(hub_of(model)) as hub:
        client = node(hub)
        model.result = result
        client.send(1)
        verdict = client.receive()
        assert verdict.status == "error" and said in verdict.message
        model.result = None
        client.send(2)
        assert client.receive().status == "ok"


def test_garbage_is_counted_and_answered_where_it_says_who_it_is(node, caplog):
    with serving(hub_of(Model())) as hub:
        client = node(hub)
        for frames in (
            [b""],
            [b"hello"],
            [wire.VERSION, b"{", b""],
            [b"x"] * 20,
            [b"GRSPEC\0\2", b"{}", b""],
        ):
            client.socket.send_multipart(frames)
        good = wire.encode_request(
            wire.Request(5, 6, np.zeros((1, 32), np.uint8), 1, 0, 1e6, 1e4, "noise", 0.5, "n")
        )
        client.socket.send_multipart([*good[:2], b"short"])
        verdict = client.receive()
        assert (verdict.session, verdict.seq, verdict.status) == (5, 6, "error")
        assert verdict.message.startswith("payload: expected 1 x 32 bytes")
        client.send(1)
        assert client.receive().status == "ok"
        wait_for(lambda: hub.counters()["ok"] == 1)
        assert hub.counters()["malformed"] == 6
    warnings = [record for record in caplog.records if "malformed" in record.message]
    assert 1 <= len(warnings) < 6


def test_what_is_not_zeromq_or_far_too_large_costs_only_its_sender(node):
    with serving(hub_of(Model())) as hub:
        host, port = hub.endpoint.removeprefix("tcp://").split(":")
        with socket.create_connection((host, int(port))) as stranger:
            stranger.sendall(b"GET / HTTP/1.1\r\n\r\n" * 100)
        node(hub).socket.send_multipart([wire.VERSION, b"{}", bytes(wire.MAX_PAYLOAD + 1)])
        client = node(hub)
        client.send(1)
        assert client.receive().status == "ok"


def test_an_answer_to_a_node_that_left_is_counted(node):
    model = Model()
    model.gate.clear()
    hub = hub_of(model)
    with serving(hub):
        client = node(hub)
        client.send(1)
        assert model.entered.acquire(timeout=10)
        client.socket.close()
        wait_for(lambda: hub.counters()["connections"] == 0)
        model.gate.set()
        wait_for(lambda: hub.counters()["undeliverable"] == 1)


def test_stopping_answers_what_waits_even_with_a_model_that_hangs(node):
    model = Model()
    model.gate.clear()
    with serving(hub_of(model, max_batch=1)) as hub:
        client = node(hub)
        client.send(0)
        assert model.entered.acquire(timeout=10)
        client.send(1)
        wait_for(lambda: hub.counters()["queued"] == 2)
        hub.stop()
        assert {verdict.status for verdict in client.receive_all(2).values()} == {"busy"}
    assert hub.counters()["busy"] == 2
    model.gate.set()


def test_bad_options_and_endpoints_are_refused():
    for options in ({"max_batch": 0}, {"max_wait_ms": -1}, {"max_wait_ms": float("nan")}, {"max_queue": 0}):
        with pytest.raises(ValueError, match=f"^{next(iter(options))}: expected at least"):
            hub_of(Model(), **options)
    with serving(hub_of(Model())) as hub:
        for endpoint in (hub.endpoint, "tcp://nowhere", "carrier-pigeon://x", ""):
            with pytest.raises(OSError, match=f"cannot bind {endpoint}"):
                hub_of(Model(), bind=endpoint)
