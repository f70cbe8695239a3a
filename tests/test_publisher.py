# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Published results: heard by label, never waited for."""

import json
import time

import pytest
import zmq

from gr_speculative.publisher import Publisher

PATIENCE_MS = 10_000
RESULT = {"schema": "speculative.result/1", "label": "lte_ofdm", "offset": 7, "scores": [0.25, 0.75]}


@pytest.fixture
def listener():
    context = zmq.Context()
    socket = context.socket(zmq.SUB)
    socket.setsockopt(zmq.RCVTIMEO, PATIENCE_MS)
    yield socket
    socket.close(0)
    context.term()


def send_until_heard(publisher, socket, result):
    """A subscription takes a moment to arrive."""
    until = time.monotonic() + PATIENCE_MS / 1e3
    while time.monotonic() < until:
        publisher.send(result)
        if socket.poll(20):
            return socket.recv_multipart()
    raise AssertionError("nothing was heard")


def test_a_listener_hears_the_labels_that_it_subscribed(listener):
    with Publisher("tcp://127.0.0.1:0") as publisher:
        listener.setsockopt_string(zmq.SUBSCRIBE, "lte")
        listener.connect(publisher.endpoint)
        label, text = send_until_heard(publisher, listener, RESULT)
        assert (label, json.loads(text)) == (b"lte_ofdm", RESULT)
        publisher.send(RESULT | {"label": "noise"})
        publisher.send(RESULT | {"label": "lte_tdd"})
        heard = b""
        while heard != b"lte_tdd":
            heard = listener.recv_multipart()[0]
            assert heard != b"noise"


def test_sending_never_waits_for_a_listener_that_does_not_listen(listener):
    with Publisher("tcp://127.0.0.1:0") as publisher:
        listener.setsockopt(zmq.RCVHWM, 1)
        listener.setsockopt_string(zmq.SUBSCRIBE, "")
        listener.connect(publisher.endpoint)
        send_until_heard(publisher, listener, RESULT)
        for _ in range(50_000):
            publisher.send(RESULT)


@pytest.mark.parametrize("endpoint", ["tcp://nowhere.invalid:1", "nonsense", "tcp://127.0.0.1:0:0"])
def test_an_endpoint_that_cannot_be_bound_is_named(endpoint):
    with pytest.raises(OSError, match=endpoint):
        Publisher(endpoint)
