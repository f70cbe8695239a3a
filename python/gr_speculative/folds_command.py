# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""`gr-speculative folds`: its options and their defaults."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import train_command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `train`, and those of the folds."""
    train_command.add_arguments(parser)
    parser.set_defaults(out=Path("folds"))
    parser.add_argument(
        "--by",
        choices=("device", "class"),
        default="device",
        help="leave out every N-th device and measure the pair on it, or one class, and tell how strange "
        "the fast network then finds it (default device)",
    )
    parser.add_argument("--folds", type=int, default=4, help="pairs to train (default 4)")
    parser.add_argument("--only", type=int, nargs="*", metavar="FOLD", help="train these now, from 0")
    parser.add_argument("--rounds", type=int, default=500, help="bootstrap rounds (default 500)")


def run(args: argparse.Namespace) -> int:
    """Trains and measures; needs torch. Raises ValueError or OSError with one line that says what is wrong."""
    from gr_speculative import folds

    return folds.run(args)
