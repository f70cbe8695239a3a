# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The hub: answers the deferrals of many nodes with one slow model, in batches, over a ZeroMQ ROUTER.

Two threads. The one in `run()` owns the socket, the queue and the counters, and never waits for the model.
The other does nothing but inference, one batch at a time; each is chosen as late as possible.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import queue
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import zmq

from gr_speculative import wire
from gr_speculative.fair_queue import FairQueue
from gr_speculative.inference import InferenceError, Model, infer, mismatch
from gr_speculative.rate_limited import RateLimitedWarning
from gr_speculative.wire import Request, Verdict

log = logging.getLogger(__name__)

_DRAIN = 256  # messages read before answers and expiries get their turn
_SWEEP_S = 0.05  # how often expired requests are looked for while the model is at work
_IDLE_S = 1.0
_GRACE_S = 0.3  # what stopping allows the batch at work
_LINGER_MS = 100  # and the last answers
_COUNTERS = ("received", "ok", "busy", "expired", "error", "malformed", "undeliverable", "batches")


@dataclass(frozen=True, eq=False)
class _Pending:
    sender: bytes
    request: Request
    received: float  # seconds, monotonic
    deadline: float


class Hub:
    """Binds at construction; serves in `run()` until `stop()`.

    bind: ZeroMQ endpoint; port 0 takes a free one, `endpoint` tells which.
    max_batch: most requests in one inference, default 32.
    max_wait_ms: how long an idle model waits for a batch to fill, default 2 ms.
    max_queue: most requests waiting, of all nodes together, default 1024; beyond it the answer is `busy`.
    Raises ValueError for a value out of range and OSError where the endpoint cannot be bound.
    """

    def __init__(
        self,
        model: Model,
        bind: str = "tcp://127.0.0.1:0",
        max_batch: int = 32,
        max_wait_ms: float = 2.0,
        max_queue: int = 1024,
    ) -> None:
        for name, value, low in [
            ("batch", max_batch, 1),
            ("wait_ms", max_wait_ms, 0),
            ("queue", max_queue, 1),
        ]:
            if not low <= value < float("inf"):
                raise ValueError(f"max_{name}: expected at least {low}, found {value}")
        self._model = model
        self._model_name = wire.printable(model.contract.name)
        self._model_sha256 = getattr(model, "sha256", None)
        self._max_batch, self._max_wait = max_batch, max_wait_ms / 1e3
        self._queue: FairQueue[_Pending] = FairQueue(max_queue)
        self._waiting_since = 0.0
        self._at_work: Sequence[_Pending] = ()
        self._todo: queue.SimpleQueue[Sequence[_Pending] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[np.ndarray | InferenceError] = queue.SimpleQueue()
        self._count = dict.fromkeys(_COUNTERS, 0)
        self._snapshot = self._count | {"queued": 0}
        self._warn = RateLimitedWarning(log)
        self._stopping = False
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        for option, value in {
            zmq.LINGER: 0,
            zmq.SNDHWM: 1000,  # of each node
            # No receive limit: libzmq (up to 4.3.5) aborts the process, "!_io_error", when a node that has
            # heartbeats hangs up while the limit holds it back. Requests are read at once; `max_queue` rules.
            zmq.RCVHWM: 0,
            zmq.MAXMSGSIZE: wire.MAX_PAYLOAD,
            zmq.ROUTER_MANDATORY: 1,  # an answer to a node that is gone is counted, not lost in silence
            zmq.ROUTER_HANDOVER: 1,  # a node that comes back takes over from its half-open past
            zmq.TCP_KEEPALIVE: 1,
            zmq.TCP_KEEPALIVE_IDLE: 30,
            zmq.TCP_KEEPALIVE_INTVL: 10,
            zmq.TCP_KEEPALIVE_CNT: 3,
        }.items():
            self._socket.setsockopt(option, value)
        try:
            self._socket.bind(bind)
        except zmq.ZMQError as error:
            self._context.destroy(linger=0)
            raise OSError(error.errno, f"cannot bind {bind}: {zmq.strerror(error.errno)}") from None
        self.endpoint: str = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self._wake_writer.setblocking(False)
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self._poller.register(self._wake_reader.fileno(), zmq.POLLIN)

    def counters(self) -> dict[str, int]:
        """received = ok + busy + expired + error + malformed + undeliverable + queued; and `batches`.

        Every request is counted once: by the status of its answer, as `malformed` where it broke the rules,
        or as `undeliverable` where its sender was gone. `queued` includes the batch at work. Any thread.
        """
        return dict(self._snapshot)

    def stop(self) -> None:
        """Makes `run()` return within half a second. Any thread, and signal handlers."""
        self._stopping = True
        self._wake()

    def run(self) -> None:
        """Serves until `stop()`, then answers what is still waiting with `busy`. To be called once."""
        inference = threading.Thread(target=self._infer_forever, name="inference", daemon=True)
        inference.start()
        try:
            while not self._stopping:
                events = dict(self._poller.poll(self._patience_ms()))
                if self._wake_reader.fileno() in events:
                    self._wake_reader.recv(4096)
                if self._socket in events:
                    self._receive()
                self._turn()
            self._todo.put(None)
            inference.join(_GRACE_S)
            self._turn(dispatch=False)
        finally:
            self._close()

    def _turn(self, dispatch: bool = True) -> None:
        self._collect()
        now = time.monotonic()
        for pending in self._queue.remove(lambda pending: pending.deadline <= now):
            self._answer(pending, "expired", message="its deadline passed while it waited for the slow model")
        if dispatch:
            self._dispatch(now)
        self._publish()

    def _patience_ms(self) -> float:
        if not len(self._queue):
            return _IDLE_S * 1e3
        if self._at_work:
            return _SWEEP_S * 1e3
        return max(self._waiting_since + self._max_wait - time.monotonic(), 0) * 1e3

    def _receive(self) -> None:
        for _ in range(_DRAIN):
            try:
                sender, *frames = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self._count["received"] += 1
            self._admit(sender, frames)

    def _admit(self, sender: bytes, frames: Sequence[bytes]) -> None:
        try:
            request = wire.decode_request(frames)
        except wire.WireError as error:
            self._count["malformed"] += 1
            self._warn("malformed request dropped: %s", error)
            if error.identity is not None:
                self._send(sender, Verdict(*error.identity, "error", message=wire.printable(error)))
            return
        now = time.monotonic()
        pending = _Pending(sender, request, now, now + request.deadline_ms / 1e3)
        if (reason := mismatch(self._model.contract, request)) is not None:
            self._warn("node %s refused: %s", request.node_id, reason)
            self._answer(pending, "error", message=reason)
            return
        if not len(self._queue):
            self._waiting_since = now
        displaced = self._queue.push(sender, pending)
        if displaced is not None:
            self._answer(displaced, "busy", message="the hub's queue is full")

    def _dispatch(self, now: float) -> None:
        full = len(self._queue) >= self._max_batch
        if self._at_work or not len(self._queue) or not (full or now >= self._waiting_since + self._max_wait):
            return
        self._at_work = self._queue.pop(self._max_batch)
        self._count["batches"] += 1
        self._todo.put(self._at_work)

    def _infer_forever(self) -> None:
        while (batch := self._todo.get()) is not None:
            try:
                self._done.put(infer(self._model, [pending.request for pending in batch]))
            except InferenceError as error:
                log.debug("slow model", exc_info=True)
                self._done.put(error)
            self._wake()

    def _collect(self) -> None:
        try:
            scores = self._done.get_nowait()
        except queue.Empty:
            return
        batch, self._at_work = self._at_work, ()
        if isinstance(scores, InferenceError):
            self._warn("%s", scores)
            for pending in batch:
                self._answer(pending, "error", message=str(scores))
            return
        for pending, row in zip(batch, scores, strict=True):
            if np.isnan(row[0]):
                self._answer(pending, "error", message="the slow model's scores are not probabilities")
            else:
                self._answer(pending, "ok", row)

    def _answer(
        self,
        pending: _Pending,
        status: str,
        scores: Sequence[float] | np.ndarray = (),
        message: str | None = None,
    ) -> None:
        sent = self._send(
            pending.sender,
            Verdict(
                session=pending.request.session,
                seq=pending.request.seq,
                status=status,
                scores=np.asarray(scores, np.float32),
                model=self._model_name,
                model_sha256=self._model_sha256,
                elapsed_ms=(time.monotonic() - pending.received) * 1e3,
                message=message,
            ),
        )
        self._count[status if sent else "undeliverable"] += 1

    def _send(self, sender: bytes, verdict: Verdict) -> bool:
        try:
            self._socket.send_multipart([sender, *wire.encode_verdict(verdict)], zmq.NOBLOCK)
        except zmq.ZMQError as error:
            if error.errno not in (errno.EHOSTUNREACH, errno.EAGAIN):  # gone; or not reading its answers
                raise
            return False
        return True

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # already awake; or closed
            self._wake_writer.send(b"\0")

    def _publish(self) -> None:
        self._snapshot = self._count | {"queued": len(self._queue) + len(self._at_work)}

    def _close(self) -> None:
        for pending in [*self._at_work, *self._queue.pop(len(self._queue))]:
            self._answer(pending, "busy", message="the hub is stopping")
        self._at_work = ()
        self._publish()
        self._socket.close(linger=_LINGER_MS)
        self._context.term()
        self._wake_reader.close()
        self._wake_writer.close()
