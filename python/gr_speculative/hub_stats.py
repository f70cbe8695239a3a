# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""What a hub counts and measures."""

from __future__ import annotations

import bisect
from collections.abc import Sequence

# Where a request ends up, one of these; docs/protocol.md.
ENDS = ("ok", "busy", "expired", "error", "malformed", "undeliverable")
COUNTERS = ("received", *ENDS, "batches", "hellos", "reports", "turned_away", "reloads")

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Histogram:
    """Counts of values up to each bound, and beyond the last; and their sum."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect.bisect_left(self.bounds, value)] += 1
        self.sum += value


class HubStats:
    """Written by the hub's thread, read by any."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(COUNTERS, 0)
        self.batch_size = Histogram(_SIZES)  # requests
        self.answer_s = Histogram(SECONDS)  # from a request's arrival to its verdict `ok`
        self.inference_s = Histogram(SECONDS)  # of a batch

    def count(self, name: str) -> None:
        self.counts[name] += 1
