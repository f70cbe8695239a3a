# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Warnings about what others send, at a rate that they cannot raise."""

from __future__ import annotations

import logging
import time


class RateLimitedWarning:
    """Logs at most one warning a second; the next one says how many were left out in between."""

    def __init__(self, log: logging.Logger, interval_s: float = 1.0) -> None:
        self._log, self._interval = log, interval_s
        self._next = 0.0
        self._left_out = 0

    def __call__(self, text: str, *arguments: object) -> None:
        now = time.monotonic()
        if now < self._next:
            self._left_out += 1
            return
        if self._left_out:
            text, arguments = text + " (and %d more not shown)", (*arguments, self._left_out)
        self._log.warning(text, *arguments)
        self._next, self._left_out = now + self._interval, 0
