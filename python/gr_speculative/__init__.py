# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""gr-speculative without GNU Radio: wire format, hub, models, data, training, command line."""

__version__ = "0.1.0"  # the one place: CMake and pip read it here
