# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Training examples on disk, in shards made when first asked for, the same under the same seed."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from .augment import Sampler
from .preprocessing import dequantise

SHARD = 1000


@dataclass(frozen=True)
class Shard:
    """M examples as columns (augment.Example): uint8 [M, K, N], float32 [M] twice, int64 [M], float64 [M]."""

    values: np.ndarray
    scale: np.ndarray
    offset: np.ndarray
    label: np.ndarray
    rate: np.ndarray

    def db(self, rows: np.ndarray, rng: np.random.Generator, context: int) -> np.ndarray:
        """dB float32 [rows, context, N] of the newest vectors; dither spreads each value over its step."""
        values = self.values[rows, -context:].astype(np.float32)
        values += rng.random(values.shape, np.float32) - np.float32(0.5)
        return dequantise(values, 1.0, 0.0) * self.scale[rows, None, None] + self.offset[rows, None, None]

    def only(self, keep: np.ndarray) -> Shard:
        """The examples that `keep`, bool [M], names."""
        return Shard(**{name: getattr(self, name)[keep] for name in Shard.__dataclass_fields__})


class Pool:
    """Shards of SHARD examples under `folder`; the next one asked for is made in a second process meanwhile.

    key: whatever the examples depend on (data digest, options): another key, another subfolder `folder`.
    """

    def __init__(self, folder: Path, sampler: Sampler, seed: int, key: str) -> None:
        self.folder = folder / hashlib.sha256(f"{key} {seed}".encode()).hexdigest()[:16]
        self.folder.mkdir(parents=True, exist_ok=True)
        self._sampler, self._seed = sampler, seed
        self._worker = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
        self._pending: dict[int, Future] = {}

    def shard(self, index: int, following: int | None = None) -> Shard:
        """Shard `index`; `following` is prepared in the background."""
        self._prepare(index)
        if following is not None:
            self._prepare(following)
        if index in self._pending:
            self._pending.pop(index).result()
        with np.load(self._path(index)) as file:
            return Shard(**{name: file[name] for name in Shard.__dataclass_fields__})

    def close(self) -> None:
        self._worker.shutdown(cancel_futures=True)

    def _path(self, index: int) -> Path:
        return self.folder / f"{index:05d}.npz"

    def _prepare(self, index: int) -> None:
        if index not in self._pending and not self._path(index).exists():
            self._pending[index] = self._worker.submit(
                _make, self._sampler, self._seed, index, self._path(index)
            )


def _make(sampler: Sampler, seed: int, index: int, path: Path) -> None:
    examples = [sampler.draw(np.random.default_rng((seed, index, i))) for i in range(SHARD)]
    columns = {
        "values": np.stack([e.values for e in examples]),
        "scale": np.array([e.scale for e in examples], np.float32),
        "offset": np.array([e.offset for e in examples], np.float32),
        "label": np.array([e.label for e in examples], np.int64),
        "rate": np.array([e.rate for e in examples]),
    }
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        np.savez(file, **columns)
    part.replace(path)  # whole or not at all: a run that was cut off goes on from here
