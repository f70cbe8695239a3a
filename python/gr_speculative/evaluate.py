# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""`gr-speculative evaluate`: every figure about a pair of models: table, JSON, plots and model card."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from . import rules
from .cascade_predictions import predictions
from .context_curve import context_curve
from .data import UNKNOWN, DataError, Recording, load, summary
from .detection import detection
from .evaluation import Resampled, Windows, resampled
from .fast_model import load_fast_model
from .installed import FLOAT32
from .mixtures import measure_mixtures, mixtures
from .rate_curve import rate_curve
from .report import MergedModel, measure, probabilities, scores, unknown
from .report_text import show_report
from .rule_comparison import compare, markdown
from .slow_model import load_slow_model
from .targets import RESAMPLED, drops


def run(args: argparse.Namespace) -> int:
    """The command. Raises ValueError or OSError with one line that says what is wrong."""
    torch.set_num_threads(args.threads)
    fast, slow = load_fast_model(args.models / "fast.onnx"), load_slow_model(args.models / "slow.safetensors")
    if fast.contract.labels != slow.contract.labels or fast.contract.slow_context != slow.contract.context:
        raise ValueError(f"{args.models}: fast and slow are no pair: their labels or their context differ")
    float32 = args.models / FLOAT32
    plain = {"float32": load_fast_model(float32)} if float32.exists() else {}
    dataset = load(args.data)
    for problem in dataset.problems:
        print(f"warning: {problem}", file=sys.stderr)
    sets = _sets(dataset.recordings, args)
    _name_unknown(dataset.recordings, fast.contract.labels)
    report: dict[str, Any] = {
        "labels": list(fast.contract.labels),
        "data_sha256": dataset.sha256,
        "models": {
            role: {"sha256": model.sha256, "name": model.contract.name, "training": model.contract.training}
            for role, model in (("fast", fast), ("slow", slow))
        },
        "threshold": fast.contract.threshold,
        "splits": _splits(dataset.recordings, fast.contract.labels),
        "sets": {},
        "mixtures": {},
        "folds": _folds(args.folds) if args.folds else {},
    }
    report["rules"], done = {}, {}
    for name, recordings in tqdm(sets.items(), desc="evaluate", unit="set", disable=None, leave=False):
        windows = Windows(recordings, fast.contract.labels)
        if windows.invalid:
            left_out = f"{windows.invalid} labelled windows hold NaN or infinite samples and are left out"
            print(f"warning: {name}: {left_out}", file=sys.stderr)
        if not len(windows.label):
            print(f"warning: {name}: no labelled window", file=sys.stderr)
            continue
        found = scores(windows, fast, slow)
        original = name.removesuffix(RESAMPLED) if isinstance(recordings[0], Resampled) else None
        known = windows.label < len(report["labels"])
        if np.any(known & (windows.label > 0)) or known.all():  # noise beside unknown signals makes no set
            beside = {kind: probabilities(windows, model) for kind, model in plain.items()}
            report["sets"][name] = measure(windows, found, fast.contract.labels, args.rounds, beside)
            if original in report["sets"]:
                pair = done[original], (windows, found)
                report["sets"][name]["drop"] = drops(*pair, len(report["labels"]), args.rounds)
                report["sets"][name]["rates"] = rate_curve(*pair[1], len(report["labels"]), args.rounds)
        if original is not None:
            continue
        if name in report["sets"] and not args.no_contexts:
            report["sets"][name]["contexts"] = context_curve(windows, slow, args.rounds)
        done[name] = windows, found
        pair = predictions(windows, found, fast.contract)
        if len(pair.label):
            benefits = {"benefit, the model's": rules.Benefit.of(fast.contract)}
            report["rules"][name] = compare(pair, benefits, args.rounds)
        if args.no_mixtures:
            continue
        pairs = mixtures(recordings, slow.contract.context, labels=fast.contract.labels)
        if pairs is not None:
            rows = measure_mixtures(pairs, scores(pairs, fast, slow), args.rounds)
            report["mixtures"][name] = rows
    if not done:
        raise DataError(f"{args.data}: no labelled window in {', '.join(sets)}: nothing to measure")
    report["unknown"] = unknown([*done.values()], len(report["labels"]), args.rounds)
    if not args.no_detection:
        report["detection"] = {
            role: {kind: _plain(found) for kind, found in detection(model, 0).items()}
            for role, model in (("fast", fast), ("slow", slow), ("merged", MergedModel(fast, slow)))
        }
    show_report(report)
    _write(report, args)
    for name, compared in report["rules"].items():
        print(f"\n{name}: accuracy of the cascade with a share of the vectors deferred\n{markdown(compared)}")
    return 0


def _splits(recordings: tuple[Recording, ...], labels: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """By split: files, devices, and windows by label."""
    found = {}
    for name in sorted({r.split for r in recordings}):
        part = tuple(r for r in recordings if r.split == name)
        counts = {"files": len(part), "devices": len({r.group for r in part})}
        found[name or "all"] = counts | {"windows": summary(part, labels)}
    return found


def _name_unknown(recordings: tuple[Recording, ...], labels: tuple[str, ...]) -> None:
    """A label that is misspelt would else pass for an unknown signal."""
    names = {span.label for recording in recordings for span in recording.spans} - {*labels, UNKNOWN}
    if names:
        told = f"label {', '.join(sorted(names))}: not among {', '.join(labels)}"
        print(f"warning: {told}: counts as a signal that no label names, as {UNKNOWN} does", file=sys.stderr)


def _sets(recordings: tuple[Recording, ...], args: argparse.Namespace) -> dict[str, list[Recording]]:
    """What to evaluate, by name: each split, and the known part of each at other sample rates."""
    names = args.splits or sorted({r.split for r in recordings} - {"train"})
    sets = {name or "all": [r for r in recordings if r.split == name] for name in names}
    empty = [name for name, part in sets.items() if not part]
    if empty or not sets:
        there = ", ".join(sorted({r.split for r in recordings}))
        raise DataError(
            f"{args.data}: no recording of the split {', '.join(empty) or 'val'}; there are: {there}"
            + ("" if args.splits else " (--splits train measures what may have been trained on)")
        )
    if not args.no_resampled:
        sets |= {f"{name}{RESAMPLED}": resampled(part) for name, part in sets.items()}
    return sets


def _folds(folder: Path) -> dict[str, Any]:
    """What `folds` has written there. Raises DataError."""
    paths = {"devices": folder / "report.json", "classes": folder / "classes.json"}
    found = {name: json.loads(path.read_text("utf-8")) for name, path in paths.items() if path.exists()}
    if not found:
        raise DataError(
            f"{folder}: expected report.json or classes.json, as `gr-speculative folds` writes them"
        )
    return found


def _plain(found: Any) -> dict[str, Any]:
    return {key: np.asarray(value).tolist() for key, value in asdict(found).items()}


def _write(report: dict[str, Any], args: argparse.Namespace) -> None:
    if args.out:
        from .plots import draw  # matplotlib: wanted for plots only

        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        for path in draw(report, args.out):
            print(f"wrote {path}")
    if args.card:
        from .card import model_card

        args.card.write_text(model_card(report), encoding="utf-8")
        print(f"wrote {args.card}")
