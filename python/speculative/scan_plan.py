# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Which samples of a scanning receiver belong to which frequency, and which to none."""

from __future__ import annotations

import math
from collections.abc import Sequence


class ScanPlan:
    """Stays `settle` and then `dwell` seconds at each frequency, in turns; with one frequency, at that for ever.

    frequencies: Hz, one or more; dwell: seconds, > 0; settle: seconds, ≥ 0, of which the samples belong to no
    frequency (not after the first tuning, which comes before the stream). Raises ValueError.

    `frequency`: the current one. `due`: it is time for `retune()`, before the next sample.
    """

    def __init__(self, frequencies: Sequence[float], sample_rate: float, dwell: float, settle: float) -> None:
        for name, value in (("sample_rate", sample_rate), ("dwell", dwell)):
            if not 0 < value < math.inf:
                raise ValueError(f"{name} is {value}, expected a number above 0")
        if not 0 <= settle < math.inf:
            raise ValueError(f"settle is {settle}, expected seconds >= 0")
        if not frequencies or not all(0 <= f < math.inf for f in frequencies):
            raise ValueError(f"frequencies is {frequencies}, expected a list of Hz")
        self._frequencies = [float(f) for f in frequencies]
        self._dwell = max(1, round(dwell * sample_rate))
        self._settle = round(settle * sample_rate)
        self._turn = 0
        self._settling = 0
        self._left = self._dwell

    @property
    def frequency(self) -> float:
        return self._frequencies[self._turn]

    @property
    def due(self) -> bool:
        return self._left == 0

    def retune(self) -> float:
        """Begins the next turn; its frequency in Hz."""
        self._turn = (self._turn + 1) % len(self._frequencies)
        self._settling, self._left = self._settle, self._dwell
        return self.frequency

    def next(self, at_most: int) -> tuple[int, bool]:
        """How many of the next samples, at most so many, are alike; whether the receiver settles during them."""
        settling = self._settling > 0
        return min(at_most, self._settling if settling else self._left), settling

    def advance(self, samples: int) -> None:
        """So many of those have passed."""
        if self._settling:
            self._settling -= samples
        elif len(self._frequencies) > 1:
            self._left -= samples
