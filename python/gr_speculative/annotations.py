# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Classification results → SigMF annotations, in spans, crash-safe, over runs of any length."""

from __future__ import annotations

import json
import logging
import os
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from .sigmf_io import Recording, Span, annotation, meta_document, write_whole

_log = logging.getLogger(__name__)

NOISE = "noise"


def default_path(recording: Recording) -> Path:
    """Where annotations of a recording go: beside it, never over metadata that came with it."""
    name = recording.path.name
    stem = name.removesuffix(".sigmf-data")
    return recording.path.with_name((stem + ".speculative" if stem != name else name) + ".sigmf-meta")


class AnnotationWriter:
    """Collects results by vector offset and writes them as a `.sigmf-meta` file.

    Adjacent vectors of one label become one annotation, with `speculative:confidence` (the mean),
    `speculative:vectors` and `speculative:sources` (vectors by source). A result replaces the earlier one of
    its offset, and if revised those of its emission, while they are among the newest `horizon` results (hold
    twice the deadline); `missed` counts those that came later. A change of center frequency begins a new
    capture.

    path: the `.sigmf-meta` to write. Beside `recording` it names the data file in core:dataset; elsewhere the
        data file is linked next to it as `.sigmf-data`. Without a recording (live) it is metadata only, or,
        with `datatype`, it belongs to the `.sigmf-data` of the same name that somebody else writes.
    vector_samples: samples from the start of one vector to the next
    noise: whether spans of noise are written
    flush_seconds: the file is written anew this often, or less often where that takes over 5 % of the time
    max_annotations: beyond it, new spans are counted in `dropped` and not kept, so that memory is bounded
    """

    def __init__(
        self,
        path: str | os.PathLike,
        vector_samples: int,
        *,
        recording: Recording | None = None,
        sample_rate: float | None = None,
        center_frequency: float = 0.0,
        datatype: str | None = None,
        noise: bool = False,
        horizon: int = 16384,
        flush_seconds: float = 5.0,
        max_annotations: int = 200_000,
    ):
        if recording is None and sample_rate is None:
            raise ValueError("annotations need a recording or a sample rate")
        self.path = Path(path)
        if not self.path.name.endswith(".sigmf-meta"):
            raise ValueError(f"{self.path}: expected a name that ends in .sigmf-meta")
        self.missed = 0
        self.dropped = 0
        self._vector_samples = vector_samples
        self._noise = noise
        self._horizon = horizon
        self._max_annotations = max_annotations
        self._flush_seconds = flush_seconds
        self._open: dict[int, _Item] = {}  # by offset
        self._closed: list[str] = []  # as JSON: compact, and quick to write again
        self._run: _Run | None = None  # the last settled run, which may go on
        self._settled = 0  # the first offset that may still change
        self._rate = recording.sample_rate if recording else float(sample_rate)
        self._center = recording.center_frequency if recording else float(center_frequency)
        self._captures = [(0, self._center)]  # first vector, Hz
        self._first_index = recording.first_index if recording else 0
        self._header_bytes = recording.header_bytes if recording else 0
        self._datatype = recording.datatype if recording else datatype or "cf32_le"
        if recording:
            self._about = _attach(recording, self.path)
        else:
            self._about = {} if datatype else {"metadata_only": True}
        self._due = time.monotonic() + flush_seconds

    def add(
        self,
        offset: int,
        label: str,
        confidence: float,
        source: str,
        vectors: int = 1,
        center_frequency: float | None = None,
        emission: int | None = None,
        revised: bool = False,
    ) -> None:
        """A result that speaks of `vectors` vectors from `offset`; replaces an earlier one of that offset.

        center_frequency: Hz, where it differs from the one given at first. emission: that the vectors belong to;
        a revised result replaces what was said of its other vectors, too."""
        center = self._center if center_frequency is None else float(center_frequency)
        item = _Item(int(vectors), str(label), float(confidence), str(source), center, emission)
        if revised and emission is not None:
            for other, earlier in self._open.items():
                if earlier.emission == emission:
                    self._open[other] = item._replace(vectors=earlier.vectors)
        if offset < self._settled:
            self.missed += 1
        else:
            self._capture(int(offset), center)
            self._open[int(offset)] = item
            if len(self._open) >= self._horizon + self._horizon // 4:
                self._settle()
        if time.monotonic() >= self._due:
            self.flush()

    def add_result(self, result: dict) -> None:
        """A published result (docs/protocol.md). Raises KeyError if it is none."""
        self.add(
            result["offset"],
            result["label"],
            result["confidence"],
            result["source"],
            result["count"],
            result["center_frequency"],
            result.get("emission"),
            result["status"] == "revised",
        )

    def flush(self) -> None:
        """Write everything up to now. Raises OSError; what is known stays, for the next time."""
        began = time.monotonic()
        runs, _ = _merge(self._run, sorted(self._open.items()))
        tail = [self._annotate(run) for run in runs if self._wanted(run)]
        fields = {"offset": self._first_index} if self._first_index else {}
        document = meta_document(self._datatype, self._rate, self._center, [], **fields, **self._about)
        document["captures"] = [
            {"core:sample_start": self._first_index + start * self._vector_samples, "core:frequency": center}
            for start, center in self._captures
        ]
        if self._header_bytes:
            document["captures"][0]["core:header_bytes"] = self._header_bytes
        head = json.dumps(document)
        try:
            write_whole(self.path, head.removesuffix("]}") + ",\n".join(self._closed + tail) + "]}\n")
        finally:
            now = time.monotonic()
            self._due = now + max(self._flush_seconds, 20 * (now - began))

    def close(self) -> None:
        self.flush()
        if self.missed:
            _log.warning("%s: %d revisions came too late to be written", self.path, self.missed)
        if self.dropped:
            _log.warning("%s: %d spans over the limit were not written", self.path, self.dropped)

    def __enter__(self) -> AnnotationWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _capture(self, offset: int, center: float) -> None:
        start, current = self._captures[-1]
        if center == current or offset < start:  # nothing new, or a revision of what was heard before
            return
        if not self._open and not self._run:  # the stream's first
            self._captures = [(0, center)]
        elif len(self._captures) < self._max_annotations:
            self._captures.append((offset, center))

    def _settle(self) -> None:
        """Merge all but the newest `horizon` offsets into spans that no longer change."""
        oldest = sorted(self._open)[: len(self._open) - self._horizon]
        runs, self._run = _merge(
            self._run, [(offset, self._open.pop(offset)) for offset in oldest], keep_last=True
        )
        self._settled = oldest[-1] + 1
        for run in runs:
            if self._wanted(run):
                if len(self._closed) < self._max_annotations:
                    self._closed.append(self._annotate(run))
                else:
                    self.dropped += 1

    def _wanted(self, run: _Run) -> bool:
        return self._noise or run.label != NOISE

    def _annotate(self, run: _Run) -> str:
        size = self._vector_samples
        details = {
            "confidence": round(run.confidence / run.vectors, 6),
            "vectors": run.vectors,
            "sources": dict(run.sources),
        }
        low, high = run.center - self._rate / 2, run.center + self._rate / 2
        span = Span(run.start * size, run.stop * size, run.label, low, high, details)
        return json.dumps(annotation(span, self._first_index))


class _Item(NamedTuple):
    """A result as it stands now."""

    vectors: int
    label: str
    confidence: float
    source: str
    center: float  # Hz
    emission: int | None


@dataclass
class _Run:
    """Vectors [start, stop) of one label at one center frequency; `confidence` is the sum over them."""

    start: int
    stop: int
    label: str
    center: float
    vectors: int
    confidence: float
    sources: Counter


def _merge(
    run: _Run | None, items: list[tuple[int, _Item]], keep_last: bool = False
) -> tuple[list[_Run], _Run | None]:
    """Join adjacent items of one label, going on from `run`; with `keep_last` the last run stays open."""
    done = []
    run = replace(run, sources=Counter(run.sources)) if run is not None else None
    for offset, (vectors, label, confidence, source, center, _) in items:
        if run is None or (run.label, run.stop, run.center) != (label, offset, center):
            if run is not None:
                done.append(run)
            run = _Run(offset, offset, label, center, 0, 0.0, Counter())
        run.stop += vectors
        run.vectors += vectors
        run.confidence += confidence * vectors
        run.sources[source] += vectors
    if not keep_last and run is not None:
        done.append(run)
        run = None
    return done, run


def _attach(recording: Recording, meta_path: Path) -> dict:
    """Global fields that tie the metadata to the data file; links the file if it lies in another folder."""
    data = recording.path.resolve()
    about = {"trailing_bytes": recording.trailing_bytes} if recording.trailing_bytes else {}
    if data.parent == meta_path.parent.resolve():
        return about | {"dataset": data.name}
    linked = meta_path.with_name(meta_path.name.removesuffix("meta") + "data")
    if not linked.exists():
        try:
            os.link(data, linked)
        except OSError:  # another file system
            os.symlink(data, linked)
    elif not linked.samefile(data):
        raise ValueError(f"{linked}: exists and is not {data}: choose another name for the annotations")
    return about
