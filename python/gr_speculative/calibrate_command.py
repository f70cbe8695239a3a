# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""`gr-speculative calibrate`: its options and their defaults."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from gr_speculative.contract import RULES, STRATA
from gr_speculative.terms import MODES, STRATUM, UNITS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `calibrate`."""
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="labelled recordings")
    parser.add_argument("--split", default="val", metavar="NAME", help="which of them (default val)")
    parser.add_argument("--model", type=Path, default=Path("models/fast.onnx"), metavar="FILE")
    parser.add_argument("--slow-model", type=Path, default=Path("models/slow.safetensors"), metavar="FILE")
    parser.add_argument("--risk", type=float, default=0.01, help="what the cascade may lose (default 0.01)")
    parser.add_argument("--confidence", type=float, default=0.95, help="of the promise (default 0.95)")
    parser.add_argument(
        "--mode",
        choices=MODES,
        default="non-inferior",
        help="promise on accuracy against slow on every vector (default), or on the same labels",
    )
    parser.add_argument(
        "--unit",
        choices=UNITS,
        default="file",
        help="what is independent: one random vector of each is used (default file)",
    )
    parser.add_argument(
        "--budget", type=float, default=math.inf, metavar="N", help="affordable deferrals a second"
    )
    parser.add_argument(
        "--sample-rate",
        type=float,
        default=0.0,
        metavar="HZ",
        help="of the stream in question (default: as recorded)",
    )
    parser.add_argument("--rule", choices=RULES, help="default: the model's own")
    parser.add_argument(
        "--fit-split", default="train", metavar="NAME", help="to fit the rule `benefit` on (default train)"
    )
    parser.add_argument(
        "--strata",
        choices=STRATA,
        help=f"thresholds by the fast label or by SNR, each where {STRATUM} units or more support it",
    )
    parser.add_argument("--compare", action="store_true", help="only compare the rules")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the model with its new contract here")
    parser.add_argument(
        "--uncertified", action="store_true", help="write the threshold that seems right if none is certified"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the draw (default 1)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default 1)")


def run(args: argparse.Namespace) -> int:
    """Calibrates; needs torch. 0 if the promise is certified, 1 if not. Raises ValueError or OSError."""
    from gr_speculative import calibrate

    return calibrate.run(args)
