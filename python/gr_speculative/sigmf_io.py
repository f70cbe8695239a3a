# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Reading recordings, raw, WAV or SigMF, and writing SigMF metadata (https://sigmf.org, version 1.2)."""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from . import __version__
from .wav_io import read_wav_header

_log = logging.getLogger(__name__)

SIGMF_VERSION = "1.2.6"
NAMESPACE = "speculative"  # of our own fields; declared in core:extensions
_EXTENSION = {"name": NAMESPACE, "version": "1.0.0", "optional": True}

# SigMF's names of raw formats and the suffixes that they go by.
RAW_FORMATS = {"cu8": "cu8", "cs8": "ci8", "cs16": "ci16_le", "cf32": "cf32_le", "cfile": "cf32_le"}
# Component type → (numpy type, zero, full scale): a sample is (component − zero) / full scale.
_COMPONENTS = {
    "u8": ("u1", 127.5, 127.5),
    "i8": ("i1", 0.0, 128.0),
    "u16": ("u2", 32767.5, 32767.5),
    "i16": ("i2", 0.0, 32768.0),
    "i32": ("i4", 0.0, 2147483648.0),
    "f32": ("f4", 0.0, 1.0),
    "f64": ("f8", 0.0, 1.0),
}


class RecordingError(ValueError):
    """A recording cannot be used; the message says which, why, and what to do."""


@dataclass(frozen=True)
class Span:
    """Samples [start, stop) carry `label`, from `low` to `high` Hz (absolute); `details`: our own fields."""

    start: int
    stop: int
    label: str
    low: float | None = None
    high: float | None = None
    details: dict = field(default_factory=dict)


@dataclass(frozen=True)
class SampleFormat:
    """How samples lie in a file: a pair of `kind` each; a sample is (component − zero) / full_scale."""

    kind: np.dtype
    zero: float
    full_scale: float

    @property
    def sample_bytes(self) -> int:
        return 2 * self.kind.itemsize

    def decode(self, raw: np.ndarray) -> np.ndarray:
        """Components, I and Q in turn, of any shape -> complex64, full scale 1."""
        parts = (raw.astype(np.float32) - np.float32(self.zero)) / np.float32(self.full_scale)
        return parts.view(np.complex64).ravel()


class Recording:
    """A memory-mapped recording. `open_recording` makes them.

    path: the data file; datatype: SigMF's name, format: what it says; sample_rate (Hz); center_frequency
    (Hz, 0 where unknown); n_samples; header_bytes, trailing_bytes: of the file, before and after the
    samples; first_index: SigMF's index of the first sample (`core:offset`)."""

    def __init__(
        self,
        path: Path,
        datatype: str,
        sample_rate: float,
        center_frequency: float = 0.0,
        *,
        header_bytes: int = 0,
        trailing_bytes: int = 0,
        first_index: int = 0,
        problem: Callable[[str], None] = _log.warning,
    ):
        self.format = sample_format(path, datatype)
        self.path = path
        self.datatype = datatype
        self.sample_rate = _positive(path, sample_rate)
        self.center_frequency = float(center_frequency)
        self.header_bytes, self.trailing_bytes = header_bytes, trailing_bytes
        self.first_index = first_index
        try:
            size = path.stat().st_size - header_bytes - trailing_bytes
            self.n_samples, tail = divmod(max(size, 0), self.format.sample_bytes)
            if self.n_samples == 0:
                raise RecordingError(f"{path}: holds no whole sample of {datatype}")
            if tail:
                problem(f"{path}: the last {tail} bytes are no whole {datatype} sample and are left out")
            self._data = np.memmap(path, self.format.kind, "r", header_bytes, (self.n_samples, 2))
        except OSError as error:
            raise RecordingError(f"{path}: cannot be read: {error.strerror or error}") from None

    def read(self, start: int, count: int) -> np.ndarray:
        """Samples [start, start + count) as complex64, full scale 1; fewer where the recording ends."""
        raw = self._data[max(start, 0) : max(start + count, 0)]
        return self.format.decode(raw)


def open_recording(
    path: str | os.PathLike,
    rate: float | None = None,
    fmt: str | None = None,
    center_frequency: float | None = None,
    problem: Callable[[str], None] = _log.warning,
) -> Recording:
    """Open raw samples (interleaved I, Q; format by suffix or `fmt`: cu8, cs8, cs16, cf32), a WAV of two channels,
    or SigMF (either file). `rate` (Hz) is needed for raw files; `rate` and `center_frequency` (Hz) override what
    the others say. `problem` is told what of it cannot be used.

    Raises RecordingError."""
    path = Path(path)
    if path.name.endswith((".sigmf-meta", ".sigmf-data")) and fmt is None:
        return _open_sigmf(path, rate, center_frequency, problem)
    if not path.is_file():
        raise RecordingError(f"{path}: " + ("is a folder" if path.is_dir() else "no such file"))
    if path.suffix == ".sigmf":
        raise RecordingError(f"{path}: is a SigMF archive: unpack it (tar -xf) and open its .sigmf-meta")
    name = fmt or path.suffix.lstrip(".").lower()
    if name == "wav":
        return _open_wav(path, rate, center_frequency)
    if name not in RAW_FORMATS:
        what = f"unknown format {fmt!r}" if fmt else f"unknown suffix {path.suffix!r}"
        raise RecordingError(f"{path}: {what}: give the format, one of cu8, cs8, cs16, cf32")
    if rate is None:
        raise RecordingError(f"{path}: a raw recording does not tell its sample rate: give it in Hz")
    return Recording(path, RAW_FORMATS[name], rate, center_frequency or 0.0, problem=problem)


def read_meta(path: Path) -> dict:
    """A `.sigmf-meta` file whose global, captures and annotations have the right types. RecordingError."""
    try:
        meta = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecordingError(f"{path}: no such file") from None
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise RecordingError(f"{path}: is not JSON: {error}") from None
    if not isinstance(meta, dict) or not isinstance(meta.get("global"), dict):
        raise RecordingError(f"{path}: is not SigMF metadata: it has no object `global`")
    for section in ("captures", "annotations"):
        items = meta.setdefault(section, [])
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise RecordingError(f"{path}: is not SigMF metadata: `{section}` is not a list of objects")
    return meta


def read_spans(path: str | os.PathLike, problem: Callable[[str], None] = _log.warning) -> list[Span]:
    """The labelled annotations of a `.sigmf-meta` file; indices count from the data file's first sample.

    Those without a whole sample count are left out, and `problem` is told. Raises RecordingError."""
    path = Path(path)
    meta = read_meta(path)
    prefix = NAMESPACE + ":"
    first = _whole(path, meta["global"], "core:offset")
    spans = []
    for item in meta["annotations"]:
        if "core:label" not in item:
            continue
        label = str(item["core:label"])
        try:
            start = int(item["core:sample_start"]) - first
            stop = start + int(item["core:sample_count"])
        except (KeyError, TypeError, ValueError):
            found = ", ".join(f"{k} {item.get(f'core:{k}')!r}" for k in ("sample_start", "sample_count"))
            problem(f"{path}: annotation {label!r} left out: expected whole numbers, found {found}")
            continue
        details = {key.removeprefix(prefix): value for key, value in item.items() if key.startswith(prefix)}
        low, high = item.get("core:freq_lower_edge"), item.get("core:freq_upper_edge")
        spans.append(Span(start, stop, label, low, high, details))
    return spans


def annotation(span: Span, first_index: int = 0) -> dict:
    """A span as a SigMF annotation."""
    item = {
        "core:sample_start": first_index + int(span.start),
        "core:sample_count": int(span.stop - span.start),
        "core:label": span.label,
    }
    if span.low is not None and span.high is not None:
        item["core:freq_lower_edge"], item["core:freq_upper_edge"] = float(span.low), float(span.high)
    return item | {f"{NAMESPACE}:{key}": value for key, value in span.details.items()}


def meta_document(
    datatype: str,
    sample_rate: float,
    center_frequency: float | None,
    annotations: list[dict],
    **extra: object,
) -> dict:
    """A SigMF metadata document of one capture; `extra`: further global fields by their name in `core`."""
    about = {
        "core:datatype": datatype,
        "core:version": SIGMF_VERSION,
        "core:sample_rate": sample_rate,
        "core:recorder": f"gr-speculative {__version__}",
        "core:extensions": [_EXTENSION],
    }
    capture = {"core:sample_start": extra.get("offset", 0)}
    if center_frequency is not None:
        capture["core:frequency"] = center_frequency
    about |= {f"core:{key}": value for key, value in extra.items()}
    return {"global": about, "captures": [capture], "annotations": annotations}


def write_whole(path: Path, text: str) -> None:
    """Replace `path` so that a crash at any moment leaves the old or the new text, whole."""
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _open_sigmf(
    path: Path, rate: float | None, center_frequency: float | None, problem: Callable[[str], None]
) -> Recording:
    meta_path = path.with_name(path.name.removesuffix("-data").removesuffix("-meta") + "-meta")
    meta = read_meta(meta_path)
    about = meta["global"]
    data_path = meta_path.with_name(str(about.get("core:dataset", meta_path.name[: -len("meta")] + "data")))
    if not data_path.is_file():
        raise RecordingError(f"{meta_path}: its data file {data_path.name} is missing")
    if about.get("core:num_channels", 1) != 1:
        raise RecordingError(f"{meta_path}: has {about['core:num_channels']} channels, expected 1")
    rate = about.get("core:sample_rate") if rate is None else rate
    if rate is None:
        raise RecordingError(f"{meta_path}: has no core:sample_rate: give the rate in Hz")
    captures = meta["captures"] or [{}]
    if any(capture.get("core:header_bytes") for capture in captures[1:]):
        raise RecordingError(f"{meta_path}: has headers between captures, which are not supported")
    try:
        frequency = captures[0].get("core:frequency", 0.0) if center_frequency is None else center_frequency
        return Recording(
            data_path,
            str(about.get("core:datatype")),
            rate,
            float(frequency),
            header_bytes=_whole(meta_path, captures[0], "core:header_bytes"),
            trailing_bytes=_whole(meta_path, about, "core:trailing_bytes"),
            first_index=_whole(meta_path, about, "core:offset"),
            problem=problem,
        )
    except TypeError as error:
        raise RecordingError(f"{meta_path}: a field has the wrong type: {error}") from None


def _open_wav(path: Path, rate: float | None, center_frequency: float | None) -> Recording:
    try:
        with path.open("rb") as file:
            wav = read_wav_header(file)
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise RecordingError(f"{path}: {error}") from None
    return Recording(
        path,
        wav.datatype,
        wav.sample_rate if rate is None else rate,
        wav.center_frequency if center_frequency is None else center_frequency,
        header_bytes=wav.start,
        trailing_bytes=path.stat().st_size - wav.stop,
    )


def sample_format(path: Path, datatype: str) -> SampleFormat:
    """Of a SigMF datatype; `path` is for the RecordingError that an unsupported one raises."""
    base, _, order = datatype.partition("_")
    if base[:1] != "c" or base[1:] not in _COMPONENTS or order not in ("", "le", "be"):
        known = ", ".join("c" + name for name in _COMPONENTS)
        raise RecordingError(
            f"{path}: unsupported datatype {datatype!r}: expected one of {known} (_le or _be)"
        )
    kind, zero, full = _COMPONENTS[base[1:]]
    return SampleFormat(np.dtype(kind).newbyteorder(">" if order == "be" else "<"), zero, full)


def _whole(path: Path, fields: dict, key: str) -> int:
    value = fields.get(key, 0)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise RecordingError(f"{path}: {key} is {value!r}: expected a whole number from 0")
    return value


def _positive(path: Path, rate: float) -> float:
    try:
        rate = float(rate)
    except (TypeError, ValueError):
        raise RecordingError(f"{path}: sample rate {rate!r}: expected a number of Hz") from None
    if not (math.isfinite(rate) and rate > 0):
        raise RecordingError(f"{path}: sample rate {rate:g} Hz: expected a number above 0")
    return rate
