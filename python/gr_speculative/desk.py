# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""What a hub does with each message: greets, admits, refuses, answers; every request is counted once."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

import numpy as np

from gr_speculative import handshake, node_report, wire
from gr_speculative.front import Front, Message
from gr_speculative.handshake import Hello, Welcome
from gr_speculative.hub_options import HubOptions
from gr_speculative.hub_stats import HubStats
from gr_speculative.inference import InferenceError, mismatch
from gr_speculative.lane import Finished, Lane, Pending
from gr_speculative.model_table import ModelTable
from gr_speculative.node_report import Report
from gr_speculative.peers import Peer, Peers
from gr_speculative.rate_limited import RateLimitedWarning
from gr_speculative.wire import Request, Verdict

log = logging.getLogger(__name__)

_MARGIN = 0.75  # of the time to its deadline that a request may be expected to wait; the way takes some too
_UNASKED = 20  # messages other than requests of one node in one second


class Observer:
    """Is told what the hub learns of its nodes; on the hub's thread: quickly, and without raising."""

    def on_verdict(self, node: str, request: Request, verdict: Verdict, label: str) -> None:
        """A request has been answered `ok`; `label` is the most probable one."""

    def on_report(self, node: str, report: Report) -> None:
        """A node has told its own results or counters."""

    def on_second(self) -> None:
        """About a second has passed, also when nothing happens."""


class Desk:
    """Belongs to the hub's thread; `stats` and `nodes` may be read by any."""

    def __init__(
        self, front: Front, models: ModelTable, options: HubOptions, observers: Sequence[Observer]
    ) -> None:
        self._front, self._models, self._options, self._observers = front, models, options, observers
        self._peers = Peers(options.max_connections, options.lease_s)
        self._warn = RateLimitedWarning(log)
        self.stats = HubStats()
        self.nodes = 0  # that are served

    def take(self, message: Message) -> None:
        """A message has come."""
        now = time.monotonic()
        peer = self._peers.get(message.identity, now) or self._peers.add(message, now)
        if peer is None:
            self.stats.count("turned_away")
            self._front.disconnect(message.connection)
        elif not peer.cut_off:
            self._read(peer, message.frames, now)

    def turn(self, now: float, dispatch: bool = True) -> None:
        """Answers what has expired, and hands idle models their next batch."""
        for lane in self._models:
            for pending in lane.queue.expire(now):
                self._answer(
                    pending, "expired", message="its deadline passed while it waited for the slow model"
                )
            if dispatch:
                self._dispatch(lane, now)

    def _dispatch(self, lane: Lane, now: float) -> None:
        if size := lane.dispatch(now):
            self.stats.count("batches")
            self.stats.batch_size.add(size)

    def tidy(self, now: float) -> None:
        """Forgives, forgets and tells observers; to be called once a second."""
        self._peers.tidy(now)
        self.nodes = sum(peer.lane is not None for peer in self._peers)
        for observer in self._observers:
            observer.on_second()

    def greet_again(self) -> None:
        """Tells every node what has become of its model."""
        for peer in self._peers:
            if peer.hello is not None:
                self._greet(peer, peer.hello)

    def expel(self, names: set[str]) -> None:
        """Cuts off the nodes whose key is not among those names."""
        for peer in self._peers:
            if peer.key_name not in names and not peer.cut_off:
                self._cut_off(peer, "its key has been taken off the allow-list")

    def close(self) -> None:
        """Answers whatever waits or is at work."""
        for lane in self._models:
            for pending in lane.queue.pop(len(lane.queue)):
                self._answer(pending, "busy", message="the hub is stopping")
        for pending in self._models.abandon():
            self._answer(pending, "busy", message="the hub is stopping")

    def _read(self, peer: Peer, frames: Sequence[memoryview], now: float) -> None:
        try:
            header, payload = wire.open_frames(frames)
            schema = header.get("schema")
            if schema == handshake.HELLO_SCHEMA:
                hello = handshake.read_hello(header, payload)
                self.stats.count("hellos")
                if not self._chatters(peer):
                    self._greet(peer, hello)
            elif schema == node_report.REPORT_SCHEMA:
                self._take_report(peer, node_report.read_report(header, payload))
                self.stats.count("reports")
            else:
                request = wire.read_request(header, payload)
                self.stats.count("received")
                self._admit(Pending(peer, request, now, now + request.deadline_ms / 1e3))
        except wire.WireError as error:
            self.stats.count("received")
            self.stats.count("malformed")
            self._warn("malformed message of %s dropped: %s", peer.name or "a stranger", error)
            if error.identity is not None:
                verdict = Verdict(*error.identity, "error", message=wire.printable(error))
                self._send(peer, wire.encode_verdict(verdict))
            self._offend(peer)

    def _greet(self, peer: Peer, hello: Hello) -> None:
        peer.hello, peer.name = hello, peer.key_name or hello.node_id
        peer.lane, reason = self._models.lane_for(hello)
        if reason is None:
            welcome = Welcome(self._options.credit, self._options.lease_s, peer.lane.name, peer.lane.sha256)
        else:
            self._warn("node %s refused: %s", peer.name, reason)
            welcome = Welcome(0, self._options.lease_s, message=wire.printable(reason))
        self._send(peer, handshake.encode_welcome(welcome))

    def _take_report(self, peer: Peer, report: Report) -> None:
        if self._chatters(peer):
            return
        for observer in self._observers:
            observer.on_report(peer.key_name or report.node_id, report)

    def _chatters(self, peer: Peer) -> bool:
        peer.unasked += 1
        if peer.unasked <= _UNASKED:
            return False
        self._offend(peer)
        return True

    def _offend(self, peer: Peer) -> None:
        if self._peers.offend(peer):
            self._cut_off(peer, "it does not keep to the protocol")

    def _cut_off(self, peer: Peer, why: str) -> None:
        peer.cut_off = True
        log.warning("node %s is cut off: %s", peer.name or "without a name", why)
        self._front.disconnect(peer.connection)

    def _admit(self, pending: Pending) -> None:
        peer = pending.peer
        peer.in_flight += 1
        if peer.hello is None:
            self._answer(pending, "error", message="the hub does not know this node: say hello first")
            self._offend(peer)
        elif peer.in_flight > self._options.credit:
            self._answer(pending, "busy", message=f"more than {self._options.credit} requests are unanswered")
            self._offend(peer)
        else:
            self.enqueue(pending)

    def enqueue(self, pending: Pending) -> None:
        """Lets an admitted request wait for its model, or answers why it cannot."""
        lane = pending.peer.lane
        if lane is None:
            _, reason = self._models.lane_for(pending.peer.hello)
        else:
            reason = mismatch(lane.contract, pending.request)
        if reason is not None:
            self._warn("a request of node %s refused: %s", pending.peer.name, reason)
            self._answer(pending, "error", message=wire.printable(reason))
        elif _MARGIN * (pending.deadline - pending.received) < lane.expected_wait_s(pending.peer):
            self._answer(pending, "busy", message="the slow model would not come to it in time")
        elif (displaced := lane.push(pending)) is not None:
            self._answer(displaced, "busy", message="the slow model's queue is full")

    def collect(self, lane: Lane, done: Finished) -> None:
        """A lane's batch has been answered, or has failed."""
        now, outcome = time.monotonic(), done.outcome
        batch = lane.take_finished(now, done.load_s)
        self._dispatch(lane, now)  # the model goes on while its answers are sent
        self.stats.inference_s.add(done.inference_s)
        if isinstance(outcome, InferenceError):
            self._warn("%s", outcome)
            for pending in batch:
                self._answer(pending, "error", message=str(outcome))
            return
        for pending, row, heads in zip(batch, *outcome, strict=True):
            if np.isnan(row[0]):
                self._answer(pending, "error", message="the slow model's scores are not probabilities")
            else:
                self._answer(pending, "ok", row, lane, heads=heads or None)

    def _answer(
        self,
        pending: Pending,
        status: str,
        scores: Sequence[float] | np.ndarray = (),
        lane: Lane | None = None,
        message: str | None = None,
        heads: dict[str, wire.HeadAnswer] | None = None,
    ) -> None:
        elapsed_s = time.monotonic() - pending.received
        pending.peer.in_flight -= 1
        verdict = Verdict(
            session=pending.request.session,
            seq=pending.request.seq,
            status=status,
            scores=np.asarray(scores, np.float32),
            model=lane and lane.name,
            model_sha256=lane and lane.sha256,
            elapsed_ms=elapsed_s * 1e3,
            message=message,
            heads=heads,
        )
        if not self._send(pending.peer, wire.encode_verdict(verdict)):
            self.stats.count("undeliverable")
            self._lose(pending.peer)
            return
        self.stats.count(status)
        if status == "ok":
            self.stats.answer_s.add(elapsed_s)
            label = lane.contract.labels[int(np.argmax(scores))]
            for observer in self._observers:
                observer.on_verdict(pending.peer.name, pending.request, verdict, label)

    def _lose(self, peer: Peer) -> None:
        """A node that is gone, or reads no answers, is not worth the slow model's time."""
        if not peer.cut_off:
            self._peers.drop(peer)
        if peer.lane is not None:
            for _ in peer.lane.queue.remove(peer):
                peer.in_flight -= 1
                self.stats.count("undeliverable")

    def _send(self, peer: Peer, frames: Sequence[bytes]) -> bool:
        return self._front.send(peer.identity, frames)
