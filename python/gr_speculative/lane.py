# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""One slow model in a hub: its queue, when its next batch leaves, and the thread that waits for it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from gr_speculative.contract import Contract
from gr_speculative.fair_queue import FairQueue
from gr_speculative.inference import Answers, InferenceError
from gr_speculative.peers import Peer
from gr_speculative.wire import Request, printable

_SMOOTHING = 0.2  # weight of the newest batch in the time that a request takes


class ServedModel(Protocol):
    """A slow model as a lane uses it, always from one thread."""

    contract: Contract
    sha256: str | None

    def load(self) -> None:
        """Makes it ready, and `contract` and `sha256` known. Raises ValueError or RuntimeError."""

    def infer(self, requests: Sequence[Request]) -> Answers:
        """Of a model that is loaded. Raises InferenceError."""

    def unload(self) -> None:
        """Gives its memory back."""


@dataclass(frozen=True, eq=False)
class Pending:
    """A request that was admitted. Times are in seconds, monotonic."""

    peer: Peer
    request: Request
    received: float
    deadline: float


Outcome = Answers | InferenceError


class Lane:
    """Batches requests for one model. All methods belong to the hub's thread.

    finished: called on the lane's own thread with the lane, an outcome, and the seconds that it took.
    idle_unload_s: the model is unloaded after so long without a request; infinity: never.
    """

    def __init__(
        self,
        model: ServedModel,
        finished: Callable[[Lane, Outcome, float], None],
        max_batch: int,
        max_wait_s: float,
        max_queue: int,
        idle_unload_s: float,
    ) -> None:
        self.model, self._finished = model, finished
        self._max_batch, self._max_wait, self._idle = max_batch, max_wait_s, idle_unload_s
        self.queue: FairQueue[Pending] = FairQueue(max_queue)
        self.at_work: Sequence[Pending] = ()
        self._waiting_since = 0.0
        self._request_s = 0.0
        self._todo: queue.SimpleQueue[Sequence[Request] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def start(self, loaded: Callable[[Exception | None], None]) -> None:
        """Loads the model on the lane's thread, which then calls `loaded` with None or the error."""
        self._thread = threading.Thread(target=self._serve, args=(loaded,), name="lane", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread after the batch at work."""
        self._todo.put(None)

    def join(self, patience_s: float) -> None:
        """Waits so long for the thread's end."""
        if self._thread is not None:
            self._thread.join(patience_s)

    @property
    def contract(self) -> Contract:
        return self.model.contract

    @property
    def name(self) -> str:
        return printable(self.model.contract.name)

    @property
    def sha256(self) -> str | None:
        return self.model.sha256

    def load(self) -> int:
        """Requests that wait or are at work."""
        return len(self.queue) + len(self.at_work)

    def expected_wait_s(self, peer: Peer) -> float:
        """Until one more request of `peer` would be answered, taking the nodes' turns into account.

        0 for an idle lane, so that an estimate that is far too long is tried and corrected.
        """
        if not self.load():
            return 0.0
        behind = self.queue.waiting(peer) + 1
        ahead = min(behind * max(self.queue.senders(), 1), len(self.queue) + 1)
        return (ahead + len(self.at_work)) * self._request_s

    def push(self, pending: Pending) -> Pending | None:
        """Queues it; returns what has no room."""
        if not len(self.queue):
            self._waiting_since = pending.received
        return self.queue.push(pending.peer, pending)

    def patience_s(self, now: float) -> float:
        """How long until `dispatch` would have something to do, if nothing else happens."""
        if self.at_work or not len(self.queue):
            return float("inf")
        return max(self._waiting_since + self._max_wait - now, 0.0)

    def dispatch(self, now: float) -> bool:
        """Hands the model its next batch if it is idle and the batch is full or has waited long enough."""
        full = len(self.queue) >= self._max_batch
        if self.at_work or not len(self.queue) or not (full or now >= self._waiting_since + self._max_wait):
            return False
        self.at_work = self.queue.pop(self._max_batch)
        self._todo.put([pending.request for pending in self.at_work])
        return True

    def take_finished(self, seconds: float) -> Sequence[Pending]:
        """The batch whose outcome has come."""
        batch, self.at_work = self.at_work, ()
        each = seconds / len(batch)
        self._request_s += (_SMOOTHING if self._request_s else 1.0) * (each - self._request_s)
        return batch

    def _serve(self, loaded: Callable[[Exception | None], None]) -> None:
        try:
            self.model.load()
        except (ValueError, RuntimeError, OSError) as error:
            loaded(error)
            return
        loaded(None)
        while True:
            try:
                batch = self._todo.get(timeout=self._idle if self._idle < threading.TIMEOUT_MAX else None)
            except queue.Empty:
                self.model.unload()
                batch = self._todo.get()
            if batch is None:
                self.model.unload()
                return
            self._finished(self, *self._infer(batch))

    def _infer(self, batch: Sequence[Request]) -> tuple[Outcome, float]:
        started = time.monotonic()
        try:
            self.model.load()
            started = time.monotonic()  # a cold start says nothing about the next batch
            outcome: Outcome = self.model.infer(batch)
        except InferenceError as error:
            outcome = error
        except (ValueError, RuntimeError, OSError) as error:
            outcome = InferenceError(printable(f"the slow model cannot be loaded: {error}"))
        return outcome, time.monotonic() - started
