# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""What a node tells the hub of its own results and counters: `report`, which is never answered."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gr_speculative import wire
from gr_speculative.wire import Frame, WireError, integer, number, optional, text

REPORT_SCHEMA = "speculative.report/1"
MAX_REPORT = 65_536  # bytes of JSON
MAX_RECORDS = 1000
STATUSES = ("provisional", "final", "revised")


@dataclass(frozen=True)
class Report:
    """`results`: as on the port `results`, without scores. `telemetry`: numbers by name, or None."""

    node_id: str
    session: int  # of this run, 0..2**64-1: offsets count from its start
    results: list[dict[str, Any]]
    telemetry: dict[str, float] | None = None
    omitted: int = 0  # results since the start that went into no report: too many, or no hub


def encode_report(report: Report) -> list[bytes]:
    """The frames of a report. Raises WireError where `decode_report` would refuse them."""
    header = {
        "schema": REPORT_SCHEMA,
        "node_id": report.node_id,
        "session": f"{report.session:016x}",
        "omitted": report.omitted,
    }
    body = {"results": report.results, "telemetry": report.telemetry}
    try:
        payload = json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError) as error:
        raise WireError(f"payload: {error}") from None
    return wire.encode(header, payload, read_report)


def decode_report(frames: Sequence[Frame]) -> Report:
    """Parses a report; unknown fields of a result are left out. Raises WireError."""
    return read_report(*wire.open_frames(frames))


def read_report(header: dict[str, Any], payload: Frame) -> Report:
    """As decode_report, of an opened message."""
    wire.expect_schema(header, REPORT_SCHEMA)
    fields = wire.read_fields(header, _REPORT)
    if len(payload) > MAX_REPORT:
        raise WireError(f"payload: expected at most {MAX_REPORT} bytes, found {len(payload)}")
    body = wire.read_json("payload", payload)
    if not isinstance(body, dict):
        raise wire.wrong("payload", "a JSON object", body)
    results, telemetry = body.get("results"), body.get("telemetry")
    if not isinstance(results, list) or len(results) > MAX_RECORDS:
        raise wire.wrong("results", f"a list of at most {MAX_RECORDS} results", results)
    return Report(results=[_result(value) for value in results], telemetry=_telemetry(telemetry), **fields)


def _result(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise wire.wrong("results", "JSON objects", value)
    return {key: found for key, found in wire.read_fields(value, RESULT_FIELDS).items() if found is not None}


def _telemetry(value: Any) -> dict[str, float] | None:
    if value is None:
        return None
    if not isinstance(value, dict) or len(value) > 100:
        raise wire.wrong("telemetry", "at most 100 numbers by name", value)
    return {text("telemetry", key): _any_number(key, found) for key, found in value.items()}


def _status(key: str, value: Any) -> str:
    if value not in STATUSES:
        raise wire.wrong(key, "one of " + ", ".join(STATUSES), value)
    return value


_COUNT = integer(0, wire.MAX_INTEGER)
_any_number = number(-1e300, 1e300)
_REPORT = {"node_id": text, "session": wire.session, "omitted": _COUNT}
RESULT_FIELDS = {
    "offset": _COUNT,
    "count": integer(1, wire.MAX_INTEGER),
    "sample_start": _COUNT,
    "sample_count": _COUNT,
    "sample_rate": number(1e-3, 1e12),
    "center_frequency": number(-1e15, 1e15),
    "bandwidth": optional(number(0, 1e12)),
    "label": text,
    "confidence": number(0, 1),
    "status": _status,
    "source": text,
    "fast_label": optional(text),
    "fast_confidence": optional(number(0, 1)),
    "elapsed_ms": optional(number(0, 1e12)),
    "emission": optional(_COUNT),
}
