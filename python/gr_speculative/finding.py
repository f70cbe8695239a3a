# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""What a check of `gr-speculative doctor` says."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """`state`: ok, missing (something optional) or wrong; `fix`: what to do, unless ok."""

    state: str
    what: str
    fix: str = ""


def ok(what: str) -> Finding:
    return Finding("ok", what)
