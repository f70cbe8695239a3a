# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""How node and hub agree before anything is asked: `hello` from the node, `welcome` from the hub.

A node repeats its hello before its lease runs out; the hub may send a new welcome at any time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gr_speculative import wire
from gr_speculative.wire import Frame, WireError, integer, number, optional, text

HELLO_SCHEMA = "speculative.hello/1"
WELCOME_SCHEMA = "speculative.welcome/1"
MAX_CREDIT = 65_536


@dataclass(frozen=True)
class Hello:
    """Who a node is, and what its slow model has to be. What is not said is not checked."""

    node_id: str
    model: str | None = None  # a slow model's name
    model_sha256: str | None = None
    labels: tuple[str, ...] | None = None  # of the fast model, in its order
    fft_size: int | None = None


@dataclass(frozen=True)
class Welcome:
    """What a node may do. `credit` 0: nothing, and `message` says why."""

    credit: int  # requests that may be unanswered at once
    lease_s: float  # how long the hub remembers a node that says nothing
    model: str | None = None
    model_sha256: str | None = None
    message: str | None = None


def encode_hello(hello: Hello) -> list[bytes]:
    """The frames of a hello. Raises WireError where `decode_hello` would refuse them."""
    return wire.encode({"schema": HELLO_SCHEMA} | _said(hello), b"", read_hello)


def encode_welcome(welcome: Welcome) -> list[bytes]:
    """The frames of a welcome. Raises WireError where `decode_welcome` would refuse them."""
    return wire.encode({"schema": WELCOME_SCHEMA} | _said(welcome), b"", read_welcome)


def decode_hello(frames: Sequence[Frame]) -> Hello:
    """Parses a hello. Raises WireError."""
    return read_hello(*wire.open_frames(frames))


def read_hello(header: dict[str, Any], payload: Frame) -> Hello:
    """As decode_hello, of an opened message."""
    return Hello(**_read(header, payload, HELLO_SCHEMA, _HELLO))


def decode_welcome(frames: Sequence[Frame]) -> Welcome:
    """Parses a welcome. Raises WireError."""
    return read_welcome(*wire.open_frames(frames))


def read_welcome(header: dict[str, Any], payload: Frame) -> Welcome:
    """As decode_welcome, of an opened message."""
    return Welcome(**_read(header, payload, WELCOME_SCHEMA, _WELCOME))


def _said(message: Hello | Welcome) -> dict[str, Any]:
    return {key: value for key, value in asdict(message).items() if value is not None}


def _read(header: dict[str, Any], payload: Frame, schema: str, checks: dict) -> dict[str, Any]:
    wire.expect_schema(header, schema)
    if len(payload):
        raise WireError(f"payload: expected none, found {len(payload)} bytes")
    return wire.read_fields(header, checks)


def _labels(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= wire.MAX_CLASSES:
        raise wire.wrong(key, f"a list of 1 to {wire.MAX_CLASSES} texts", value)
    return tuple(text(key, label) for label in value)


_HELLO = {
    "node_id": text,
    "model": optional(text),
    "model_sha256": optional(text),
    "labels": optional(_labels),
    "fft_size": optional(integer(32, 65_536)),
}
_WELCOME = {
    "credit": integer(0, MAX_CREDIT),
    "lease_s": number(0.01, 86_400),
    "model": optional(text),
    "model_sha256": optional(text),
    "message": optional(text),
}
