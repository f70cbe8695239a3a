# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""`gr-speculative evaluate`: every figure about a pair of models: table, JSON, plots and model card."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from . import rules
from .cascade_predictions import predictions
from .data import DataError, Recording, load
from .detection import detection
from .evaluation import Resampled, Windows, resampled
from .fast_model import load_fast_model
from .mixtures import measure_mixtures, mixtures
from .quantize import FLOAT32
from .report import measure, probabilities, scores, unknown
from .report_text import show_report
from .rule_comparison import compare, markdown
from .slow_model import load_slow_model


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
    report: dict[str, Any] = {
        "labels": list(fast.contract.labels),
        "data_sha256": dataset.sha256,
        "models": {
            role: {"sha256": model.sha256, "name": model.contract.name, "training": model.contract.training}
            for role, model in (("fast", fast), ("slow", slow))
        },
        "threshold": fast.contract.threshold,
        "sets": {},
        "mixtures": {},
    }
    originals = []
    report["rules"] = {}
    for name, recordings in tqdm(sets.items(), desc="evaluate", unit="set", disable=None, leave=False):
        windows = Windows(recordings, fast.contract.labels)
        if not len(windows.label):
            print(f"warning: {name}: no labelled window", file=sys.stderr)
            continue
        found = scores(windows, fast, slow)
        if not isinstance(recordings[0], Resampled):
            originals.append((windows.label, found))
            pair = predictions(windows, found, fast.contract)
            if len(pair.label):
                benefits = {"benefit, the model's": rules.Benefit.of(fast.contract)}
                report["rules"][name] = compare(pair, benefits, args.rounds)
        if np.any((windows.label < len(report["labels"])) & (windows.label > 0)):
            beside = {kind: probabilities(windows, model) for kind, model in plain.items()}
            report["sets"][name] = measure(windows, found, fast.contract.labels, args.rounds, beside)
        if isinstance(recordings[0], Resampled) or args.no_mixtures:
            continue
        pairs = mixtures(recordings, slow.contract.context, labels=fast.contract.labels)
        if pairs is not None:
            rows = measure_mixtures(pairs, scores(pairs, fast, slow), args.rounds)
            report["mixtures"][name] = rows
    report["unknown"] = unknown(originals, len(report["labels"])) if originals else None
    if not args.no_detection:
        report["detection"] = {
            role: {kind: _plain(found) for kind, found in detection(model, 0).items()}
            for role, model in (("fast", fast), ("slow", slow))
        }
    show_report(report)
    _write(report, args)
    for name, compared in report["rules"].items():
        print(f"\n{name}: accuracy of the cascade with a share of the vectors deferred\n{markdown(compared)}")
    return 0


def _sets(recordings: tuple[Recording, ...], args: argparse.Namespace) -> dict[str, list[Recording]]:
    """What to evaluate, by name: each split, and the known part of each at other sample rates."""
    names = args.splits or sorted({r.split for r in recordings} - {"train"})
    sets = {name or "all": [r for r in recordings if r.split == name] for name in names}
    empty = [name for name, part in sets.items() if not part]
    if empty or not sets:
        there = ", ".join(sorted({r.split for r in recordings}))
        raise DataError(
            f"{args.data}: no recording of the split {', '.join(empty) or 'val'}; there are: {there}"
        )
    if not args.no_resampled:
        sets |= {f"{name}-resampled": resampled(part) for name, part in sets.items()}
    return sets


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
