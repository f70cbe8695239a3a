#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Accuracy against time: trains fast networks of several sizes on the same examples and times each in C++.

    bench/pareto.py --data DIR --shards 40 --epochs 12

Takes the options of `gr-speculative train`, whose cached examples it reads. No distillation, one seed. Prints a
table and writes build/pareto.json and build/pareto.png. Needs build/bench/bench_engine (./gr-speculative bench
builds it). Networks that an earlier run trained are not trained anew.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from gr_speculative import train_command
from gr_speculative.calibration import fit_temperature
from gr_speculative.contract import LABELS, Contract
from gr_speculative.data import load
from gr_speculative.evaluation import Windows, resampled
from gr_speculative.metrics import accuracy, balanced_accuracy, nll
from gr_speculative.model import Model, softmax
from gr_speculative.models import FastNet
from gr_speculative.onnx_export import export_fast
from gr_speculative.train import LEARNING_RATE, examples, split
from gr_speculative.training import Settings, train

BUILD = Path(__file__).resolve().parents[1] / "build"
# channels of the three convolutions, strongest responses of each filter
SIZES = (
    ((4, 8, 16), 4),
    ((8, 16, 32), 1),
    ((8, 16, 32), 2),
    ((8, 16, 32), 4),
    ((16, 32, 32), 4),
    ((16, 32, 64), 4),
)
ROUNDS = 3
FIGURES = ("accuracy", "balanced", "nll")


def timed(path: Path) -> tuple[float, int]:
    """Nanoseconds a vector of the widest kernels, in batches of 64, on one core; multiplications."""
    core = str(max(os.sched_getaffinity(0)))
    command = ["taskset", "-c", core, BUILD / "bench" / "bench_engine", path]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return min(float(line.split()[4]) for line in lines[2:]), int(lines[0].split()[-2])


def figures(model: Model, windows: Windows) -> dict[str, float]:
    logits, label = windows.outputs(model)[0], windows.label
    p = softmax(logits / model.contract.temperature)
    guess = p.argmax(axis=1)
    values = (accuracy(guess, label), balanced_accuracy(guess, label), nll(p, label))
    return dict(zip(FIGURES, values, strict=True))


def table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| channels | strongest | multiplications | ns a vector | val: accuracy | balanced | NLL "
        "| other rates: accuracy | balanced | NLL |",
        "|---" * 10 + "|",
    ]
    for row in rows:
        found = [f"{row[part][name]:.3f}" for part in ("val", "resampled") for name in FIGURES]
        start = f"| {row['channels']} | {row['strongest']} | {row['macs']:,} | {row['ns']:.0f} | "
        lines.append(start + " | ".join(found) + " |")
    return "\n".join(lines)


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharex=True)
    for axis, name in zip(axes, ("accuracy", "balanced"), strict=True):
        for part, colour in (("val", "#0072b2"), ("resampled", "#d55e00")):
            axis.plot([r["ns"] for r in rows], [r[part][name] for r in rows], "o", color=colour, label=part)
        for number, row in enumerate(rows):
            text = f"{', '.join(map(str, row['channels']))}; {row['strongest']}"
            where = {"xytext": (6, -10 if number % 2 == 0 else 4), "textcoords": "offset points"}
            axis.annotate(text, (row["ns"], row["val"][name]), **where, fontsize=7)
        axis.set(xlabel="ns a vector, C++, one core", ylabel=name)
        axis.margins(x=0.2)
        axis.grid(alpha=0.25)
    axes[0].legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    train_command.add_arguments(parser)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    dataset = load(args.data)
    kept, validation = split(dataset)
    pool = examples(args, dataset.sha256, kept)
    parts = {"val": Windows(validation), "resampled": Windows(resampled(validation))}
    epochs = args.epochs or train_command.EPOCHS["fast"]
    settings = Settings(
        epochs, args.shards, learning_rate=LEARNING_RATE["fast"], distillation=0, seed=args.seed
    )
    rows = []
    for channels, strongest in SIZES:
        name = f"pareto-{'-'.join(map(str, channels))}-{strongest}"
        torch.manual_seed(args.seed)
        network = FastNet(len(LABELS), channels, strongest=strongest)
        contract = Contract("fast", name)
        checkpoint = pool.folder / f"{name}.pt"
        network = train(network, contract, pool, parts["val"], settings, checkpoint)
        logits = parts["val"].outputs(Model(network, contract))[0]
        contract = replace(contract, temperature=fit_temperature(logits, parts["val"].label))
        path = BUILD / f"{name}.onnx"
        export_fast(path, network, contract)
        row = {"channels": list(channels), "strongest": strongest, "path": str(path)}
        rows.append(row | {key: figures(Model(network, contract), part) for key, part in parts.items()})
    pool.close()
    for row in rows * ROUNDS:  # side by side, so that what else the machine does meets all of them
        ns, row["macs"] = timed(Path(row["path"]))
        row["ns"] = min(ns, row.get("ns", ns))
    (BUILD / "pareto.json").write_text(json.dumps(rows, indent=1) + "\n")
    draw(rows, BUILD / "pareto.png")
    print(table(rows))


if __name__ == "__main__":
    main()
