# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""One request at a time to a hub, for Python programs; a flowgraph uses slow_link."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import zmq

from . import handshake, wire
from .wire import Request, Verdict, WireError

Message = TypeVar("Message")


class HubClient:
    """Asks the hub at `endpoint`, such as tcp://hub.example:5555. labels, fft_size: of the fast model,
    which the hub's slow model has to match. One thread at a time. Raises OSError naming an endpoint that
    ZeroMQ refuses."""

    def __init__(self, endpoint: str, labels: Sequence[str], fft_size: int, node_id: str = "python") -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.SNDHWM, 16)
        try:
            self._socket.connect(endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise OSError(f"cannot connect to {endpoint}: {error}") from None
        self._hello = handshake.encode_hello(
            handshake.Hello(node_id, labels=tuple(labels), fft_size=fft_size)
        )
        self._welcome: handshake.Welcome | None = None

    def ask(self, request: Request, timeout: float) -> Verdict:
        """The hub's verdict, or one of status `unreachable` after `timeout` seconds."""
        until = time.monotonic() + timeout
        message = "the hub does not answer"
        try:
            if self._welcome is None:
                self._socket.send_multipart(self._hello, zmq.DONTWAIT)
                self._welcome = self._receive(handshake.decode_welcome, until)
            if self._welcome is not None and self._welcome.credit == 0:
                message, self._welcome = self._welcome.message or "the hub refuses this node", None
            elif self._welcome is not None:
                self._socket.send_multipart(wire.encode_request(request), zmq.DONTWAIT)
                while (verdict := self._receive(wire.decode_verdict, until)) is not None:
                    if (verdict.session, verdict.seq) == (request.session, request.seq):
                        return verdict
                self._welcome = None  # perhaps another hub by now: greet it again
        except zmq.Again:
            pass
        return Verdict(request.session, request.seq, "unreachable", message=message)

    def _receive(self, decode: Callable[[list[bytes]], Message], until: float) -> Message | None:
        """The next message that `decode` understands, or None at `until`."""
        while (left := until - time.monotonic()) > 0 and self._socket.poll(int(left * 1e3) + 1):
            try:
                return decode(self._socket.recv_multipart())
            except WireError:
                continue
        return None

    def close(self) -> None:
        self._socket.close()
        self._context.term()
