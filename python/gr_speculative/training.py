# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Trains a network on a pool of examples, from its checkpoint if there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from .contract import Contract
from .data import Recording
from .evaluation import Windows
from .metrics import accuracy, balanced_accuracy
from .model import Model, softmax
from .pool import SHARD, Pool, Shard
from .preprocessing import prepare


@dataclass(frozen=True)
class Settings:
    """How to train.

    shards: the length of an epoch; learning_rate: the peak of one cycle; distillation: weight of a
    teacher's soft labels, the rest is on the true ones.
    """

    epochs: int
    shards: int = 40
    batch: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    label_smoothing: float = 0.05
    distillation: float = 0.5
    seed: int = 1


Teacher = Callable[[Shard], np.ndarray]  # soft labels, float32 [M, C], of a shard's examples


def train(
    network: nn.Module,
    contract: Contract,
    pool: Pool,
    windows: Windows,
    settings: Settings,
    checkpoint: Path,
    teacher: Teacher | None = None,
) -> nn.Module:
    """Trains for the inputs of `contract` and returns the exponentially averaged network, in evaluation mode.

    checkpoint: written after each epoch; a later call with the same settings goes on from it.
    """
    torch.manual_seed(settings.seed)
    network = network.to(memory_format=torch.channels_last)  # with bfloat16 half the time of the plain layout
    averaged = AveragedModel(network, multi_avg_fn=_ema, use_buffers=True)
    optimiser = torch.optim.AdamW(
        network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
    )
    steps = settings.epochs * settings.shards * -(-SHARD // settings.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.learning_rate, steps, pct_start=0.2)
    parts = {"network": network, "averaged": averaged, "optimiser": optimiser, "schedule": schedule}
    first = _resume(checkpoint, parts, settings)
    true_loss = nn.CrossEntropyLoss(label_smoothing=settings.label_smoothing)
    soft_labels: dict[int, np.ndarray] = {}
    for epoch in range(first, settings.epochs):
        network.train()
        rng = np.random.default_rng((settings.seed, epoch))
        order = rng.permutation(settings.shards)
        bar = tqdm(
            order, desc=f"epoch {epoch + 1}/{settings.epochs}", unit="shard", disable=None, leave=False
        )
        for at, index in enumerate(bar):
            shard = pool.shard(int(index), int(order[at + 1]) if at + 1 < len(order) else None)
            if teacher and index not in soft_labels:
                soft_labels[index] = teacher(shard)
            rows = rng.permutation(len(shard.label))
            for batch in np.split(rows, range(settings.batch, len(rows), settings.batch)):
                db = shard.db(batch, rng, contract.context)
                inputs = prepare(db, shard.rate[batch], contract.preprocessing)
                with torch.autocast("cpu", dtype=torch.bfloat16):
                    logits = network(*map(torch.from_numpy, inputs))[0].float()
                label = torch.from_numpy(shard.label[batch])
                if logits.ndim > 2:  # of several experts, [B, C, E]
                    label = label[:, None].expand(-1, logits.shape[2])
                value = true_loss(logits, label)
                if teacher:
                    soft = nn.functional.cross_entropy(logits, torch.from_numpy(soft_labels[index][batch]))
                    value = torch.lerp(value, soft, settings.distillation)
                optimiser.zero_grad()
                value.backward()
                nn.utils.clip_grad_norm_(network.parameters(), 5.0)
                optimiser.step()
                schedule.step()
                averaged.update_parameters(network)
            bar.set_postfix(loss=f"{value.item():.3f}")
        _save(checkpoint, parts, settings, epoch + 1)
        guess = windows.outputs(Model(averaged.module, contract))[0].argmax(axis=1)
        plain, balanced = accuracy(guess, windows.label), balanced_accuracy(guess, windows.label)
        tqdm.write(f"epoch {epoch + 1}: held-out accuracy {plain:.3f}, balanced {balanced:.3f}")
    return averaged.module.eval()


def _ema(averaged: list[torch.Tensor], current: list[torch.Tensor], count: torch.Tensor) -> None:
    """The average, over 500 steps in the end, and over fewer before: else a short run keeps what it began with."""
    get_ema_multi_avg_fn(min(0.998, (1 + int(count)) / (10 + int(count))))(averaged, current, count)


def distilled_from(model: Model, seed: int) -> Teacher:
    """A teacher that sees each example's whole context."""

    def teach(shard: Shard) -> np.ndarray:
        rng = np.random.default_rng(seed)
        parts = np.split(np.arange(len(shard.label)), range(100, len(shard.label), 100))
        db = (shard.db(part, rng, model.contract.context) for part in parts)
        logits = [model.outputs(x, shard.rate[part])[0] for x, part in zip(db, parts, strict=True)]
        return softmax(np.concatenate(logits) / np.float32(model.contract.temperature))

    return teach


def outputs_on(model: Model, shards: Iterable[Shard], seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits [n, C], features [n, F] and labels [n] of a model of one vector on the newest vectors of shards."""
    rng = np.random.default_rng(seed)
    found = [
        (*model.outputs(shard.db(rows, rng, 1), shard.rate[rows]), shard.label[rows])
        for shard in shards
        for rows in np.array_split(np.arange(len(shard.label)), 10)  # bounds the memory
    ]
    logits, features, label = map(np.concatenate, zip(*found, strict=True))
    return logits, features, label


def _save(path: Path, parts: dict, settings: Settings, epoch: int) -> None:
    state = {name: part.state_dict() for name, part in parts.items()}
    part = path.with_suffix(".part")
    torch.save({**state, "settings": repr(settings), "epoch": epoch}, part)
    part.replace(path)


def _resume(path: Path, parts: dict, settings: Settings) -> int:
    """The epoch to start with; 0 unless the checkpoint is of these very settings."""
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    if state["settings"] != repr(settings):
        return 0
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return state["epoch"]


def held_out(
    recordings: tuple[Recording, ...], fold: int, folds: int
) -> tuple[list[Recording], list[Recording]]:
    """Splits by device into kept and held out: every `folds`-th group of each label in order of name."""
    groups: dict[str, list[str]] = {}
    for recording in sorted(recordings, key=lambda r: r.group):
        for label in {span.label for span in recording.spans} - {"noise"}:
            names = groups.setdefault(label, [])
            if recording.group not in names:
                names.append(recording.group)
    out = {name for names in groups.values() for name in names[fold::folds]}
    return [r for r in recordings if r.group not in out], [r for r in recordings if r.group in out]
