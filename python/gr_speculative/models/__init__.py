# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The networks. Each takes what preprocessing.prepare returns, and returns logits and features."""

from __future__ import annotations

from typing import Any

from torch import nn

from .fast import FastNet
from .slow import SlowNet

ARCHITECTURES = {"FastNet": FastNet, "SlowNet": SlowNet}


def build(architecture: dict[str, Any]) -> nn.Module:
    """A network from {"class": name, "arguments": {...}}, weights not yet set. Raises ValueError."""
    name, arguments = architecture.get("class"), architecture.get("arguments", {})
    if name not in ARCHITECTURES:
        raise ValueError(f"architecture {name!r}: expected one of {', '.join(ARCHITECTURES)}")
    try:
        return ARCHITECTURES[name](**arguments)
    except (TypeError, ValueError) as error:
        raise ValueError(f"architecture {name}: arguments {arguments!r}: {error}") from None
