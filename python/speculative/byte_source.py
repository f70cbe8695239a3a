# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The block byte_source: raw samples out of a pipe."""

from __future__ import annotations

import os
import select

import numpy as np
from gnuradio import gr

from gr_speculative.sigmf_io import SampleFormat

_PATIENCE_S = 0.2  # of one call to work
_BLOCK = 1 << 16  # samples


class byte_source(gr.sync_block):
    """Complex samples, full scale 1, from a file descriptor. At its end the stream stays open and `at_end` is true.

    descriptor: of a pipe or a file, which stays the caller's
    sample_format: how the samples lie in it, I and Q in turn
    """

    def __init__(self, descriptor: int, sample_format: SampleFormat) -> None:
        gr.sync_block.__init__(self, "byte_source", in_sig=None, out_sig=[np.complex64])
        self._descriptor, self._format = descriptor, sample_format
        self._rest = b""  # the beginning of a sample
        self.at_end = False
        self.set_min_output_buffer(2 * _BLOCK)

    def work(self, input_items: list[np.ndarray], output_items: list[np.ndarray]) -> int:
        out, size = output_items[0], self._format.sample_bytes
        if not select.select([] if self.at_end else [self._descriptor], [], [], _PATIENCE_S)[0]:
            return 0
        got = os.read(self._descriptor, min(len(out), _BLOCK) * size - len(self._rest))
        self.at_end = not got
        data = self._rest + got
        n = len(data) // size
        self._rest = data[n * size :]
        out[:n] = self._format.decode(np.frombuffer(data, self._format.kind, 2 * n).reshape(n, 2))
        return n
