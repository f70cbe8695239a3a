# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""`gr-speculative train`: from labelled recordings to fast.onnx, slow.safetensors and slow.json."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .augment import VERSION, Sampler
from .calibration import disagreement, fit_merge, fit_temperature, merge
from .contract import LABELS, Contract, Merge
from .data import DataError, Dataset, Recording, load, summary
from .evaluation import Windows
from .fast_model import load_fast_model
from .installed import FLOAT32
from .metrics import accuracy, balanced_accuracy, margin, nll
from .model import Model, softmax
from .models import FastNet, SlowNet
from .onnx_export import export_fast
from .pool import Pool
from .quantize import quantize
from .report import probabilities
from .rules import is_accepted
from .slow_model import load_slow_model, save_slow_model
from .train_command import EPOCHS
from .training import Settings, distilled_from, held_out, outputs_on, train
from .unknown import Strangeness

# Share of the validation windows that the fast model answers alone, until `calibrate` sets a threshold with a promise.
KEPT = 0.8
LEARNING_RATE = {"fast": 4e-3, "slow": 2e-3}


def run(args: argparse.Namespace) -> int:
    """The command. Raises ValueError or OSError with one line that says what is wrong."""
    dataset = load(args.data)
    for problem in dataset.problems:
        print(f"warning: {problem}", file=sys.stderr)
    train_pair(dataset, args)
    return 0


def train_pair(dataset: Dataset, args: argparse.Namespace) -> None:
    """Trains on the split `train`, calibrates on `val`, or without them on fifths of the devices; fills `args.out`."""
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    kept, validation = split(dataset)
    args.out.mkdir(parents=True, exist_ok=True)
    job = _Job.prepare(args, dataset.sha256, kept, validation)
    try:
        if args.model != "fast":
            job.train_slow()
        if args.model != "slow":
            job.train_fast()
    finally:
        job.pool.close()


def examples(args: argparse.Namespace, sha256: str, kept: Sequence[Recording]) -> Pool:
    """The examples of these recordings under the options of `train`; sha256: of the data set. To be closed."""
    groups = sorted({recording.group for recording in kept})
    sampler = Sampler(kept, args.context, synthetic=args.synthetic)
    return Pool(args.cache, sampler, args.seed, f"{VERSION} {sha256} {groups} {_options(args)}")


def _options(args: argparse.Namespace) -> str:
    return f"--context {args.context} --synthetic {args.synthetic:g} --seed {args.seed}"


@dataclass
class _Job:
    args: argparse.Namespace
    record: dict[str, Any]
    pool: Pool
    windows: Windows

    @staticmethod
    def prepare(
        args: argparse.Namespace, sha256: str, kept: Sequence[Recording], validation: Sequence[Recording]
    ) -> _Job:
        command = f"gr-speculative train --model {args.model} --shards {args.shards} {_options(args)}"
        command += f" --distillation {args.distillation:g}" + (
            f" --epochs {args.epochs}" if args.epochs else ""
        )
        command += " --quantize" if args.quantize else ""
        record = {"data_sha256": sha256, "seed": args.seed, "command": command}
        pool = examples(args, sha256, kept)
        return _Job(args, record, pool, Windows(validation))

    def train_slow(self) -> None:
        architecture = {"class": "SlowNet", "arguments": {"labels": len(LABELS)}}
        contract = Contract("slow", "slow-1", context=self.args.context, architecture=architecture)
        settings = self._settings("slow")
        network = SlowNet(len(LABELS))
        network = train(network, contract, self.pool, self.windows, settings, self.pool.folder / "slow.pt")
        contract = self._calibrated(Model(network, contract), settings)
        save_slow_model(self._slow_path, network, contract)
        self._report("slow", probabilities(self.windows, load_slow_model(self._slow_path, self.args.threads)))

    def train_fast(self) -> None:
        slow = load_slow_model(self._slow_path, self.args.threads)
        contract = Contract("fast", "fast-1", slow_context=slow.contract.context)
        settings = self._settings("fast")
        teacher = distilled_from(slow, self.args.seed) if self.args.distillation > 0 else None
        network = FastNet(len(LABELS))
        checkpoint = self.pool.folder / "fast.pt"
        network = train(network, contract, self.pool, self.windows, settings, checkpoint, teacher)
        contract = self._calibrated(Model(network, contract), settings)
        p, q = probabilities(self.windows, Model(network, contract)), probabilities(self.windows, slow)
        weights = fit_merge(p, q, self.windows.label)
        calibration = contract.calibration | {
            "unknown": self._unknown(Model(network, contract)),
            "kept": KEPT,
        }
        score = margin(p)
        threshold = float(np.quantile(score, 1 - KEPT))
        differs = p.argmax(axis=1) != q.argmax(axis=1)
        contract = replace(
            contract,
            merge=Merge("log_linear", *weights),
            threshold=threshold,
            disagreement=disagreement(is_accepted(score, threshold), differs, self.windows.file),
            calibration=calibration,
        )
        path = self.args.out / "fast.onnx"
        if self.args.quantize:
            export_fast(self.args.out / FLOAT32, network, contract)
            shard = self.pool.shard(0)
            examples = shard.db(np.arange(len(shard.rate)), np.random.default_rng(self.args.seed), 1)
            quantize(self.args.out / FLOAT32, path, examples, shard.rate)
        else:
            export_fast(path, network, contract)
        self._report("fast", probabilities(self.windows, load_fast_model(path)))
        self._report("merged", merge(p, q, *weights))

    @property
    def _slow_path(self) -> Path:
        return self.args.out / "slow.safetensors"

    def _settings(self, role: str) -> Settings:
        epochs = self.args.epochs or EPOCHS[role]
        rate, distillation = LEARNING_RATE[role], self.args.distillation
        return Settings(
            epochs, self.args.shards, learning_rate=rate, distillation=distillation, seed=self.args.seed
        )

    def _calibrated(self, model: Model, settings: Settings) -> Contract:
        logits, _ = self.windows.outputs(model)
        temperature = fit_temperature(logits, self.windows.label)
        calibration = {"windows": len(self.windows.label), "files": len(self.windows.files), "split": "val"}
        training = self.record | {"settings": asdict(settings)}
        return replace(model.contract, temperature=temperature, calibration=calibration, training=training)

    def _unknown(self, model: Model) -> dict[str, Any]:
        """The score of unknown signals; its threshold is what 5 % of the signals of validation exceed.

        Prototypes are of signals: what lies near noise is not thereby known.
        """
        shards = map(self.pool.shard, range(min(self.args.shards, 8)))
        signals = (shard.only(shard.label > 0) for shard in shards)
        logits, features, _ = outputs_on(model, signals, self.args.seed)
        temperature = np.float32(model.contract.temperature)
        known = Strangeness.fit(features, softmax(logits / temperature), self.args.seed)
        logits, features = self.windows.outputs(model)
        score = known.score(features, softmax(logits / temperature))[self.windows.label > 0]
        return {"threshold": float(np.quantile(score, 0.95))} | known.to_dict()

    def _report(self, name: str, p: np.ndarray) -> None:
        label = self.windows.label
        guess = p.argmax(axis=1)
        print(
            f"{name:6}  accuracy {accuracy(guess, label):.3f}  balanced {balanced_accuracy(guess, label):.3f}"
            f"  NLL {nll(p, label):.3f}"
        )
        for index, title in enumerate(LABELS):
            of = label == index
            if of.any():
                print(f"        {title:10} {np.mean(guess[of] == index):.3f} of {of.sum()}")


def split(dataset: Dataset) -> tuple[tuple[Recording, ...], tuple[Recording, ...]]:
    """Training and validation recordings: as the manifest says, else every fifth device is held out."""
    kept, validation = dataset.split("train"), dataset.split("val")
    if not kept or not validation:
        kept, validation = held_out(dataset.split("train", "val", ""), fold=0, folds=5)
    for name, part in (("training", kept), ("validation", validation)):
        counts = summary(part)
        if not any(counts[label] for label in LABELS):
            raise DataError(f"no labelled window for {name}: expected labels among {', '.join(LABELS)}")
        empty = [label for label in LABELS if not counts[label]]
        if empty:
            what = "synthetic examples only" if name == "training" else "its accuracy stays unknown"
            print(f"warning: no {name} window of {', '.join(empty)}: {what}", file=sys.stderr)
    return kept, validation
