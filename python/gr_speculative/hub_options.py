# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The limits within which a hub works."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gr_speculative.handshake import MAX_CREDIT

_RANGES = {
    "max_batch": (1, 65_536),
    "max_wait_ms": (0, 60_000),
    "max_queue": (1, 1 << 24),
    "credit": (1, MAX_CREDIT),
    "max_connections": (1, 65_536),
    "lease_s": (0.1, 86_400),
    "idle_unload_s": (0, math.inf),
}


@dataclass(frozen=True)
class HubOptions:
    """Raises ValueError for a value out of range."""

    max_batch: int = 32  # most requests in one inference
    max_wait_ms: float = 2.0  # how long an idle model waits for a batch to fill
    max_queue: int = 1024  # most requests that wait for one model
    credit: int = 64  # most requests of one node that are unanswered
    max_connections: int = 512  # most at once; a node that reports its results has two
    lease_s: float = 30.0  # a node not heard of for so long is forgotten
    idle_unload_s: float = 0.0  # a model not asked for so long is unloaded; 0: never

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name}: expected at least {low} and at most {high}, found {value}")
