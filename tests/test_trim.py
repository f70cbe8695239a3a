# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Memory between blocks in use is given back."""

import os
import platform

import numpy as np
import pytest

from gr_speculative.prometheus import resident_bytes
from gr_speculative.trim import trim_memory


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc")
def test_what_lies_between_blocks_in_use_is_given_back():
    blocks = [
        np.ones(64 << 10, np.uint8) for _ in range(1600)
    ]  # 100 MiB, each too small for pages of its own
    full = resident_bytes(os.getpid())
    blocks = blocks[::100]
    trim_memory()
    assert resident_bytes(os.getpid()) < full - (80 << 20)
    assert all(block.all() for block in blocks)
