# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Memory that has been freed goes back to the system."""

from __future__ import annotations

import ctypes


def trim_memory() -> None:
    """Has glibc give back what it keeps: all that lies below a block still in use. Elsewhere nothing happens."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
