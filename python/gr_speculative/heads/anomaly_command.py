# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""`gr-speculative anomaly`: its options and their defaults."""

from __future__ import annotations

import argparse
from pathlib import Path

_CACHE = Path.home() / ".cache" / "gr-speculative"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `anomaly`."""
    add = parser.add_argument
    add("action", choices=("train", "fit"), help="train on recordings, or fit to a node's own")
    add("recordings", type=Path, help="folder with manifest.csv and windows.csv, or with SigMF recordings")
    add("--out", type=Path, default=Path("models/anomaly.safetensors"), help="default %(default)s")
    add("--false-alarm-rate", type=float, default=0.01, metavar="P", help="default %(default)s")
    add("--epochs", type=int, default=12, help="of training, default %(default)s")
    add("--shards", type=int, default=12, help="thousands of training examples, default %(default)s")
    add("--seed", type=int, default=1, help="default %(default)s")
    add("--cache", type=Path, default=_CACHE, help="where training examples are kept, default %(default)s")


def run(args: argparse.Namespace) -> int:
    """Writes the head and says what its threshold is; needs torch."""
    from gr_speculative.heads import anomaly_training

    return anomaly_training.run(args)
