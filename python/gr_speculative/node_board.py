# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""What the dashboard shows of each node: bounded, and readable by any thread."""

from __future__ import annotations

import base64
import threading
import time
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gr_speculative.desk import Observer
from gr_speculative.node_report import Report
from gr_speculative.wire import Request, Verdict

_NODES = 256  # the one not heard of for longest gives way
_HISTORY = 300  # telemetry messages, about a second each
_RECENT = 12  # verdicts with a picture
_LABELS = 64
_PICTURE = (16, 64)  # vectors, bins of a picture
_COUNTERS = ("accepted", "in_time", "timed_out", "dropped", "failed", "unbudgeted")


@dataclass
class Node:
    """All that is known of one node. `history`: [time, fast, slow and fallback share, p50 and p99 in ms]."""

    heard: float = 0.0  # seconds since the epoch: for people only
    telemetry: dict[str, float] = field(default_factory=dict)
    omitted: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    history: deque[list[float]] = field(default_factory=lambda: deque(maxlen=_HISTORY))
    recent: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_RECENT))


class NodeBoard(Observer):
    """Follows every node."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._nodes: OrderedDict[str, Node] = OrderedDict()

    def on_verdict(self, node: str, request: Request, verdict: Verdict, label: str) -> None:
        entry = {
            "time": time.time(),
            "label": label,
            "confidence": round(float(verdict.scores.max()), 3),
            "fast_label": request.fast_label,
            "center_frequency": request.center_frequency,
            "sample_rate": request.sample_rate,
            "elapsed_ms": round(verdict.elapsed_ms, 1),
            "heads": verdict.heads or {},
        }
        with self._lock:
            known = self._node(node)
            known.verdicts[label] += 1
            if not known.recent or entry["time"] - known.recent[-1]["time"] > 0.2:  # for eyes, not for logs
                known.recent.append(entry | picture(request.levels))

    def on_report(self, node: str, report: Report) -> None:
        with self._lock:
            known = self._node(node)
            known.omitted = report.omitted
            for result in report.results:
                # A deferred vector is counted when its label is final, the first time it is told.
                if result["status"] != "provisional" and (
                    result["label"] in known.labels or len(known.labels) < _LABELS
                ):
                    known.labels[result["label"]] += result["count"]
            if report.telemetry is not None:
                known.history.append(_shares(known.telemetry, report.telemetry))
                known.telemetry = report.telemetry

    def telemetry(self) -> dict[str, dict[str, float]]:
        """The newest telemetry of each node."""
        with self._lock:
            return {name: dict(node.telemetry) for name, node in self._nodes.items()}

    def state(self) -> dict[str, Any]:
        """What the page draws, as JSON can say it."""
        now = time.time()
        with self._lock:
            return {
                name: {
                    "silent_s": round(now - node.heard, 1),
                    "telemetry": dict(node.telemetry),
                    "omitted": node.omitted,
                    "labels": dict(node.labels.most_common()),
                    "verdicts": dict(node.verdicts.most_common()),
                    "history": list(node.history),
                    "recent": list(node.recent),
                }
                for name, node in self._nodes.items()
            }

    def _node(self, name: str) -> Node:
        node = self._nodes.setdefault(name, Node())
        self._nodes.move_to_end(name)
        if len(self._nodes) > _NODES:
            self._nodes.popitem(last=False)
        node.heard = time.time()
        return node


def picture(levels: np.ndarray) -> dict[str, Any]:
    """A small picture of levels, uint8 [vectors, bins]: the strongest of the bins that share a pixel."""
    rows = levels[-_PICTURE[0] :]
    width = min(_PICTURE[1], rows.shape[1])
    bins = rows[:, : rows.shape[1] // width * width].reshape(len(rows), width, -1).max(axis=2)
    low, high = np.percentile(bins, 5), max(bins.max(), np.percentile(bins, 5) + 1)
    pixels = np.clip((bins - low) * (255 / (high - low)), 0, 255).astype(np.uint8)
    return {"width": width, "height": len(rows), "pixels": base64.b64encode(pixels.tobytes()).decode()}


def _shares(before: dict[str, float], after: dict[str, float]) -> list[float]:
    """Of what was settled between two telemetry messages; since the start where nothing was, or it has started anew."""
    change = {key: after.get(key, 0) - before.get(key, 0) for key in _COUNTERS}
    if min(change.values()) < 0 or not any(change.values()):
        change = {key: after.get(key, 0) for key in _COUNTERS}
    fallback = change["timed_out"] + change["dropped"] + change["failed"] + change["unbudgeted"]
    settled = max(change["accepted"] + change["in_time"] + fallback, 1)
    shares = [change["accepted"] / settled, change["in_time"] / settled, fallback / settled]
    return [
        round(time.time(), 1),
        *(round(share, 4) for share in shares),
        after.get("latency_p50_ms", 0.0),
        after.get("latency_p99_ms", 0.0),
    ]
