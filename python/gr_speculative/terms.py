# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The terms of a promise: what `calibrate` may be asked for, known without scipy and torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

MODES = ("non-inferior", "agree")
UNITS = ("emission", "file", "device")
STRATUM = 300  # units without which a stratum gets no threshold of its own
EDGES_DB = (15.0, 25.0, 40.0)  # of strata of SNR; fixed before any data, as the thresholds are


@dataclass(frozen=True)
class Terms:
    """What is wanted. mode: of MODES; risk, confidence: 0..1; unit: of UNITS;
    budget: deferrals a second, > 0; sample_rate: of the stream that they are counted in, Hz, 0: as recorded.
    """

    mode: str = "non-inferior"
    risk: float = 0.01
    confidence: float = 0.95
    unit: str = "file"
    budget: float = math.inf
    sample_rate: float = 0.0
    seed: int = 1
