# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Labelled windows of recordings with their context, at the recorded rate or at another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .canvas import band_limited_resample
from .contract import LABELS, Preprocessing
from .data import UNSURE, Recording, contexts, spectra
from .model import Model
from .preprocessing import dequantise, prepare, quantise, to_db
from .presence import LEAST, power_spectra, presence
from .rules import levels

BATCH = 256


class Windows:
    """Every labelled window of some recordings, with its real context.

    label: int [n], len(labels) where no label names it; rate: Hz [n]; stretch: times the recorded rate, float [n];
    file, group: indices into `files` and `groups`, a file being the same at every rate; number: of the window in its
    file; invalid: labelled windows that hold NaN or infinite samples, which are left out, and stand in a context as
    silence.
    """

    def __init__(
        self, recordings: Sequence[Recording], labels: tuple[str, ...] = LABELS, size: int = 1024
    ) -> None:
        constants = Preprocessing()
        self.files = list(dict.fromkeys(r.name for r in recordings))
        self.groups = sorted({r.group for r in recordings})
        self._db, self._ends, label, rate, stretch, file, group = [], [], [], [], [], [], []
        self.invalid = 0
        for recording in recordings:
            found = recording.window_labels(size, labels)
            with np.errstate(invalid="ignore", over="ignore"):
                db = spectra(recording.read(), size, constants)
            valid = np.isfinite(db).all(axis=1)
            db[~valid] = to_db(np.float32(0))
            ends = np.flatnonzero((found != UNSURE) & valid)
            self.invalid += int(np.sum((found != UNSURE) & ~valid))
            self._db.append(db.astype(np.float16))
            self._ends.append(ends)
            label.append(found[ends])
            rate.append(np.full(len(ends), recording.sample_rate))
            stretch.append(np.full(len(ends), recording.stretch))
            file.append(np.full(len(ends), self.files.index(recording.name)))
            group.append(np.full(len(ends), self.groups.index(recording.group)))
        columns = map(np.concatenate, (label, rate, stretch, file, group))
        self.label, self.rate, self.stretch, self.file, self.group = columns
        self.number = np.concatenate(self._ends)

    def levels(self) -> np.ndarray:
        """What the rule `benefit` wants to know of each window, float [n, 2] (rules.levels)."""
        db = (db[ends].astype(np.float32) for db, ends in zip(self._db, self._ends, strict=True))
        return np.concatenate(
            [levels(prepare(x[:, None], np.ones(len(x)), Preprocessing())[0][:, 0]) for x in db]
        )

    def outputs(self, model: Model, context: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Logits and features of a model, float32 [n, C] and [n, F]; contexts go through the wire's uint8.

        context: vectors that the model gets, if fewer than its own.
        """
        context = context or model.contract.context
        found, start = [], 0
        for db, ends in zip(self._db, self._ends, strict=True):
            rate = self.rate[start : start + len(ends)]
            start += len(ends)
            for at in range(0, len(ends), BATCH):
                x = contexts(db, ends[at : at + BATCH], context).astype(np.float32)
                if model.contract.context > 1:
                    x = np.stack([dequantise(*quantise(one)) for one in x])
                found.append(model.outputs(x, rate[at : at + BATCH]))
        logits, features = zip(*found, strict=True)
        return np.concatenate(logits), np.concatenate(features)


@dataclass(frozen=True)
class Resampled(Recording):
    """A recording as a receiver of `sample_rate` would have made it from the file, whose rate is `file_rate`.

    `samples` and `spans` speak of the file.
    """

    file_rate: float = 0.0

    @property
    def stretch(self) -> float:
        return self.sample_rate / self.file_rate

    def read(self, start: int = 0, count: int | None = None) -> np.ndarray:
        return band_limited_resample(super().read(start, count), self.file_rate, self.sample_rate)

    def window_labels(self, size: int, labels: tuple[str, ...]) -> np.ndarray:
        """As Recording's, but half a window of a signal is enough, if it keeps `presence.LEAST` of the power around it:
        a pause inside a message holds no signal.
        """
        ratio = self.stretch
        power = power_spectra(self.read(), size)
        count = len(power)
        result, twice = np.full(count, UNSURE), np.zeros(count, bool)
        noise = [span for span in self.spans if span.label == "noise"]
        quiet = labels.index("noise") if "noise" in labels else len(labels)
        for span in noise:
            result[int(np.ceil(span.start * ratio / size)) : int(span.stop * ratio / size)] = quiet
        silence = power[result != UNSURE]
        for span in self.spans:
            if span in noise:
                continue
            index = labels.index(span.label) if span.label in labels else len(labels)
            start, stop = span.start * ratio / size, span.stop * ratio / size  # in windows
            rows = np.arange(count)
            inside = np.minimum(stop, rows + 1) - np.maximum(start, rows)
            rows = rows[inside >= 0.5]
            if len(rows):
                rows = rows[presence(power[rows], power[rows], silence) >= LEAST]
            twice[rows] |= (result[rows] != UNSURE) & (result[rows] != index)
            result[rows] = index
        result[twice] = UNSURE
        return result


def resampled(recordings: Sequence[Recording], seed: int = 0, draws: int = 4) -> list[Resampled]:
    """Each recording at `draws` other rates, ×0.5 to ×2, one in each of as many steps of equal ratio; the bandwidth
    in Hz stays."""
    rng = np.random.default_rng(seed)
    made = []
    for recording in recordings:
        fields = {name: getattr(recording, name) for name in Recording.__dataclass_fields__}
        for step in range(draws):
            rate = recording.sample_rate * 0.5 * 4 ** ((step + rng.random()) / draws)
            made.append(Resampled(**(fields | {"sample_rate": rate}), file_rate=recording.sample_rate))
    return made
