# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""A recording as a stream, at the pace that a node wants."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from gnuradio import gr

from gr_speculative.sigmf_io import Recording

PACES = ("real-time", "lossless", "max")
_NAP_S = 0.002
_PATIENCE_S = 0.2  # of one call to work
_BLOCK = 1 << 16  # samples


class recording_source(gr.sync_block):
    """Complex samples of a recording. After the last one the stream stays open, and `ended` is true.

    recording: gr_speculative.sigmf_io.Recording
    pace: `real-time` as a radio would deliver it; `lossless` only while `has_room()` (an offline run may wait
        for the slow model, a radio may not); `max` as fast as the flowgraph takes it
    ready: the first sample waits for this, at most `ready_timeout` seconds
    has_room: asked between samples
    """

    def __init__(
        self,
        recording: Recording,
        pace: str = "real-time",
        *,
        ready: Callable[[], bool] = lambda: True,
        ready_timeout: float = 10.0,
        has_room: Callable[[], bool] = lambda: True,
    ):
        if pace not in PACES:
            raise ValueError(f"pace is {pace!r}, expected one of {', '.join(PACES)}")
        gr.sync_block.__init__(self, "recording_source", in_sig=None, out_sig=[np.complex64])
        self._recording, self._pace = recording, pace
        self._ready, self._ready_timeout = ready, ready_timeout
        self._has_room = has_room
        self._waiting_since = time.monotonic()
        self._started: float | None = None
        self._end = recording.n_samples
        self.position = 0  # samples delivered
        self.streamed_seconds = 0.0  # from the first sample to the last
        self.set_min_output_buffer(2 * _BLOCK)

    @property
    def ended(self) -> bool:
        """No more samples will come."""
        return self.position >= self._end

    def close(self) -> None:
        """End the stream here."""
        self._end = min(self._end, self.position)

    def work(self, input_items: list[np.ndarray], output_items: list[np.ndarray]) -> int:
        # GNU Radio pauses a source for a quarter of a second after each call that gives nothing, and would
        # make bursts of the stream: wait here instead.
        until = time.monotonic() + _PATIENCE_S
        while (n := self._give(output_items[0], time.monotonic())) == 0 and time.monotonic() < until:
            time.sleep(_NAP_S)
        return n

    def _give(self, out: np.ndarray, now: float) -> int:
        """Samples put into `out`; 0 while there is nothing to give."""
        if self._started is None:
            if not self._ready() and now < self._waiting_since + self._ready_timeout and self._end > 0:
                return 0
            self._started = now
        n = min(len(out), _BLOCK, self._end - self.position)
        if self._pace == "real-time":
            due = int((now - self._started) * self._recording.sample_rate) - self.position
            # Not sample by sample: what a few naps let come together, or the rest.
            n = min(n, due) if due >= min(n, 4 * _NAP_S * self._recording.sample_rate) else 0
        elif self._pace == "lossless" and not self._has_room():
            n = 0
        if n <= 0:
            return 0
        out[:n] = self._recording.read(self.position, n)
        self.position += n
        self.streamed_seconds = time.monotonic() - self._started
        return n
