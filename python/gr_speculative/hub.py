# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The hub: answers the deferrals of many nodes with a few slow models, in batches, over a ZeroMQ ROUTER.

The thread in `run()` owns the sockets, the queues and the counters, and never waits for a model; each model
has a thread of its own (lane.py), and each batch is chosen as late as possible.

Memory is bounded by what is granted: a node has at most `credit` requests unanswered, a model's queue holds
`max_queue`, there are at most `max_connections`; who sends more is told `busy`, and cut off if that does
not help (front.py).
"""

from __future__ import annotations

import contextlib
import logging
import queue
import socket
import time
from collections.abc import Callable, Sequence

import zmq

from gr_speculative.desk import Desk, Observer
from gr_speculative.front import Front
from gr_speculative.hub_options import HubOptions
from gr_speculative.keys import KeyFileError, KeyRing
from gr_speculative.lane import Finished, Lane, ServedModel
from gr_speculative.model_table import ModelTable
from gr_speculative.trim import trim_memory

log = logging.getLogger(__name__)

_DRAIN = 256  # messages read before answers and expiries get their turn
_SWEEP_S = 0.05  # how often expired requests are looked for
_TIDY_S = 1.0
_TRIM_S = 60.0  # after a flood libzmq's buffers are free, but lie between others
_GRACE_S = 0.3  # what stopping allows the batches at work
_LINGER_MS = 100  # and the last answers


class Hub:
    """Loads its models and binds at construction; serves in `run()` until `stop()`.

    models: each makes a fresh ServedModel, at the start and at every reload; the first that fits answers a
        node which asks for none by name.
    bind: ZeroMQ endpoint; port 0 takes a free one, `endpoint` tells which.
    keys: for CURVE, with the allow-list; None: plaintext.
    observers: told of verdicts and reports.

    Raises OSError where the endpoint cannot be bound, and whatever the loading of a model raises.
    """

    def __init__(
        self,
        models: Sequence[Callable[[], ServedModel]],
        bind: str = "tcp://127.0.0.1:0",
        options: HubOptions | None = None,
        keys: KeyRing | None = None,
        observers: Sequence[Observer] = (),
    ) -> None:
        options = options or HubOptions()
        self._keys = keys
        self._stopping = self._reload_wanted = False
        self._tidy_at = self._trim_at = 0.0
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self._wake_writer.setblocking(False)
        self._front = Front(bind, keys, options.max_connections)
        self.endpoint = self._front.endpoint
        try:
            self._models = ModelTable(models, options, self._on_finished)
        except BaseException:
            self._front.close(0)
            raise
        self._desk = Desk(self._front, self._models, options, observers)
        self.stats = self._desk.stats  # may be read by any thread
        self._publish()

    def counters(self) -> dict[str, int]:
        """received = ok + busy + expired + error + malformed + undeliverable + queued; and others.

        Every request is counted once: by the status of its answer, as `malformed` where it broke the rules,
        or as `undeliverable` where its sender was gone. `queued` includes the batches at work. Any thread.
        """
        return dict(self._snapshot)

    def models(self) -> list[ServedModel]:
        """The models that serve now. Any thread."""
        return [lane.model for lane in self._models]

    def stop(self) -> None:
        """Makes `run()` return within half a second. Any thread, and signal handlers."""
        self._stopping = True
        self._wake()

    def reload(self) -> None:
        """Reads the allow-list and the models again without losing a request: the old models answer until the
        new ones are ready, and go on where those cannot be loaded. Any thread, and signal handlers."""
        self._reload_wanted = True
        self._wake()

    def run(self) -> None:
        """Serves until `stop()`, then answers what is still waiting with `busy`. To be called once."""
        poller = zmq.Poller()
        for source in (self._wake_reader.fileno(), *self._front.sources):
            poller.register(source, zmq.POLLIN)
        try:
            while not self._stopping:
                poller.poll(self._patience_ms())
                with contextlib.suppress(BlockingIOError):
                    self._wake_reader.recv(4096)
                self._front.attend()
                for _ in range(_DRAIN):
                    if (message := self._front.receive()) is None:
                        break
                    self._desk.take(message)
                self._turn()
            self._models.stop(_GRACE_S)
            self._turn(dispatch=False)
        finally:
            self._desk.close()
            self._publish()
            self._front.close(_LINGER_MS)
            self._wake_reader.close()
            self._wake_writer.close()

    def _turn(self, dispatch: bool = True) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._inbox.get_nowait()()
        if self._reload_wanted:
            self._reload()
        now = time.monotonic()
        if now >= self._tidy_at:
            self._tidy_at = now + _TIDY_S
            self._desk.tidy(now)
        if now >= self._trim_at:
            self._trim_at = now + _TRIM_S
            trim_memory()
        self._desk.turn(now, dispatch)
        self._publish()

    def _patience_ms(self) -> float:
        now = time.monotonic()
        longest = _SWEEP_S if self._models.load() else _TIDY_S
        return min(longest, *(lane.patience_s(now) for lane in self._models)) * 1e3

    def _on_finished(self, lane: Lane, done: Finished) -> None:
        self._call_soon(lambda: self._desk.collect(lane, done))

    def _reload(self) -> None:
        self._reload_wanted = False
        self.stats.count("reloads")
        if self._keys is not None:
            try:
                self._keys.reload()
            except KeyFileError as error:
                log.error("the allow-list stays as it was: %s", error)
            self._desk.expel(self._keys.names())
        self._models.reload(lambda *change: self._call_soon(lambda: self._replace(*change)))

    def _replace(self, old: Lane, new: Lane, error: Exception | None) -> None:
        if self._models.replace(old, new, error):
            self._desk.greet_again()
            for pending in old.queue.pop(len(old.queue)):
                self._desk.enqueue(pending)

    def _call_soon(self, action: Callable[[], None]) -> None:
        """Has the hub's thread do it. Any thread."""
        self._inbox.put(action)
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # already awake; or closed
            self._wake_writer.send(b"\0")

    def _publish(self) -> None:
        self._snapshot = self.stats.counts | {
            "queued": self._models.load(),
            "nodes": self._desk.nodes,
            "connections": self._front.connections,
            "refused_connections": self._front.refused,
            "cut_off": self._front.cut_off,
        }
