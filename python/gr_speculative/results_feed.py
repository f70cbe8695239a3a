# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""All nodes' results at the hub: published as JSON; written as SigMF, a file for each run of each node."""

from __future__ import annotations

import functools
import logging
import queue
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gr_speculative.annotations import AnnotationWriter
from gr_speculative.desk import Observer
from gr_speculative.node_report import Report
from gr_speculative.publisher import Publisher
from gr_speculative.rate_limited import RateLimitedWarning

log = logging.getLogger(__name__)

_WAITING = 2000  # reports that wait for the disk
_OPEN_FILES = 512  # runs of nodes that are written at once; who comes back later starts a new file
_SPANS = 20_000  # annotations of one file


class PublishedResults(Observer):
    """Each result as JSON with `node_id` and `session`, on a PUB socket, by label (publisher.py)."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    def on_report(self, node: str, report: Report) -> None:
        for result in report.results:
            about = {"node_id": node, "session": f"{report.session:016x}"}
            self._publisher.send(result | about)


class WrittenResults(Observer):
    """FOLDER/NODE/SESSION.sigmf-meta, written on a thread of its own while entered.

    A full disk costs annotations only while it is full: what is known is kept within bounds, and written as
    soon as that succeeds. `failures` counts attempts that did not, `dropped` reports that found no room.
    """

    def __init__(self, folder: str | Path) -> None:
        self.failures = self.dropped = 0
        self._folder = Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._todo: queue.Queue[tuple[str, Report] | None] = queue.Queue(_WAITING)
        self._writers: OrderedDict[tuple[str, int], AnnotationWriter] = OrderedDict()
        self._warn = RateLimitedWarning(log, interval_s=60)
        self._thread = threading.Thread(target=self._run, name="results", daemon=True)

    def on_report(self, node: str, report: Report) -> None:
        try:
            self._todo.put_nowait((node, report))
        except queue.Full:
            self.dropped += 1

    def __enter__(self) -> WrittenResults:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._todo.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (item := self._todo.get()) is not None:
            node, report = item
            for result in report.results:
                self._attempt(functools.partial(self._add, node, report.session, result))
        for writer in self._writers.values():
            self._attempt(writer.close)

    def _add(self, node: str, session: int, result: dict[str, Any]) -> None:
        self._writer(node, session, result).add_result(result)

    def _writer(self, node: str, session: int, result: dict[str, Any]) -> AnnotationWriter:
        key = (node, session)
        if key not in self._writers:
            folder = self._folder / file_name(node)
            folder.mkdir(exist_ok=True)
            self._writers[key] = AnnotationWriter(
                folder / f"{session:016x}.sigmf-meta",
                max(result["sample_count"] // result["count"], 1),
                sample_rate=result["sample_rate"],
                center_frequency=result["center_frequency"],
                max_annotations=_SPANS,
            )
            if len(self._writers) > _OPEN_FILES:
                _, oldest = self._writers.popitem(last=False)
                self._attempt(oldest.close)
        self._writers.move_to_end(key)
        return self._writers[key]

    def _attempt(self, action) -> None:
        try:
            action()
        except OSError as error:
            self.failures += 1
            self._warn("results cannot be written to %s: %s", self._folder, error.strerror or error)


def file_name(node: str) -> str:
    """A node's name as a file's."""
    name = quote(node, safe=" ")
    return name.replace(".", "%2E", 1) if name.startswith(".") else name or "%"
