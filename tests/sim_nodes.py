# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Simulated nodes: many DEALERs on one thread, each speaking the whole protocol and counting its requests."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import zmq

from gr_speculative import wire
from gr_speculative.handshake import Hello, decode_welcome, encode_hello

HELLO_S = 0.5


@dataclass
class SimNode:
    """Sends `rate` requests a second, no more than its credit at once; settles each exactly once.

    settled: by status; `timed_out` where no verdict came by the deadline, `held` where credit was missing.
    late, doubled, unknown: verdicts that settle nothing.
    """

    name: str
    rate: float
    deadline_s: float
    fft_size: int = 32
    label: str = "noise"
    sent: int = 0
    due: float = 0.0
    credit: int = 0
    hello_at: float = 0.0
    session: int = field(default_factory=lambda: secrets.randbits(64))
    settled: Counter = field(default_factory=Counter)
    unanswered: dict[int, float] = field(default_factory=dict)
    unread: dict[int, float] = field(default_factory=dict)  # timed out, but for `lease_s` credit nevertheless
    lease_s: float = 30.0
    over: dict[int, str] = field(default_factory=dict)
    late: int = 0
    doubled: int = 0
    unknown: int = 0
    elapsed_s: list[float] = field(default_factory=list)


class Fleet:
    """Runs nodes against a hub. connect: makes a connected DEALER."""

    def __init__(self, nodes: list[SimNode], connect) -> None:
        self.nodes = nodes
        self._connect = connect
        self._poller = zmq.Poller()
        self._sockets: dict[str, zmq.Socket] = {}
        self._by_socket: dict[zmq.Socket, SimNode] = {}
        self._levels = np.zeros((4, nodes[0].fft_size), np.uint8)
        for node in nodes:
            self.reconnect(node)

    def reconnect(self, node: SimNode) -> None:
        """A new connection, as slow_link makes after a disconnect; what was unanswered is lost."""
        old = self._sockets.pop(node.name, None)
        if old is not None:
            self._poller.unregister(old)
            self._by_socket.pop(old)
            old.close(0)
            for seq in list(node.unanswered):
                self._settle(node, seq, "unreachable")
        socket = self._connect()
        socket.linger = 0
        self._sockets[node.name] = socket
        self._by_socket[socket] = node
        self._poller.register(socket, zmq.POLLIN)
        node.unread.clear()
        node.credit, node.hello_at = 0, 0.0

    def run(self, seconds: float, tick=lambda now: None) -> None:
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until:
            for node in self.nodes:
                self._advance(node, now)
            for socket, _ in self._poller.poll(5):
                self._receive(self._by_socket[socket], socket)
            tick(now)

    def drain(self) -> None:
        """Waits until every request is settled."""
        while any(node.unanswered for node in self.nodes):
            for node in self.nodes:
                self._expire(node, time.monotonic())
            for socket, _ in self._poller.poll(20):
                self._receive(self._by_socket[socket], socket)

    def close(self) -> None:
        for socket in self._sockets.values():
            socket.close(0)

    def _advance(self, node: SimNode, now: float) -> None:
        socket = self._sockets[node.name]
        self._expire(node, now)
        if now >= node.hello_at:
            try:
                socket.send_multipart(encode_hello(Hello(node.name)), zmq.NOBLOCK)
                node.hello_at = now + (HELLO_S if node.credit == 0 else 5.0)
            except zmq.Again:
                return
        node.due = max(node.due, now - 0.1)
        while node.due <= now:
            node.due += 1 / node.rate
            node.sent += 1
            if len(node.unanswered) + len(node.unread) >= node.credit:
                node.settled["held"] += 1
                continue
            request = wire.Request(
                node.session, node.sent, self._levels, 0.5, -100.0, 1e6,
                node.deadline_s * 1e3, node.label, 0.5, node.name,
            )  # fmt: skip
            try:
                socket.send_multipart(wire.encode_request(request), zmq.NOBLOCK)
            except zmq.Again:
                node.settled["held"] += 1
                continue
            node.unanswered[node.sent] = now

    def _expire(self, node: SimNode, now: float) -> None:
        for seq, sent in list(node.unanswered.items()):
            if now - sent <= node.deadline_s:
                break  # they were sent in this order
            self._settle(node, seq, "timed_out")
            node.unread[seq] = now + node.lease_s
        while node.unread and (oldest := next(iter(node.unread.items())))[1] < now:
            del node.unread[oldest[0]]

    def _receive(self, node: SimNode, socket: zmq.Socket) -> None:
        self._expire(node, time.monotonic())  # a verdict that is read too late came too late
        for _ in range(64):
            try:
                frames = socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            if b"welcome/1" in frames[1]:
                welcome = decode_welcome(frames)
                node.credit, node.lease_s = welcome.credit, welcome.lease_s
                continue
            verdict = wire.decode_verdict(frames)
            node.unread.pop(verdict.seq, None)
            if verdict.session != node.session:
                node.unknown += 1
            elif verdict.seq in node.unanswered:
                if verdict.status == "error":  # a hub that has started anew does not know us
                    node.hello_at = 0.0
                if verdict.status == "ok":
                    node.elapsed_s.append(time.monotonic() - node.unanswered[verdict.seq])
                self._settle(node, verdict.seq, verdict.status)
            elif node.over.get(verdict.seq) == "timed_out":
                node.late += 1
                node.over[verdict.seq] = "late"
            else:
                node.doubled += 1

    def _settle(self, node: SimNode, seq: int, how: str) -> None:
        del node.unanswered[seq]
        node.settled[how] += 1
        node.over[seq] = how
        if len(node.over) > 4096:
            del node.over[next(iter(node.over))]


def conserved(node: SimNode) -> bool:
    """Every request was settled once, and no verdict came twice."""
    return (
        node.sent == sum(node.settled.values()) + len(node.unanswered) and node.doubled == node.unknown == 0
    )


def jain(values: list[float]) -> float:
    """Jain's fairness index, 1/n to 1: (Σx)² / (n Σx²)."""
    return sum(values) ** 2 / (len(values) * sum(value * value for value in values))
