# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The block live_gate: counts what a live source delivers, and ends it without ending the flowgraph."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from gnuradio import gr


class live_gate(gr.basic_block):
    """Passes complex samples until it is closed; then it swallows them, while the flowgraph goes on and what is
    in flight can be settled.

    at_end: whether the source before it has nothing more to give; delivered: samples that it gave

    `position`: samples passed. `broken`: the source ended the stream by itself.
    """

    def __init__(self, at_end: Callable[[], bool], delivered: Callable[[], int]) -> None:
        gr.basic_block.__init__(self, "live_gate", in_sig=[np.complex64], out_sig=[np.complex64])
        self._at_end, self._delivered = at_end, delivered
        self._closed = False
        self._first: float | None = None
        self.position = 0
        self.streamed_seconds = 0.0  # from the first sample to the last
        self.broken = False

    @property
    def ended(self) -> bool:
        """No more samples will pass."""
        return self._closed or self.broken or (self._at_end() and self.position == self._delivered())

    def close(self) -> None:
        self._closed = True

    def stop(self) -> bool:
        # GNU Radio ends a block when the one before it has ended, or with the flowgraph, closed or at its end.
        self.broken = not self.ended
        return True

    def general_work(self, input_items: list[np.ndarray], output_items: list[np.ndarray]) -> int:
        if self._closed:
            self.consume(0, len(input_items[0]))
            return 0
        n = min(len(input_items[0]), len(output_items[0]))
        output_items[0][:n] = input_items[0][:n]
        self.consume(0, n)
        now = time.monotonic()
        self._first = now if self._first is None else self._first
        self.streamed_seconds = now - self._first
        self.position += n
        return n
