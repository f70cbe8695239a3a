# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Labelled recordings: a folder with manifest.csv and windows.csv, or SigMF recordings with annotations.

What cannot be used is named in `Dataset.problems` and left out; nothing is guessed. A folder with nothing
usable raises DataError. Samples stay on disk and are read in pieces.
"""

from __future__ import annotations

import csv
import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from .contract import LABELS, Preprocessing
from .preprocessing import to_db, window
from .sigmf_io import Recording as Source
from .sigmf_io import SampleFormat, Span, open_recording, read_meta, read_spans

UNKNOWN = "ood"  # signals that no label names: never trained on, they score the detection of unknowns
UNSURE = -1
LABEL_WINDOW = 1024  # samples in one window of windows.csv
COLUMNS = {
    "manifest.csv": ("file", "split", "class", "device_group", "datatype", "sample_rate"),
    "windows.csv": ("file", "start_window", "end_window", "label"),
}


class DataError(ValueError):
    """The folder holds nothing that can be used, or breaks its format as a whole."""


@dataclass(frozen=True)
class Recording:
    """One recording. `group` is the device, the unit of splits; `name` is the file, the unit of intervals.

    `split` is empty where the source states none (SigMF). The first of `samples` lies at `first_byte`. The
    file is open only while it is read: a folder may hold more recordings than a process may open.
    """

    path: Path
    name: str
    group: str
    split: str
    format: SampleFormat
    first_byte: int
    sample_rate: float
    samples: int
    spans: tuple[Span, ...]

    @property
    def stretch(self) -> float:
        """Times the recorded rate at which it is read."""
        return 1.0

    def read(self, start: int = 0, count: int | None = None) -> np.ndarray:
        """Samples as complex64, full scale 1; fewer than `count` at the end of the file."""
        count = self.samples - start if count is None else min(count, self.samples - start)
        at = self.first_byte + start * self.format.sample_bytes
        return self.format.decode(np.fromfile(self.path, self.format.kind, 2 * count, offset=at))

    def window_labels(self, size: int, labels: tuple[str, ...]) -> np.ndarray:
        """Label index of each whole window of `size` samples, int [samples // size].

        A window inside a span has its label: len(labels) if no label names it. `UNSURE` outside of spans, and
        inside two of different labels.
        """
        result = np.full(self.samples // size, UNSURE)
        twice = np.zeros(len(result), bool)
        for span in self.spans:
            index = labels.index(span.label) if span.label in labels else len(labels)
            rows = slice(-(-span.start // size), span.stop // size)
            twice[rows] |= (result[rows] != UNSURE) & (result[rows] != index)
            result[rows] = index
        result[twice] = UNSURE
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
        nothing = (
            " no manifest.csv, no *.sigmf-meta" if read is _read_sigmf else " manifest.csv lists no file"
        )
        reasons = "".join(f"\n  {p}" for p in problems[:10]) or nothing
        raise DataError(f"{folder}: no usable recording:{reasons}")
    digest = hashlib.sha256()
    for recording in sorted(recordings, key=lambda r: r.name):
        digest.update(f"{recording.name} {_sha256(recording.path)}\n".encode())
    return Dataset(recordings, tuple(problems), digest.hexdigest())


def frames_of(samples: np.ndarray, size: int) -> np.ndarray:
    """The whole frames of `size` samples: [n] -> [n // size, size]."""
    return samples[: len(samples) // size * size].reshape(-1, size)


def spectra(samples: np.ndarray, size: int, constants: Preprocessing) -> np.ndarray:
    """complex64 [n·size or more] -> dB float32 [n, size], DC centred, windowed as the contract says."""
    blocks = frames_of(samples, size) * window(constants.window, size)
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
    names, read = set(), set()
    for row in _rows(folder / "manifest.csv"):
        name, path = row["file"], folder / row["file"]
        names.add(name)
        try:
            source = open_recording(path, row["sample_rate"] or None, row["datatype"], problem=problem)
            if row.get("sha256") and row["sha256"] != _sha256(path):
                raise DataError(f"{path}: contents differ from the manifest's sha256: its labels may not fit")
            if not row["class"]:
                raise DataError(f"{path}: has no class in manifest.csv")
            if name in read:
                raise DataError(f"{path}: is in manifest.csv twice: its first row counts")
            spans = _runs(runs[name], row["class"], path, source.n_samples, problem)
            _tell_overlaps(path, spans, problem)
            read.add(name)
            yield _recording(source, name, row["device_group"], row["split"], spans)
        except (ValueError, OSError) as error:
            problem(f"left out: {error}")
    for name in runs.keys() - names:
        problem(f"{name}: in windows.csv, but not in manifest.csv")


def _runs(
    rows: list[dict[str, str]], label: str, path: Path, samples: int, problem: Callable[[str], None]
) -> list[Span]:
    """Rows of windows.csv as spans of samples."""
    spans, windows = [], samples // LABEL_WINDOW
    if not rows:
        problem(f"{path}: no row in windows.csv: nothing of it is labelled")
    for row in rows:
        kind, first, last = (row[key] for key in ("label", "start_window", "end_window"))
        try:
            start, stop = int(first), int(last)
        except ValueError:
            start, stop = 0, 0
        if 0 <= start < stop <= windows and kind in ("signal", "noise"):
            name = "noise" if kind == "noise" else label
            spans.append(Span(start * LABEL_WINDOW, stop * LABEL_WINDOW, name))
        else:
            said = f"row of windows.csv left out: {first}..{last} {kind!r}"
            problem(f"{path}: {said} (the file has {windows} windows)")
    return spans


def _read_sigmf(folder: Path, problem: Callable[[str], None]) -> Iterator[Recording]:
    for path in sorted(folder.rglob("*.sigmf-meta")):
        name = str(path.relative_to(folder).with_suffix(".sigmf-data"))
        try:
            source = open_recording(path, problem=problem)
            spans = []
            for span in read_spans(path, problem):
                if 0 <= span.start < span.stop <= source.n_samples:
                    spans.append(span)
                else:
                    said = f"samples {span.start}..{span.stop} of {source.n_samples}"
                    problem(f"{path}: annotation {span.label!r} left out: {said}")
            _tell_overlaps(path, spans, problem)
            meta = read_meta(path)
            starts = (int(capture.get("core:sample_start", 0)) for capture in meta["captures"])
            spans = _cut(spans, {start - source.first_index for start in starts})
            yield _recording(source, name, str(meta["global"].get("core:hw", "")), "", spans)
        except (ValueError, TypeError, OSError) as error:
            problem(f"left out: {error}" if str(path) in str(error) else f"{path}: left out: {error}")


def _tell_overlaps(path: Path, spans: Iterable[Span], problem: Callable[[str], None]) -> None:
    last: Span | None = None  # of those so far, the one that ends last
    for span in sorted(spans, key=lambda s: s.start):
        if last and span.start < last.stop and span.label != last.label:
            where = f"from sample {span.start} {span.label!r} overlaps {last.label!r}"
            problem(f"{path}: {where}: a window inside both has no label")
        if not last or span.stop > last.stop:
            last = span


def _cut(spans: Iterable[Span], at: set[int]) -> list[Span]:
    """Spans without a part on both sides of a cut: a window across a retune belongs to no label."""
    pieces = []
    for span in spans:
        edges = [span.start, *sorted(cut for cut in at if span.start < cut < span.stop), span.stop]
        pieces += [replace(span, start=a, stop=b) for a, b in pairwise(edges)]
    return pieces


def _recording(source: Source, name: str, group: str, split: str, spans: list[Span]) -> Recording:
    if source.n_samples < LABEL_WINDOW:
        raise DataError(f"{source.path}: {source.n_samples} samples: expected at least {LABEL_WINDOW}")
    return Recording(
        source.path,
        name,
        group or name,
        split,
        source.format,
        source.header_bytes,
        source.sample_rate,
        source.n_samples,
        tuple(spans),
    )


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        raise DataError(
            f"{path}: is not there: expected a table of the columns {', '.join(COLUMNS[path.name])}"
        )
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = [c for c in COLUMNS[path.name] if c not in (reader.fieldnames or ())]
            if missing:
                raise DataError(f"{path}: expected the columns {', '.join(missing)}, which are missing")
            return [{k: v or "" for k, v in row.items() if k} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read: {error}") from None


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
