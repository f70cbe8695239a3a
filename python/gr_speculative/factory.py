# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""A user's own slow model: `module:factory`, without torch unless the module wants it.

A factory is called without arguments and returns an object with `contract` (role "slow") and
`predict(db, sample_rate)` as model.Model has it.
"""

from __future__ import annotations

import importlib
from pathlib import Path

from .contract import Contract
from .inference import Model


class SlowModelError(ValueError):
    """A slow model cannot be used; the message names the file, what is wrong and what was expected."""


def is_factory(path: str | Path) -> bool:
    """Whether `path` is `module:factory` and not the name of a file."""
    return ":" in str(path) and not str(path).endswith(".safetensors")


def from_factory(path: str) -> Model:
    """The model that a factory makes. Raises SlowModelError, and whatever the factory raises."""
    module_name, _, factory_name = path.partition(":")
    try:
        model = getattr(importlib.import_module(module_name), factory_name)()
    except (ImportError, AttributeError) as error:
        advice = "expected NAME.safetensors, or module:factory of an importable module"
        raise SlowModelError(f"{path}: {advice}: {error}") from None
    if not isinstance(getattr(model, "contract", None), Contract) or not callable(
        getattr(model, "predict", None)
    ):
        raise SlowModelError(f"{path}: the factory must return an object with `contract` and `predict`")
    return model
