# Copyright 2026 gr-speculative contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""gnuradio.speculative: classify every FFT vector inline, ask a slow model about the doubtful ones."""

from gr_speculative.installed import default_fast_model, default_slow_model  # noqa: F401

from .atmosphere_source import atmosphere_source  # noqa: F401
from .result_sink import read_result, result_sink  # noqa: F401
from .sigmf_annotation_sink import sigmf_annotation_sink  # noqa: F401
from .slow_model import slow_model  # noqa: F401
from .spectrum_classifier import spectrum_classifier  # noqa: F401
from .speculative_python import *  # noqa: F403
