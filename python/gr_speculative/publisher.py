# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Results to whoever listens: a ZeroMQ PUB socket (docs/protocol.md, "Published results")."""

from __future__ import annotations

import json

import zmq

_QUEUED = 10_000  # results that wait for a slow listener; it misses those above


class Publisher:
    """Sends each result as two frames: its label, to subscribe by, and the result as a JSON object.

    endpoint: where listeners connect, such as tcp://*:5560 or ipc:///run/results; the attribute of that name
    has the port that was chosen for tcp://127.0.0.1:0. Raises OSError naming one that cannot be bound.
    Sending never waits: a listener that falls behind misses results, as does one that comes late.
    """

    def __init__(self, endpoint: str) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.PUB)
        self._socket.setsockopt(zmq.SNDHWM, _QUEUED)
        self._socket.setsockopt(zmq.LINGER, 200)  # ms: what the network still takes when we end
        try:
            self._socket.bind(endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise OSError(f"cannot publish on {endpoint}: {error}") from None
        self.endpoint = self._socket.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0")

    def send(self, result: dict) -> None:
        """result: as docs/protocol.md has it, with `label`."""
        self._socket.send_multipart([result["label"].encode(), json.dumps(result).encode()])

    def close(self) -> None:
        self._socket.close()
        self._context.term()

    def __enter__(self) -> Publisher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
