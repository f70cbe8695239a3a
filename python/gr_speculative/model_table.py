# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The slow models of a hub: which one answers whom, and how they are replaced while they work."""

from __future__ import annotations

import logging
import math
import queue
import time
from collections.abc import Callable, Iterator, Sequence

from gr_speculative.handshake import Hello
from gr_speculative.hub_options import HubOptions
from gr_speculative.inference import misfit
from gr_speculative.lane import Finished, Lane, Pending, ServedModel

log = logging.getLogger(__name__)


class ModelTable:
    """One lane for each of `models`, loaded; `finished` is theirs. Raises what the loading of a model raises."""

    def __init__(
        self,
        models: Sequence[Callable[[], ServedModel]],
        options: HubOptions,
        finished: Callable[[Lane, Finished], None],
    ) -> None:
        self._models, self._options, self._finished = models, options, finished
        self._loading: set[Lane] = set()  # lanes whose successor is being loaded
        self._retired: list[Lane] = []  # lanes that have been replaced and finish their last batch
        self._lanes: list[Lane] = []
        try:
            for make in models:
                lane, loaded = self._lane(make), queue.SimpleQueue()
                self._lanes.append(lane)
                lane.start(loaded.put)
                if (error := loaded.get()) is not None:
                    raise error
        except BaseException:
            self.stop(0.0)
            raise

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._lanes)

    def load(self) -> int:
        """Requests that wait or are at work, in lanes of today and of before."""
        self._retired = [lane for lane in self._retired if lane.at_work()]
        return sum(lane.load() for lane in (*self._lanes, *self._retired))

    def abandon(self) -> list[Pending]:
        """Takes the requests that a model has got and has not answered."""
        return [pending for lane in (*self._lanes, *self._retired) for pending in lane.abandon()]

    def lane_for(self, hello: Hello) -> tuple[Lane | None, str | None]:
        """The first lane that can answer such a node; or None, and what would have to be changed."""
        wanted = [
            lane
            for lane in self._lanes
            if hello.model in (None, lane.name) and hello.model_sha256 in (None, lane.sha256)
        ]
        if not wanted:
            has = ", ".join(f"{lane.name} (SHA-256 {lane.sha256})" for lane in self._lanes)
            return None, f"no slow model {hello.model or hello.model_sha256} here, only {has}"
        reasons = [misfit(lane.contract, hello) for lane in wanted]
        return (wanted[reasons.index(None)], None) if None in reasons else (None, reasons[0])

    def reload(self, ready: Callable[[Lane, Lane, Exception | None], None]) -> None:
        """Loads every model anew; `ready(old, new, error)` is called on a thread of its own for each."""
        for old, make in zip(self._lanes, self._models, strict=True):
            if old not in self._loading:
                self._loading.add(old)
                new = self._lane(make)
                new.start(lambda error, old=old, new=new: ready(old, new, error))

    def replace(self, old: Lane, new: Lane, error: Exception | None) -> bool:
        """Puts `new` in the place of `old`, which ends after its batch. False: it could not be loaded."""
        self._loading.discard(old)
        if error is not None:
            log.error("the slow model %s stays as it was: %s", old.name, error)
            return False
        self._lanes[self._lanes.index(old)] = new
        self._retired.append(old)
        old.stop()
        log.warning("the slow model %s has been loaded again, SHA-256 %s", new.name, new.sha256)
        return True

    def stop(self, patience_s: float) -> None:
        """Ends every lane, waiting so long for batches at work."""
        until = time.monotonic() + patience_s
        for lane in self._lanes:
            lane.stop()
        for lane in self._lanes:
            lane.join(max(until - time.monotonic(), 0.0))

    def _lane(self, make: Callable[[], ServedModel]) -> Lane:
        o = self._options
        idle = o.idle_unload_s or math.inf
        return Lane(make(), self._finished, o.max_batch, o.max_wait_ms / 1e3, o.max_queue, idle)
