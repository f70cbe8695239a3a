# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""`gr-speculative train`: its options and their defaults."""

from __future__ import annotations

import argparse
from pathlib import Path

EPOCHS = {"fast": 10, "slow": 4}
CACHE = Path.home() / ".cache" / "gr-speculative"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `train`."""
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="labelled recordings")
    parser.add_argument("--out", type=Path, default=Path("models"), metavar="DIR", help="default: models")
    parser.add_argument("--model", choices=("fast", "slow", "both"), default="both", help="default: both")
    parser.add_argument("--epochs", type=int, help=f"default: {EPOCHS['fast']} fast, {EPOCHS['slow']} slow")
    parser.add_argument(
        "--shards", type=int, default=140, help="thousands of examples an epoch (default 140)"
    )
    parser.add_argument("--context", type=int, default=16, help="vectors the slow model sees (default 16)")
    parser.add_argument(
        "--synthetic", type=float, default=0.5, help="share of synthetic examples (default 0.5)"
    )
    parser.add_argument(
        "--distillation",
        type=float,
        default=0.0,
        help="weight of slow's answers in training fast (default 0)",
    )
    parser.add_argument("--seed", type=int, default=1, help="default: 1")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default 1)")
    parser.add_argument(
        "--cache", type=Path, default=CACHE, metavar="DIR", help=f"examples and checkpoints (default {CACHE})"
    )
    parser.add_argument(
        "--quantize",
        action="store_true",
        help="fast.onnx in 8-bit integers; fast-float32.onnx keeps what it was made of",
    )


def run(args: argparse.Namespace) -> int:
    """Trains; needs torch. Raises ValueError or OSError with one line that says what is wrong."""
    from gr_speculative import train

    return train.run(args)
