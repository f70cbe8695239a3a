# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The block scan_tuner: scans with a receiver's block that only knows how to be tuned."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pmt
from gnuradio import gr

from .scan_plan import ScanPlan

_FREQUENCY = pmt.intern("rx_freq")


class scan_tuner(gr.sync_block):
    """Passes complex samples of the receiver before it, and tunes that in turns.

    While the receiver settles, which includes what its driver and GNU Radio's buffers still held of the
    frequency before, samples come out as NaN, so that a classifier counts their vectors as invalid and dates
    the others right.

    tune: called with Hz; plan: the turns, of which the first has been tuned to
    tag: put a tag rx_freq on the first sample of a turn; not where the receiver's block does, which knows better
    """

    def __init__(self, tune: Callable[[float], object], plan: ScanPlan, tag: bool) -> None:
        gr.sync_block.__init__(self, "scan_tuner", in_sig=[np.complex64], out_sig=[np.complex64])
        self._tune, self._plan, self._tag = tune, plan, tag

    def work(self, input_items: list[np.ndarray], output_items: list[np.ndarray]) -> int:
        samples, out = input_items[0], output_items[0]
        done = 0
        while done < len(out):
            if self._plan.due:
                frequency = self._plan.retune()
                self._tune(frequency)
                if self._tag:
                    self.add_item_tag(
                        0, self.nitems_written(0) + done, _FREQUENCY, pmt.from_double(frequency)
                    )
            n, settling = self._plan.next(len(out) - done)
            out[done : done + n] = np.nan if settling else samples[done : done + n]
            self._plan.advance(n)
            done += n
        return done
