# Copyright 2026 gr-speculative contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""gnuradio.speculative: classify every FFT vector inline, ask a slow model about the doubtful ones."""

from importlib import import_module

from gr_speculative.installed import default_fast_model, default_slow_model  # noqa: F401

from .atmosphere_source import atmosphere_source  # noqa: F401
from .result_sink import read_result, result_sink  # noqa: F401
from .sigmf_annotation_sink import sigmf_annotation_sink  # noqa: F401
from .slow_model import slow_model  # noqa: F401
from .soapy_source import soapy_source  # noqa: F401
from .spectrum_classifier import spectrum_classifier  # noqa: F401
from .speculative_python import *  # noqa: F403

# Imported when asked for: a node without a screen has no PyQt5, and needs no inference manager.
_LATER = {
    "SpeculativeInferenceManager": "inference_manager",
    "telemetry_sink": "telemetry_sink",
    "waterfall_sink": "waterfall_sink",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Importing the module may make it the attribute of this name: put the class in its place.
    globals()[name] = found = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    return found
