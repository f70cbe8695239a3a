# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""`gr-speculative evaluate`: its options and their defaults."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `evaluate`."""
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="labelled recordings")
    parser.add_argument(
        "--models",
        type=Path,
        default=Path("models"),
        metavar="DIR",
        help="fast.onnx, slow.safetensors, and if there fast-float32.onnx (default models)",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="write report.json and plots here")
    parser.add_argument("--card", type=Path, metavar="FILE", help="write the model card (Markdown) here")
    parser.add_argument(
        "--folds", type=Path, metavar="DIR", help="what `gr-speculative folds` wrote, for card and plots"
    )
    parser.add_argument("--splits", nargs="*", metavar="NAME", help="default: all but train")
    parser.add_argument(
        "--no-resampled", action="store_true", help="leave out the copy at other sample rates"
    )
    parser.add_argument("--no-contexts", action="store_true", help="leave out slow with shorter contexts")
    parser.add_argument("--no-mixtures", action="store_true", help="leave out two signals at once")
    parser.add_argument("--no-detection", action="store_true", help="leave out detection against SNR")
    parser.add_argument("--rounds", type=int, default=500, help="bootstrap rounds (default 500)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default 1)")


def run(args: argparse.Namespace) -> int:
    """Measures; needs torch. Raises ValueError or OSError with one line that says what is wrong."""
    from gr_speculative import evaluate

    return evaluate.run(args)
