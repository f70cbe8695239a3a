# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Labelled recordings: a folder with manifest.csv and windows.csv, or SigMF recordings with annotations.

What cannot be used is named in `Dataset.problems` and left out; nothing is guessed. A folder with nothing
usable raises DataError. Samples stay on disk and are read in pieces.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .contract import LABELS, Preprocessing
from .preprocessing import to_db, window
from .sigmf_io import RAW_FORMATS, sample_format

UNKNOWN = "ood"  # signals that no label names: never trained on, they score the detection of unknowns
UNSURE = -1
LABEL_WINDOW = 1024  # samples in one window of windows.csv
COLUMNS = {
    "manifest.csv": ("file", "split", "class", "device_group", "datatype", "sample_rate"),
    "windows.csv": ("file", "start_window", "end_window", "label"),
}
DATATYPES = ("cu8", "cs8", "cs16", "cf32")
SIGMF_DATATYPES = {RAW_FORMATS[name]: name for name in DATATYPES}


class DataError(ValueError):
    """The folder holds nothing that can be used, or breaks its format as a whole."""


@dataclass(frozen=True)
class Span:
    """Samples [start, stop) of a recording carry `label`."""

    start: int
    stop: int
    label: str


@dataclass(frozen=True)
class Recording:
    """One recording. `group` is the device, the unit of splits; `name` is the file, the unit of intervals.

    `split` is empty where the source states none (SigMF).
    """

    path: Path
    name: str
    group: str
    split: str
    datatype: str
    sample_rate: float
    samples: int
    spans: tuple[Span, ...]

    def read(self, start: int = 0, count: int | None = None) -> np.ndarray:
        """Samples as complex64, full scale 1; fewer than `count` at the end of the file."""
        layout = sample_format(self.path, RAW_FORMATS[self.datatype])
        count = self.samples - start if count is None else min(count, self.samples - start)
        raw = np.fromfile(self.path, layout.kind, 2 * count, offset=start * layout.sample_bytes)
        return layout.decode(raw)

    def window_labels(self, size: int, labels: tuple[str, ...]) -> np.ndarray:
        """Label index of each whole window of `size` samples, int [samples // size].

        A window inside a span has its label: len(labels) if no label names it. `UNSURE` outside of spans.
        """
        result = np.full(self.samples // size, UNSURE)
        for span in self.spans:
            index = labels.index(span.label) if span.label in labels else len(labels)
            result[-(-span.start // size) : span.stop // size] = index
        return result


@dataclass(frozen=True)
class Dataset:
    """Usable recordings of a folder, what was left out and why, and a digest over names and contents."""

    recordings: tuple[Recording, ...]
    problems: tuple[str, ...]
    sha256: str

    def split(self, *names: str) -> tuple[Recording, ...]:
        return tuple(r for r in self.recordings if r.split in names)


def load(folder: str | Path) -> Dataset:
    """Reads a folder: the recordings' layout if it has a manifest.csv, SigMF otherwise. Raises DataError."""
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(
            f"{folder}: expected a folder with manifest.csv and windows.csv, or with SigMF recordings"
        )
    problems: list[str] = []
    read = _read_manifest if (folder / "manifest.csv").exists() else _read_sigmf
    recordings = tuple(read(folder, problems.append))
    if not recordings:
        reasons = "".join(f"\n  {p}" for p in problems[:10]) or " no manifest.csv, no *.sigmf-meta"
        raise DataError(f"{folder}: no usable recording:{reasons}")
    digest = hashlib.sha256()
    for recording in sorted(recordings, key=lambda r: r.name):
        digest.update(f"{recording.name} {_sha256(recording.path)}\n".encode())
    return Dataset(recordings, tuple(problems), digest.hexdigest())


def spectra(samples: np.ndarray, size: int, constants: Preprocessing) -> np.ndarray:
    """complex64 [n·size or more] -> dB float32 [n, size], DC centred, windowed as the contract says."""
    blocks = samples[: len(samples) // size * size].reshape(-1, size) * window(constants.window, size)
    spectrum = np.fft.fftshift(np.fft.fft(blocks, axis=-1), axes=-1)
    return to_db(spectrum.real**2 + spectrum.imag**2)


def contexts(db: np.ndarray, ends: np.ndarray, context: int) -> np.ndarray:
    """The `context` vectors that end with each of `ends`: dB [n, N] -> [len(ends), context, N].

    Before the start of the recording the first vector is repeated, as at the start of a stream.
    """
    return db[np.maximum(ends[:, None] + np.arange(1 - context, 1), 0)]


def _read_manifest(folder: Path, problem: Callable[[str], None]) -> Iterator[Recording]:
    runs = defaultdict(list)
    for row in _rows(folder / "windows.csv"):
        runs[row["file"]].append(row)
    names = set()
    for row in _rows(folder / "manifest.csv"):
        name = row["file"]
        names.add(name)
        try:
            samples, tail = _length(folder / name, row["datatype"])
            if row.get("sha256") and row["sha256"] != _sha256(folder / name):
                raise DataError("contents differ from the manifest's sha256, so its labels may not fit")
            rate = _rate(row["sample_rate"])
            label, split, group = row["class"], row["split"], row["device_group"] or name
            if not label:
                raise DataError("no class in manifest.csv")
        except (DataError, OSError) as error:
            problem(f"{name}: left out: {error}")
            continue
        if tail:
            problem(f"{name}: {tail} bytes after the last whole sample are ignored")
        spans = []
        for run in runs[name]:
            span = _span(run, label, samples)
            if span is None:
                problem(
                    f"{name}: windows.csv row left out: {run['start_window']}..{run['end_window']} "
                    f"{run['label']!r} (the file has {samples // LABEL_WINDOW} windows)"
                )
            else:
                spans.append(span)
        if not runs[name]:
            problem(f"{name}: no row in windows.csv: nothing of it is labelled")
        yield Recording(folder / name, name, group, split, row["datatype"], rate, samples, tuple(spans))
    for name in runs.keys() - names:
        problem(f"{name}: in windows.csv, but not in manifest.csv")


def _span(run: dict[str, str], label: str, samples: int) -> Span | None:
    try:
        start, stop = int(run["start_window"]), int(run["end_window"])
    except ValueError:
        return None
    if not 0 <= start < stop <= samples // LABEL_WINDOW or run["label"] not in ("signal", "noise"):
        return None
    return Span(start * LABEL_WINDOW, stop * LABEL_WINDOW, "noise" if run["label"] == "noise" else label)


def _read_sigmf(folder: Path, problem: Callable[[str], None]) -> Iterator[Recording]:
    for path in sorted(folder.rglob("*.sigmf-meta")):
        name = str(path.relative_to(folder).with_suffix(".sigmf-data"))
        try:
            meta = json.loads(path.read_text(encoding="utf-8"))
            about, annotations = meta["global"], meta.get("annotations", [])
            datatype = SIGMF_DATATYPES.get(about.get("core:datatype"), str(about.get("core:datatype")))
            samples, tail = _length(folder / name, datatype)
            rate = _rate(about.get("core:sample_rate", ""))
            spans = tuple(_annotation(a, samples, name, problem) for a in annotations if "core:label" in a)
        except (DataError, OSError) as error:
            problem(f"{name}: left out: {error}")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            problem(f"{path.name}: left out: not SigMF metadata ({error!r})")
        else:
            if tail:
                problem(f"{name}: {tail} bytes after the last whole sample are ignored")
            group = str(about.get("core:hw", name))
            spans = tuple(s for s in spans if s)
            yield Recording(folder / name, name, group, "", datatype, rate, samples, spans)


def _annotation(item: dict, samples: int, name: str, problem: Callable[[str], None]) -> Span | None:
    start = int(item["core:sample_start"])
    stop = start + int(item.get("core:sample_count", samples - start))
    if not 0 <= start < stop <= samples:
        problem(f"{name}: annotation left out: samples {start}..{stop} of {samples}")
        return None
    return Span(start, stop, str(item["core:label"]))


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = [c for c in COLUMNS[path.name] if c not in (reader.fieldnames or ())]
            if missing:
                raise DataError(f"{path}: expected the columns {', '.join(missing)}, which are missing")
            return [{k: v or "" for k, v in row.items() if k} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read: {error}") from None


def _length(path: Path, datatype: str) -> tuple[int, int]:
    """Whole samples in a file and bytes left over."""
    if datatype not in DATATYPES:
        raise DataError(f"datatype {datatype!r}: expected one of {', '.join(DATATYPES)}")
    if not path.is_file():
        raise DataError("the file is absent")
    samples, tail = divmod(path.stat().st_size, sample_format(path, RAW_FORMATS[datatype]).sample_bytes)
    if samples < LABEL_WINDOW:
        raise DataError(f"{samples} samples: expected at least {LABEL_WINDOW}")
    return samples, tail


def _rate(value: str | float) -> float:
    try:
        rate = float(value)
    except (TypeError, ValueError):
        rate = math.nan
    if not (math.isfinite(rate) and rate > 0):
        raise DataError(f"sample_rate {value!r}: expected Hz > 0 (the model needs Hz per bin)")
    return rate


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def summary(recordings: tuple[Recording, ...], labels: tuple[str, ...] = LABELS) -> dict[str, int]:
    """Windows per label, for logs and for the check that no class is empty."""
    counts = {name: 0 for name in (*labels, UNKNOWN)}
    for recording in recordings:
        for index in recording.window_labels(LABEL_WINDOW, labels):
            if index != UNSURE:
                counts[(*labels, UNKNOWN)[index]] += 1
    return counts
