# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The wire between node and hub (docs/protocol.md): three frames, `version | JSON header | raw payload`.

Nothing that arrives is trusted: lengths are checked before anything is parsed or viewed, every field has a
type and a range, unknown fields are ignored, and whatever is wrong raises WireError and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

VERSION = b"GRSPEC\0\1"
REQUEST_SCHEMA = "speculative.deferred/1"
VERDICT_SCHEMA = "speculative.verdict/1"
STATUSES = ("ok", "busy", "expired", "error", "unreachable")

MAX_HEADER = 65_536  # bytes
MAX_PAYLOAD = 1 << 22  # bytes, 64 vectors of 65,536
MAX_CLASSES = 4096
MAX_TEXT = 512  # characters of any one text field
MAX_INTEGER = 1 << 53  # JSON numbers are exact up to here

MAX_HEADS = 8
MAX_OUTPUTS = 16  # of a head
MAX_LIST = 64  # items of an output that is a list
_SESSION = re.compile("[0-9a-fA-F]{16}")
HEAD_NAME = re.compile("[a-z][a-z0-9_]{0,31}")

Frame = bytes | memoryview
HeadAnswer = dict[str, float | str | list]  # output: a finite number, a text, or a list of them


class WireError(ValueError):
    """A message breaks the protocol; the text names the field and what was expected.

    `identity` is (session, seq) where both could be read, so that the sender can be told; otherwise None.
    """

    identity: tuple[int, int] | None = None


@dataclass(frozen=True, eq=False)
class Request:
    """A deferred vector with its context. `levels` is uint8 [vectors, fft_size], oldest vector first."""

    session: int  # 0..2**64-1
    seq: int  # 0..2**53
    levels: np.ndarray
    db_scale: float  # dB = db_offset + db_scale · level
    db_offset: float
    sample_rate: float  # Hz
    deadline_ms: float  # time left for the answer
    fast_label: str
    fast_confidence: float  # 0..1
    node_id: str
    offset: int = 0  # index of the deferred vector in its stream
    center_frequency: float = 0.0  # Hz

    def decibels(self, context: int) -> np.ndarray:
        """The last `context` vectors in dB, float32 [context, fft_size]; too few: the oldest is repeated."""
        index = np.maximum(np.arange(-context, 0) + len(self.levels), 0)
        db = self.levels[index].astype(np.float32)
        db *= np.float32(self.db_scale)
        db += np.float32(self.db_offset)
        return db


@dataclass(frozen=True, eq=False)
class Verdict:
    """The slow side's answer. `scores` is float32 [classes], empty unless `status` is `ok`."""

    session: int
    seq: int
    status: str  # one of STATUSES
    scores: np.ndarray = field(default_factory=lambda: np.empty(0, np.float32))
    model: str | None = None
    model_sha256: str | None = None
    elapsed_ms: float | None = None  # time inside the slow side
    message: str | None = None  # what went wrong
    heads: dict[str, HeadAnswer] | None = None  # further answers, by head


def encode_request(request: Request) -> list[bytes]:
    """The frames of a request. Raises WireError where `decode_request` would refuse them."""
    levels = request.levels
    if levels.dtype != np.uint8 or levels.ndim != 2:
        raise WireError(f"levels: expected uint8 [vectors, fft_size], found {levels.dtype} {levels.shape}")
    header = {key: getattr(request, key) for key in _REQUEST if hasattr(request, key)}
    header |= {"schema": REQUEST_SCHEMA, "session": f"{request.session:016x}"}
    header |= {"vectors": levels.shape[0], "fft_size": levels.shape[1]}
    return encode(header, levels.tobytes(), read_request)


def encode_verdict(verdict: Verdict) -> list[bytes]:
    """The frames of a verdict. Raises WireError where `decode_verdict` would refuse them."""
    header = {key: getattr(verdict, key) for key in _VERDICT if getattr(verdict, key, None) is not None}
    header |= {"schema": VERDICT_SCHEMA, "session": f"{verdict.session:016x}"}
    return encode(header, np.asarray(verdict.scores, "<f4").tobytes(), read_verdict)


def decode_request(frames: Sequence[Frame]) -> Request:
    """Parses a request; `levels` is a read-only view of the payload frame. Raises WireError."""
    return read_request(*open_frames(frames))


def read_request(header: dict[str, Any], payload: Frame) -> Request:
    """As decode_request, of an opened message."""
    try:
        expect_schema(header, REQUEST_SCHEMA)
        fields = read_fields(header, _REQUEST)
        shape = fields.pop("vectors"), fields.pop("fft_size")
        if len(payload) != shape[0] * shape[1]:
            raise WireError(f"payload: expected {shape[0]} x {shape[1]} bytes, found {len(payload)}")
    except WireError as error:
        _identify(error, header)
        raise
    return Request(levels=np.frombuffer(payload, np.uint8).reshape(shape), **fields)


def decode_verdict(frames: Sequence[Frame]) -> Verdict:
    """Parses a verdict; `scores` is a read-only view of the payload frame. Raises WireError."""
    return read_verdict(*open_frames(frames))


def read_verdict(header: dict[str, Any], payload: Frame) -> Verdict:
    """As decode_verdict, of an opened message."""
    try:
        expect_schema(header, VERDICT_SCHEMA)
        fields = read_fields(header, _VERDICT)
        low, high = (4, 4 * MAX_CLASSES) if fields["status"] == "ok" else (0, 0)
        if len(payload) % 4 or not low <= len(payload) <= high:
            expected = f"{low} to {high} bytes of float32 with status {fields['status']!r}"
            raise WireError(f"payload: expected {expected}, found {len(payload)} bytes")
        scores = np.frombuffer(payload, "<f4")
        if not ((scores >= 0) & (scores <= 1)).all():
            raise WireError("payload: expected probabilities from 0 to 1")
    except WireError as error:
        _identify(error, header)
        raise
    return Verdict(scores=scores, **fields)


def printable(text: object) -> str:
    """`text` made fit for a text field: unprintable characters become spaces, what is too long is cut."""
    return "".join(c if c.isprintable() else " " for c in str(text))[:MAX_TEXT]


def encode(
    header: dict[str, Any], payload: bytes, read: Callable[[dict[str, Any], Frame], object]
) -> list[bytes]:
    """The frames of a message, which its reader must accept: one set of rules. Raises WireError."""
    try:
        text = _JSON.encode(header).encode()
    except (TypeError, ValueError) as error:
        raise WireError(f"header: {error}") from None
    _check_lengths(text, payload)
    read(header, payload)
    return [VERSION, text, payload]


def open_frames(frames: Sequence[Frame]) -> tuple[dict[str, Any], Frame]:
    """Header and payload of a message of any kind; its fields are not checked yet. Raises WireError."""
    if len(frames) != 3:
        raise WireError(f"message: expected 3 frames (version, header, payload), found {len(frames)}")
    version, text, payload = frames
    if len(version) != len(VERSION) or bytes(version) != VERSION:
        raise WireError(f"version: expected {VERSION!r}, found {bytes(version[:16])!r}")
    _check_lengths(text, payload)
    header = read_json("header", text)
    if not isinstance(header, dict):
        raise WireError(f"header: expected a JSON object, found {_show(header)}")
    return header, payload


def _check_lengths(text: Frame, payload: Frame) -> None:
    for name, frame, most in (("header", text, MAX_HEADER), ("payload", payload, MAX_PAYLOAD)):
        if len(frame) > most:
            raise WireError(f"{name}: expected at most {most} bytes, found {len(frame)}")


def read_json(what: str, text: Frame) -> Any:
    """Parses JSON of a frame. Raises WireError and nothing else."""
    try:
        return _PARSER.decode(str(text, "utf-8"))
    except (ValueError, RecursionError) as error:  # RecursionError: brackets nested by the thousand
        raise WireError(f"{what}: not JSON: {error}") from None


def expect_schema(header: dict[str, Any], schema: str) -> None:
    """Raises WireError if the message is of another kind."""
    if header.get("schema") != schema:
        raise WireError(f"schema: expected {schema!r}, found {_show(header.get('schema'))}")


def read_fields(values: dict[str, Any], checks: dict[str, Callable[[str, Any], Any]]) -> dict[str, Any]:
    """What `checks` name of `values`, checked; the rest is ignored. Raises WireError."""
    return {key: check(key, values.get(key)) for key, check in checks.items()}


def _identify(error: WireError, header: dict[str, Any]) -> None:
    """Gives an error the identity that `header` states."""
    with suppress(WireError):
        error.identity = session("session", header.get("session")), _COUNT("seq", header.get("seq"))


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


_JSON = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
_PARSER = json.JSONDecoder(parse_constant=_refuse_constant)


def _show(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."


def wrong(key: str, expected: str, value: Any) -> WireError:
    return WireError(f"{key}: expected {expected}, found {'nothing' if value is None else _show(value)}")


def session(key: str, value: Any) -> int:
    """Checks a field: 16 hexadecimal digits, the number of a run."""
    if not isinstance(value, str) or not _SESSION.fullmatch(value):
        raise wrong(key, "16 hexadecimal digits", value)
    return int(value, 16)


def integer(low: int, high: int) -> Callable[[str, Any], int]:
    """A check of a field: an integer from low to high."""

    def check(key: str, value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise wrong(key, f"an integer from {low} to {high}", value)
        return value

    return check


def number(low: float, high: float) -> Callable[[str, Any], float]:
    """A check of a field: a finite number from low to high."""

    def check(key: str, value: Any) -> float:
        if type(value) not in (int, float) or not low <= value <= high:
            raise wrong(key, f"a number from {low:g} to {high:g}", value)
        return float(value)

    return check


def text(key: str, value: Any) -> str:
    """Checks a field: a printable text of at most MAX_TEXT characters."""
    if not isinstance(value, str) or len(value) > MAX_TEXT or not value.isprintable():
        raise wrong(key, f"a printable text of at most {MAX_TEXT} characters", value)
    return value


def _status(key: str, value: Any) -> str:
    if value not in STATUSES:
        raise wrong(key, "one of " + ", ".join(STATUSES), value)
    return value


def check_heads(key: str, value: Any) -> dict[str, HeadAnswer]:
    """Checks a field: answers of heads, {head: {output: number, text, or list of them}}."""
    if not isinstance(value, dict) or len(value) > MAX_HEADS:
        raise wrong(key, f"an object of at most {MAX_HEADS} heads", value)
    for head, answer in value.items():
        where = f"{key}.{head}"[:80]
        if not HEAD_NAME.fullmatch(head) or not isinstance(answer, dict) or len(answer) > MAX_OUTPUTS:
            raise wrong(where, f"a name of a-z, 0-9 and _, and at most {MAX_OUTPUTS} outputs", answer)
        for output, item in answer.items():
            items = item if isinstance(item, list) else [item]
            if not HEAD_NAME.fullmatch(output) or len(items) > MAX_LIST or not all(map(_is_plain, items)):
                expected = f"a finite number, a printable text, or a list of at most {MAX_LIST} of them"
                raise wrong(f"{where}.{output}"[:120], expected, item)
    return value


def _is_plain(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= MAX_TEXT and value.isprintable()
    return type(value) in (int, float) and abs(value) <= 1e300  # neither NaN nor infinite


def optional(check: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    """A check that lets a missing field pass, as None."""
    return lambda key, value: None if value is None else check(key, value)


_COUNT = integer(0, MAX_INTEGER)

_REQUEST: dict[str, Callable[[str, Any], Any]] = {
    "session": session,
    "seq": _COUNT,
    "offset": _COUNT,
    "vectors": integer(1, 4096),
    "fft_size": integer(32, 65_536),
    "db_scale": number(0, 1e3),
    "db_offset": number(-1e4, 1e4),
    "sample_rate": number(1e-3, 1e12),
    "center_frequency": number(-1e15, 1e15),
    "deadline_ms": number(0, 3.6e6),
    "fast_label": text,
    "fast_confidence": number(0, 1),
    "node_id": text,
}

_VERDICT: dict[str, Callable[[str, Any], Any]] = {
    "session": session,
    "seq": _COUNT,
    "status": _status,
    "model": optional(text),
    "model_sha256": optional(text),
    "elapsed_ms": optional(number(0, 1e12)),
    "message": optional(text),
    "heads": optional(check_heads),
}
