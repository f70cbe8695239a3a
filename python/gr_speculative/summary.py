# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""What a run of a node amounted to, as a table."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

_STEP = 1.02


@dataclass
class Summary:
    """Totals of one run or of several added up.

    counters: of the fast classifier (docs/architecture.md). labels: vectors by final label."""

    threshold: float
    counters: Counter = field(default_factory=Counter)
    labels: Counter = field(default_factory=Counter)
    recorded_seconds: float = 0.0
    streamed_seconds: float = 0.0
    _latencies: Counter = field(default_factory=Counter)  # by steps of 2 %, so that memory is bounded

    def add_latency(self, milliseconds: float) -> None:
        """From deferral to verdict, of a verdict that came in time."""
        self._latencies[round(math.log(max(milliseconds, 1e-3), _STEP))] += 1

    def add(self, other: Summary) -> None:
        self.counters.update(other.counters)
        self.labels.update(other.labels)
        self._latencies.update(other._latencies)
        self.recorded_seconds += other.recorded_seconds
        self.streamed_seconds += other.streamed_seconds

    def conserved(self) -> bool:
        """Both sums of docs/architecture.md hold."""
        c = self.counters
        return (
            c["vectors"] == c["accepted"] + c["deferred"] + c["unbudgeted"] + c["invalid"]
            and c["deferred"] == c["in_time"] + c["timed_out"] + c["dropped"] + c["failed"] + c["in_flight"]
        )

    def quantile_ms(self, q: float) -> float | None:
        """Latency that a share q of the verdicts did not exceed, within 2 %; None without any."""
        wanted, below = q * self._latencies.total(), 0
        for step, n in sorted(self._latencies.items()):
            below += n
            if below >= wanted:
                return _STEP**step
        return None

    def text(self) -> str:
        c = self.counters
        vectors = max(c["vectors"], 1)
        fallback = c["timed_out"] + c["dropped"] + c["failed"] + c["unbudgeted"]
        speed = self.recorded_seconds / self.streamed_seconds if self.streamed_seconds else 0.0
        rows = [
            ("vectors", f"{c['vectors']:,}"),
            ("fast", _share(c["accepted"], vectors)),
            ("slow", _share(c["in_time"], vectors) + f", {c['relabelled']:,} changed the label"),
            ("fallback", _share(fallback, vectors) + _reasons(c)),
            ("invalid", _share(c["invalid"], vectors)),
            ("threshold", f"{self.threshold:.3f}"),
            ("latency p50 / p99", f"{_ms(self.quantile_ms(0.5))} / {_ms(self.quantile_ms(0.99))}"),
            ("rate", f"{speed:.2f} x real time ({self.recorded_seconds:.1f} s of signal)"),
            ("late verdicts", f"{c['late']:,}"),
        ]
        rows += [(f"label {name}", _share(n, vectors)) for name, n in self.labels.most_common()]
        width = max(len(name) for name, _ in rows)
        lines = [f"  {name:<{width}}  {value}" for name, value in rows]
        sums = (
            f"{c['vectors']} = {c['accepted']} accepted + {c['deferred']} deferred + {c['unbudgeted']} unbudgeted"
            f" + {c['invalid']} invalid;  {c['deferred']} = {c['in_time']} in time + {c['timed_out']} timed out"
            f" + {c['dropped']} dropped + {c['failed']} failed + {c['in_flight']} in flight"
        )
        verdict = "counters add up" if self.conserved() else "COUNTERS DO NOT ADD UP (please report this)"
        return "\n".join([*lines, f"  {verdict}: {sums}"])


def _share(n: int, of: int) -> str:
    return f"{n:,} ({n / of:.1%})"


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} ms"


def _reasons(c: Counter) -> str:
    names = ("timed_out", "dropped", "failed", "unbudgeted")
    reasons = [f"{c[name]:,} {name.replace('_', ' ')}" for name in names if c[name]]
    return f": {', '.join(reasons)}" if reasons else ""
