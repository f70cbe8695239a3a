# Copyright 2026 gr-speculative contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""gnuradio.speculative: classify every FFT vector inline, ask a slow model about the doubtful ones."""

from .speculative_python import *  # noqa: F403
