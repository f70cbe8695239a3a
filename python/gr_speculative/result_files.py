# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""What a node writes of one source: a line of JSON for each result, and annotations; a full disk ends neither."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

from .annotations import AnnotationWriter
from .rate_limited import RateLimitedWarning

_log = logging.getLogger(__name__)


class ResultFiles:
    """To be entered; closes both files at its end.

    A disk that is full costs lines while it is full, never half a line; annotations are kept within the bounds
    of their writer, and written as soon as that succeeds.

    lines: path of the `.jsonl`, written anew, flushed at every line. Raises OSError where it cannot be opened.
    lost: results that are not among its lines. incomplete: at the end, whether either file lacks something.
    """

    def __init__(self, lines: Path, annotations: AnnotationWriter) -> None:
        self.lost = 0
        self.incomplete = False
        self._annotations = annotations
        self._path = lines
        self._file = open(lines, "wb")  # noqa: SIM115
        self._held = 0  # lines that the file has taken and not written
        self._warn = RateLimitedWarning(_log, interval_s=60)

    def add(self, result: dict) -> None:
        """A published result (docs/protocol.md)."""
        if self._succeeds(lambda: self._file.write(json.dumps(result).encode() + b"\n")):
            self._held = 0 if self._succeeds(self._file.flush) else self._held + 1
        else:
            self.lost += 1
        self._succeeds(lambda: self._annotations.add_result(result))

    def __enter__(self) -> ResultFiles:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._succeeds(self._file.close):
            self.lost += self._held
        self.incomplete = not self._succeeds(self._annotations.close) or self.lost > 0
        if self.incomplete:
            _log.error("%s: %d results could not be written", self._path, self.lost)

    def _succeeds(self, action: Callable[[], object]) -> bool:
        try:
            action()
        except OSError as error:
            self._warn("%s and annotations cannot be written: %s", self._path, error.strerror or error)
            return False
        return True
