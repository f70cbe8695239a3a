# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""`gr-speculative folds --by class`: is a class that was never trained on seen as unknown?

A fast network is trained without the examples of one class, for each class in turn, on the split `train`. Scores of
unknown signals then compare all signals of that class with the signals of the other classes of validation devices.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from .contract import LABELS, Contract
from .data import Dataset, Recording
from .evaluation import Windows
from .model import Model, softmax
from .models import FastNet
from .pool import Pool, Shard
from .report import energy, roc
from .report_text import show_left_out
from .targets import SCORE
from .train import LEARNING_RATE, examples, split
from .train_command import EPOCHS
from .training import Settings, outputs_on, train
from .unknown import Gaussians, Neighbours, Strangeness, fit_prototypes

SIGNALS = LABELS[1:]


class _Without:
    """The last vectors of a pool's examples, those of one class left out."""

    def __init__(self, pool: Pool, index: int) -> None:
        self._pool, self._index = pool, index

    def shard(self, index: int, following: int | None = None) -> Shard:
        shard = self._pool.shard(index, following)
        return replace(shard, values=shard.values[:, -1:]).only(shard.label != self._index)


def run(dataset: Dataset, args: argparse.Namespace) -> int:
    """Trains, measures, and writes classes.json. Raises DataError."""
    torch.set_num_threads(args.threads)
    kept, validation = split(dataset)
    pool = examples(args, dataset.sha256, kept)
    classes = {}
    try:
        for name in SIGNALS:
            strange = [r for r in (*kept, *validation) if _holds(r, name)]
            familiar = [r for r in validation if not _holds(r, name)]
            if not strange or not any(_holds(r, other) for r in familiar for other in SIGNALS):
                print(
                    f"warning: {name}: no window of it, or none of another class to compare", file=sys.stderr
                )
                continue
            print(f"without {name}")
            network, contract = _trained(name, pool, familiar, args)
            classes[name] = _measured(name, Model(network, contract), pool, strange, familiar, args)
    finally:
        pool.close()
    report = {"data_sha256": dataset.sha256, "shards": args.shards, "classes": classes}
    report["epochs"] = args.epochs or EPOCHS["fast"]
    show_left_out(report)
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "classes.json"
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {path}")
    return 0


def _holds(recording: Recording, name: str) -> bool:
    return any(span.label == name for span in recording.spans)


def _trained(
    name: str, pool: Pool, familiar: Sequence[Recording], args: argparse.Namespace
) -> tuple[nn.Module, Contract]:
    contract = Contract("fast", f"without-{name}")
    settings = Settings(
        args.epochs or EPOCHS["fast"],
        args.shards,
        learning_rate=LEARNING_RATE["fast"],
        distillation=0,
        seed=args.seed,
    )
    torch.manual_seed(args.seed)
    checkpoint = pool.folder / f"without-{name}.pt"
    part = _Without(pool, LABELS.index(name))
    network = train(FastNet(len(LABELS)), contract, part, Windows(familiar), settings, checkpoint)
    return network, contract


def _measured(
    name: str,
    model: Model,
    pool: Pool,
    strange: Sequence[Recording],
    familiar: Sequence[Recording],
    args: argparse.Namespace,
) -> dict[str, Any]:
    """Windows compared and, for each score, the AUROC with its interval and the ROC curve."""
    index = LABELS.index(name)
    part = _Without(pool, index)
    trained, seen, label = outputs_on(model, map(part.shard, range(min(args.shards, 8))), args.seed)
    signals = label > 0  # noise is no signal: what lies near it is not thereby known
    of = {True: Windows(strange), False: Windows(familiar)}
    found = {key: windows.outputs(model) for key, windows in of.items()}
    rows = {True: of[True].label == index, False: (of[False].label > 0) & (of[False].label < len(LABELS))}
    logits, features = (
        np.concatenate([found[key][column][rows[key]] for key in (True, False)]) for column in (0, 1)
    )
    p = softmax(logits)
    known = Strangeness.fit(seen[signals], softmax(trained[signals]), args.seed)
    scores = {
        SCORE: known.score(features, p),
        "distance from the prototypes": known.prototypes.score(features),
        "the same, noise among them": fit_prototypes(seen, seed=args.seed).score(features),
        "distance from the 10th neighbour": Neighbours.fit(seen[signals]).score(features),
        "Mahalanobis": Gaussians.fit(seen[signals], label[signals]).score(features),
        "energy": energy(logits),
        "1 − max p": 1 - p.max(axis=1),
    }
    positive = np.repeat([True, False], [rows[True].sum(), rows[False].sum()])
    file = np.concatenate([of[True].file[rows[True]], len(strange) + of[False].file[rows[False]]])
    return {
        "windows": int(rows[True].sum()),
        "files": int(len(np.unique(file[positive]))),
        "known_windows": int(rows[False].sum()),
        "scores": {title: roc(score, positive, file, args.rounds) for title, score in scores.items()},
    }
