# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""One slow model in a hub: its queue, when its next batch leaves, and the thread that waits for it."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from gr_speculative.contract import Contract
from gr_speculative.fair_queue import FairQueue
from gr_speculative.inference import Answers, InferenceError
from gr_speculative.peers import Peer
from gr_speculative.wire import Request, printable

_QUICK_S = 0.05  # a batch that takes no longer is no loss to commit to early
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


@dataclass(frozen=True, eq=False)
class Finished:
    """What became of a batch; times in seconds. `load_s`: of a cold start."""

    outcome: Outcome
    load_s: float
    inference_s: float


class Lane:
    """Batches requests for one model. All methods belong to the hub's thread.

    finished: called on the lane's own thread.
    idle_unload_s: the model is unloaded after so long without a request; infinity: never.
    """

    def __init__(
        self,
        model: ServedModel,
        finished: Callable[[Lane, Finished], None],
        max_batch: int,
        max_wait_s: float,
        max_queue: int,
        idle_unload_s: float,
    ) -> None:
        self.model, self._finished = model, finished
        self._max_batch, self._max_wait, self._idle = max_batch, max_wait_s, idle_unload_s
        self.queue: FairQueue[Pending] = FairQueue(max_queue)
        self._at_work: deque[tuple[float, Sequence[Pending]]] = deque()  # since when, and what
        self._finished_at = 0.0
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
        return len(self.queue) + self.at_work()

    def at_work(self) -> int:
        """Requests that the model has got and has not answered."""
        return sum(len(batch) for _, batch in self._at_work)

    def expected_wait_s(self, peer: Peer) -> float:
        """Until one more request of `peer` would be answered, if every node that waits now takes all its turns.

        0 for an idle lane, so that an estimate that is far too long is tried and corrected.
        """
        if not self.load():
            return 0.0
        rounds = self.queue.waiting(peer) + 1
        return (rounds * max(self.queue.senders(), 1) + self.at_work()) * self._request_s

    def push(self, pending: Pending) -> Pending | None:
        """Queues it; returns what has no room."""
        if not len(self.queue):
            self._waiting_since = pending.received
        return self.queue.push(pending.peer, pending)

    def patience_s(self, now: float) -> float:
        """How long until `dispatch` would have something to do, if nothing else happens."""
        if self._at_work or not len(self.queue):
            return float("inf")
        return max(self._waiting_since + self._max_wait - now, 0.0)

    def dispatch(self, now: float) -> int:
        """Hands the model its next batch, if it is time for one; returns how many requests are in it.

        An idle model gets what waits once that fills a batch, or has waited long enough. A quick one gets a
        full batch while it is still at work, so that it need not wait for us in between.
        """
        full = len(self.queue) >= self._max_batch
        if self._at_work:
            quick = 0 < self._request_s * self._max_batch <= _QUICK_S
            ready = full and quick and len(self._at_work) == 1
        else:
            ready = full or (len(self.queue) and now >= self._waiting_since + self._max_wait)
        if not ready:
            return 0
        batch = self.queue.pop(self._max_batch)
        self._at_work.append((now, batch))
        self._todo.put([pending.request for pending in batch])
        return len(batch)

    def take_finished(self, now: float, load_s: float) -> Sequence[Pending]:
        """The batch whose outcome has come."""
        since, batch = self._at_work.popleft()
        # With the way to the model and back; a cold start says nothing about the next batch.
        each = (now - max(since, self._finished_at) - load_s) / len(batch)
        self._request_s += (_SMOOTHING if self._request_s else 1.0) * (max(each, 0.0) - self._request_s)
        self._finished_at = now
        return batch

    def abandon(self) -> list[Pending]:
        """Takes the requests that the model has got and has not answered."""
        batches = [pending for _, batch in self._at_work for pending in batch]
        self._at_work.clear()
        return batches

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
            self._finished(self, self._infer(batch))

    def _infer(self, batch: Sequence[Request]) -> Finished:
        asked = started = time.monotonic()
        try:
            self.model.load()
            started = time.monotonic()
            outcome: Outcome = self.model.infer(batch)
        except InferenceError as error:
            outcome = error
        except (ValueError, RuntimeError, OSError) as error:
            outcome = InferenceError(printable(f"the slow model cannot be loaded: {error}"))
        return Finished(outcome, load_s=started - asked, inference_s=time.monotonic() - started)
