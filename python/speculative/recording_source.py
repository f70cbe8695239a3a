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
    """Complex samples of a recording; the stream ends when `drained()` says that all of it was answered.

    recording: gr_speculative.sigmf_io.Recording
    pace: `real-time` as a radio would deliver it; `lossless` only while `has_room()` (an offline run may wait
        for the slow model, a radio may not); `max` as fast as the flowgraph takes it
    ready: the first sample waits for this, at most `ready_timeout` seconds
    has_room, drained: asked between samples, and after the last one
    drain_timeout: seconds that `drained` gets after the last sample
    """

    def __init__(
        self,
        recording: Recording,
        pace: str = "real-time",
        *,
        ready: Callable[[], bool] = lambda: True,
        ready_timeout: float = 10.0,
        has_room: Callable[[], bool] = lambda: True,
        drained: Callable[[], bool] = lambda: True,
        drain_timeout: float = 5.0,
    ):
        if pace not in PACES:
            raise ValueError(f"pace is {pace!r}, expected one of {', '.join(PACES)}")
        gr.sync_block.__init__(self, "recording_source", in_sig=None, out_sig=[np.complex64])
        self._recording, self._pace = recording, pace
        self._ready, self._ready_timeout = ready, ready_timeout
        self._has_room, self._drained = has_room, drained
        self._drain_timeout = drain_timeout
        self._waiting_since = time.monotonic()
        self._started: float | None = None
        self._drain_until: float | None = None
        self._end = recording.n_samples
        self.position = 0  # samples delivered
        self.streamed_seconds = 0.0  # from the first sample to the last
        self.finished = False
        self.set_min_output_buffer(2 * _BLOCK)

    def stop_soon(self, drain_timeout: float) -> None:
        """End the stream here; what is in flight gets `drain_timeout` seconds."""
        self._end = min(self._end, self.position)
        self._drain_timeout = min(self._drain_timeout, drain_timeout)
        if self._drain_until is not None:
            self._drain_until = min(self._drain_until, time.monotonic() + drain_timeout)

    def work(self, input_items: list[np.ndarray], output_items: list[np.ndarray]) -> int:
        # GNU Radio pauses a source for a quarter of a second after each call that gives nothing, and would
        # make bursts of the stream: wait here instead.
        until = time.monotonic() + _PATIENCE_S
        while (n := self._give(output_items[0], time.monotonic())) == 0 and time.monotonic() < until:
            time.sleep(_NAP_S)
        return n

    def _give(self, out: np.ndarray, now: float) -> int:
        """Samples put into `out`, 0 while there is nothing to give, -1 (WORK_DONE) at the end."""
        if self._started is None:
            if not self._ready() and now < self._waiting_since + self._ready_timeout and self._end > 0:
                return 0
            self._started = now
        if self.position >= self._end:
            return self._drain(now)
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

    def _drain(self, now: float) -> int:
        if self._drain_until is None:
            self._drain_until = now + self._drain_timeout
        if now < self._drain_until and not self._drained():
            return 0
        self.finished = True
        return -1
