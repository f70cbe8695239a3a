# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Finds the pair of models that comes with the program."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

FLOAT32 = "fast-float32.onnx"  # beside fast.onnx in integers: the model that it was made of
_INSTALLED = Path("share", "gr-speculative", "models")  # under the installation's prefix


def default_fast_model() -> str:
    """Path of the shipped fast model (ONNX). Raises FileNotFoundError, which names the places looked in."""
    return _find("fast.onnx")


def float32_fast_model() -> str:
    """Path of what the shipped fast model's integers were made of (ONNX). Raises FileNotFoundError as above."""
    return _find(FLOAT32)


def default_slow_model() -> str:
    """Path of the shipped slow model (safetensors, its JSON beside it). Raises FileNotFoundError as above."""
    return _find("slow.safetensors")


def default_anomaly_model() -> str:
    """Path of the shipped anomaly head (safetensors, its JSON beside it). Raises FileNotFoundError as above."""
    return _find("anomaly.safetensors")


def _find(name: str) -> str:
    tried = []
    for folder in _folders():
        if (folder / name).is_file():
            return str(folder / name)
        tried.append(str(folder))
    raise FileNotFoundError(
        f"{name}, a model that comes with gr-speculative, is not in {' or '.join(tried)}: "
        "give a model's path, or set SPECULATIVE_MODELS to the folder that has it"
    )


def _folders() -> Iterator[Path]:
    """The folder that the environment names and no other; else a checkout's; else an installation's."""
    if named := os.environ.get("SPECULATIVE_MODELS"):
        yield Path(named)
        return
    package = Path(__file__).resolve().parent
    yield package.parents[1] / "models"
    # A prefix keeps Python packages two to four folders down (lib/python3/dist-packages, lib/python3.11/...).
    yield from (folder / _INSTALLED for folder in package.parents if (folder / _INSTALLED).is_dir())
