# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""`gr-speculative heads`: its options and their defaults."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `heads`."""
    add = parser.add_argument
    add(
        "recordings",
        type=Path,
        help="folder with manifest.csv and windows.csv; its split val is what is normal",
    )
    add(
        "--model", default="", metavar="PATH", help="anomaly head, default the one that came with the program"
    )
    add(
        "--out",
        type=Path,
        default=Path("out"),
        metavar="DIR",
        help="for heads.json and heads.png, default %(default)s",
    )
    add("--seed", type=int, default=1, help="default %(default)s")


def run(args: argparse.Namespace) -> int:
    """Measures, prints, and writes both heads' curves; needs torch."""
    from gr_speculative.heads import evaluation

    return evaluation.run(args)
