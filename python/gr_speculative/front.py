# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The network side of a hub: one ROUTER, who may connect to it, and how one that floods it is cut off.

A receive limit on the ROUTER is no choice: libzmq (up to 4.3.5) aborts the process, "!_io_error", if a peer
that sent a heartbeat hangs up while the limit holds it. So everything is read, and who floods is cut off.
libzmq has no call for that, but tells of each message which file descriptor it came from, and one may shut that
down: libzmq then sees a connection that its peer has ended.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass

import zmq
from zmq.utils.monitor import parse_monitor_message

from gr_speculative import wire
from gr_speculative.keys import KeyRing

_ZAP = "inproc://zeromq.zap.01"
# Plain numbers, because pyzmq's recv_multipart and send_multipart spend as long on its enumerations as on a message.
_NOW, _NOW_AND_MORE, _CONNECTION = int(zmq.NOBLOCK), int(zmq.NOBLOCK | zmq.SNDMORE), int(zmq.SRCFD)
_OPTIONS = {
    zmq.LINGER: 0,
    zmq.SNDHWM: 1000,  # of each node
    zmq.RCVHWM: 0,  # none: see above
    zmq.RCVBUF: 1 << 18,  # bytes that one who is cut off can leave; small messages take six times as many
    zmq.MAXMSGSIZE: wire.MAX_PAYLOAD,
    zmq.HANDSHAKE_IVL: 5_000,
    zmq.ROUTER_MANDATORY: 1,  # an answer to a node that is gone is counted, not lost in silence
    zmq.TCP_KEEPALIVE: 1,
    zmq.TCP_KEEPALIVE_IDLE: 30,
    zmq.TCP_KEEPALIVE_INTVL: 10,
    zmq.TCP_KEEPALIVE_CNT: 3,
}


@dataclass(frozen=True)
class Message:
    """key_name: of the sender's key, empty without keys. connection: its file descriptor."""

    identity: bytes
    key_name: str
    frames: list[memoryview]
    connection: int


class Front:
    """Binds at construction. `sources` are what to poll for input; all methods belong to one thread.

    endpoint: ZeroMQ endpoint; port 0 takes a free one, `endpoint` tells which.
    keys: for CURVE, with the allow-list; None: plaintext, and whoever can reach the endpoint may connect.
    max_connections: more are refused at their handshake. Raises OSError where the endpoint cannot be bound.
    """

    def __init__(self, endpoint: str, keys: KeyRing | None, max_connections: int) -> None:
        self.keys = keys
        self.refused = self.cut_off = 0
        self._max_connections = max_connections
        self._connections: set[int] = set()  # file descriptors, which is what libzmq's monitor tells
        self._context = zmq.Context()
        try:
            self._zap = self._context.socket(zmq.ROUTER)
            self._zap.linger = 0
            self._zap.bind(_ZAP)
            self._socket = self._bound(endpoint)
        except zmq.ZMQError as error:
            self._context.destroy(linger=0)
            raise OSError(error.errno, f"cannot bind {endpoint}: {zmq.strerror(error.errno)}") from None
        self.endpoint: str = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self.sources = (self._socket, self._zap, self._monitor)

    def _bound(self, endpoint: str) -> zmq.Socket:
        router = self._context.socket(zmq.ROUTER)
        for option, value in _OPTIONS.items():
            router.setsockopt(option, value)
        router.zap_domain = b"hub"
        if self.keys is not None:
            router.curve_server = 1
            router.curve_secretkey = self.keys.secret
        self._monitor = router.get_monitor_socket(zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)
        router.bind(endpoint)
        return router

    @property
    def connections(self) -> int:
        """Connections that stand now."""
        return len(self._connections)

    def receive(self) -> Message | None:
        """The next message, or None."""
        receive, frames = self._socket.recv, []
        try:
            frame = receive(_NOW, False)
        except zmq.Again:
            return None
        identity = frame.bytes
        while frame.more:
            frame = receive(_NOW, False)
            frames.append(frame.buffer)
        key_name = str(frame.get("User-Id")) if self.keys is not None and frames else ""
        return Message(identity, key_name, frames, frame.get(_CONNECTION))

    def send(self, identity: bytes, frames: Sequence[bytes]) -> bool:
        """False if that peer is gone, or does not read what it is sent."""
        send = self._socket.send
        try:
            for frame in (identity, *frames[:-1]):
                send(frame, _NOW_AND_MORE)
            send(frames[-1], _NOW)
        except zmq.ZMQError as error:
            if error.errno not in (errno.EHOSTUNREACH, errno.EAGAIN):
                raise
            return False
        return True

    def disconnect(self, connection: int) -> None:
        """Ends a connection, by the number in its messages; what it had sent may still come."""
        if connection in self._connections:
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection)) as end:
                end.shutdown(socket.SHUT_RDWR)
            self.cut_off += 1

    def attend(self) -> None:
        """Follows connections and answers who asks to be let in; to be called when a source is readable."""
        while self._monitor.get(zmq.EVENTS) & zmq.POLLIN:
            event = parse_monitor_message(self._monitor.recv_multipart())
            if event["event"] == zmq.EVENT_ACCEPTED:
                self._connections.add(event["value"])
            else:
                self._connections.discard(event["value"])
        while self._zap.get(zmq.EVENTS) & zmq.POLLIN:
            self._let_in(self._zap.recv_multipart())

    def close(self, linger_ms: int) -> None:
        self._socket.disable_monitor()
        self._monitor.close()
        self._zap.close()
        self._socket.close(linger=linger_ms)
        self._context.term()

    def _let_in(self, frames: list[bytes]) -> None:
        """Answers one request of ZAP, https://rfc.zeromq.org/spec/27."""
        handler, empty, version, request_id, _domain, _address, _identity, mechanism, *credentials = frames
        name: str | None = ""
        if self.keys is not None:
            name = self.keys.name_of(credentials[0]) if mechanism == b"CURVE" else None
        if len(self._connections) > self._max_connections:
            name, verdict = None, [b"400", b"too many connections"]
        else:
            verdict = [b"200", b"OK"] if name is not None else [b"400", b"the key is not on the list"]
        self.refused += name is None
        self._zap.send_multipart([handler, empty, version, request_id, *verdict, (name or "").encode(), b""])
