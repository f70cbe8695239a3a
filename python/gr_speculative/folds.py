# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""`gr-speculative folds`: how a pair of models does on devices that it never saw.

Each fold trains a pair without every N-th device of each class, and measures it on those devices; the answers of
all folds together make one report, in which every device is a stranger. Temperature, threshold and merge weights
come from other devices, again unseen in training. A split named `test` stays out of it. Folds whose models lie in
`--out` are not trained anew.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from . import left_out
from .contract import LABELS
from .data import DataError, Dataset, load
from .evaluation import Windows, resampled
from .fast_model import load_fast_model
from .rate_curve import rate_curve
from .report import MODELS, Scores, joined, measure, scores
from .report_text import show_set
from .slow_model import load_slow_model
from .targets import RESAMPLED, drops
from .train import train_pair
from .training import held_out

CALIBRATION = 5  # every fifth of the devices left calibrates, where a class has as many
SET = "held-out devices"
LAST = {
    "slow": "slow.safetensors",
    "fast": "fast.onnx",
    "both": "fast.onnx",
}  # what training leaves at its end


@dataclass(frozen=True)
class Rows:
    """Of the windows of all folds: label, number of the file and of the device, int [n] each; evaluation.Windows'
    stretch."""

    label: np.ndarray
    stretch: np.ndarray
    file: np.ndarray
    group: np.ndarray


def run(args: argparse.Namespace) -> int:
    """The command. Raises ValueError or OSError with one line that says what is wrong."""
    if args.folds < 2 or not all(0 <= k < args.folds for k in args.only or ()):
        raise ValueError(f"--folds {args.folds}: expected 2 or more, and --only numbers below it")
    torch.set_num_threads(args.threads)
    dataset = load(args.data)
    for problem in dataset.problems:
        print(f"warning: {problem}", file=sys.stderr)
    if args.by == "class":
        return left_out.run(dataset, args)
    for fold in range(args.folds) if args.only is None else args.only:
        _train(fold, dataset, args)
    done = [k for k in range(args.folds) if (_folder(args, k) / "fast.onnx").exists()]
    if len(done) < args.folds:
        left = " ".join(str(k) for k in range(args.folds) if k not in done)
        print(f"trained: {len(done)} of {args.folds} folds; --only {left} trains the rest", file=sys.stderr)
    if not done:
        if args.model != "slow":
            raise DataError(f"{args.out}: no fold is trained")
        print("slow networks are trained; --model fast trains the rest")
        return 0
    report = _measured(done, dataset, args)
    for name, part in report["sets"].items():
        show_set(name, part)
    path = args.out / "report.json"
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {path}")
    return 0


def split(dataset: Dataset, fold: int, folds: int) -> Dataset:
    """The recordings that labels name, as `train`, `val` (to calibrate on), and `test`: the devices of a fold."""
    known = tuple(
        r for r in dataset.recordings if r.split != "test" and any(span.label in LABELS for span in r.spans)
    )
    rest, test = held_out(known, fold, folds)
    kept, calibration = held_out(tuple(rest), CALIBRATION - 1, CALIBRATION)
    parts = {"train": kept, "val": calibration, "test": test}
    if not all(parts.values()):
        raise DataError(
            f"fold {fold} of {folds}: too few devices: expected some to train, calibrate and test on"
        )
    named = (replace(r, split=name) for name, part in parts.items() for r in part)
    return replace(dataset, recordings=tuple(named))


def _folder(args: argparse.Namespace, fold: int) -> Path:
    return args.out / f"fold-{fold}-of-{args.folds}"


def _train(fold: int, dataset: Dataset, args: argparse.Namespace) -> None:
    folder = _folder(args, fold)
    if (folder / LAST[args.model]).exists():
        print(f"{folder}: is trained")
        return
    print(f"fold {fold} of {args.folds}")
    train_pair(split(dataset, fold, args.folds), argparse.Namespace(**vars(args) | {"out": folder}))


def _measured(done: list[int], dataset: Dataset, args: argparse.Namespace) -> dict[str, Any]:
    """The report of all folds that are trained, in the form of `evaluate`'s, and each device by itself."""
    names = [recording.name for recording in dataset.recordings]
    groups = sorted({recording.group for recording in dataset.recordings})
    parts: dict[str, list[tuple[Rows, Scores]]] = {SET: [], SET + RESAMPLED: []}
    trained = []
    for fold in done:
        folder = _folder(args, fold)
        fast, slow = load_fast_model(folder / "fast.onnx"), load_slow_model(folder / "slow.safetensors")
        test = split(dataset, fold, args.folds).split("test")
        for name, recordings in ((SET, test), (SET + RESAMPLED, resampled(test, fold))):
            windows = Windows(recordings)
            file = np.array([names.index(name) for name in windows.files])[windows.file]
            group = np.array([groups.index(name) for name in windows.groups])[windows.group]
            parts[name].append(
                (Rows(windows.label, windows.stretch, file, group), scores(windows, fast, slow))
            )
        trained.append({"fast": fast.contract.training, "slow": slow.contract.training})
    whole = {name: _joined(found) for name, found in parts.items()}
    sets = {name: measure(*found, LABELS, args.rounds) for name, found in whole.items()}
    sets[SET + RESAMPLED]["drop"] = drops(*whole.values(), len(LABELS), args.rounds)
    sets[SET + RESAMPLED]["rates"] = rate_curve(*whole[SET + RESAMPLED], len(LABELS), args.rounds)
    return {
        "labels": list(LABELS),
        "data_sha256": dataset.sha256,
        "folds": args.folds,
        "trained": trained,
        "sets": sets,
        "devices": _devices(*whole[SET], groups),
    }


def _joined(parts: list[tuple[Rows, Scores]]) -> tuple[Rows, Scores]:
    rows, found = zip(*parts, strict=True)
    columns = (np.concatenate([getattr(r, name) for r in rows]) for name in Rows.__dataclass_fields__)
    return Rows(*columns), joined(found)


def _devices(windows: Rows, found: Scores, groups: list[str]) -> list[dict[str, Any]]:
    """Accuracy on the windows of each label of each device, the worst of slow first."""
    rows = []
    for group, label in sorted(set(zip(windows.group.tolist(), windows.label.tolist(), strict=True))):
        of = (windows.group == group) & (windows.label == label)
        right = {m: float(np.mean(getattr(found, m)[of].argmax(axis=1) == label)) for m in MODELS}
        if label < len(LABELS):
            rows.append({"device": groups[group], "label": LABELS[label], "windows": int(of.sum()), **right})
    return sorted(rows, key=lambda row: row["slow"])
