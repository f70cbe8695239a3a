# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The channel between a hub and a model's process, here between two ends in one."""

import os
import socket

import numpy as np
import pytest

from gr_speculative.channel import Channel, shared_memory


@pytest.fixture(params=["memory", "file"])
def ends(request, monkeypatch):
    if request.param == "file":  # where the system has no anonymous memory with a descriptor
        monkeypatch.delattr(os, "memfd_create", raising=False)
    ours, theirs = socket.socketpair()
    memory = shared_memory()
    with open(os.dup(memory.fileno()), "r+b", buffering=0) as same:
        ends = Channel(ours, memory), Channel(theirs, same)
        yield ends
        for end in ends:
            end.close()


def test_arrays_of_any_size_go_both_ways(ends):
    rng = np.random.default_rng(1)
    for turn, size in enumerate([0, 5, 100_000, 1, 3_000_000, 70_000]):
        sender, receiver = ends if turn % 2 else ends[::-1]
        parts = [rng.integers(0, 256, (4, size), np.uint8), rng.random(size, np.float32)] if size else []
        sender.send({"turn": turn}, parts)
        header, body = receiver.receive()
        assert header == {"turn": turn}
        assert body == b"".join(part.tobytes() for part in parts)


def test_what_was_received_stays_when_more_comes(ends):
    first, second = ends
    first.send({}, [np.arange(10)])
    _, kept = second.receive()
    second.send({}, [np.zeros(10, int)])
    first.receive()
    assert np.array_equal(np.frombuffer(kept, int), np.arange(10))


def test_silence_and_an_end_are_errors(ends):
    first, second = ends
    with pytest.raises(TimeoutError):
        first.receive(0.01)
    second.close()
    with pytest.raises(ConnectionResetError):
        first.receive()
