# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""PDUs of the flowgraph (docs/protocol.md) to and from the messages of gr_speculative.wire.

`pmt.to_python` and `pmt.u8vector_elements` make a Python integer of every byte: 280 µs for a context of
16 x 1024. A serialised uniform vector ends in its elements as they lie in memory: 2 µs.
"""

from __future__ import annotations

import json
import math
from typing import Any

import pmt

from gr_speculative import wire
from gr_speculative.wire import Request, Verdict, WireError

_SCHEMA = pmt.intern("schema")
_REQUEST_KEYS = {
    key: pmt.intern(key)
    for key in (
        "schema",
        "session",
        "seq",
        "offset",
        "vectors",
        "fft_size",
        "db_scale",
        "db_offset",
        "sample_rate",
        "center_frequency",
        "deadline_ms",
        "fast_label",
        "fast_confidence",
        "node_id",
    )
}
_VERDICT_SCHEMA = pmt.intern(wire.VERDICT_SCHEMA)
_VERDICT_KEYS = {
    pmt.intern("session"): ("session", pmt.from_uint64),
    pmt.intern("seq"): ("seq", pmt.from_uint64),
    pmt.intern("status"): ("status", pmt.intern),
    pmt.intern("model"): ("model", pmt.intern),
    pmt.intern("model_sha256"): ("model_sha256", pmt.intern),
    pmt.intern("elapsed_ms"): ("elapsed_ms", pmt.from_double),
    pmt.intern("message"): ("message", pmt.intern),
    pmt.intern("heads"): ("heads", lambda heads: _u8vector(json.dumps(heads).encode())),
}


def request_from_pdu(message: pmt.pmt_base) -> Request:
    """The request in a `deferred` PDU; keys that it does not know are ignored.

    Raises WireError, with `identity` where session and seq could be read.
    """
    if not pmt.is_pdu(message):
        raise WireError("the message is not a PDU (a pair of a dict and a uniform vector)")
    meta = pmt.car(message)
    header = {key: _plain(pmt.dict_ref(meta, symbol, pmt.PMT_NIL)) for key, symbol in _REQUEST_KEYS.items()}
    if type(header["session"]) is int and header["session"] >= 0:
        header["session"] = f"{header['session']:016x}"
    # Through the wire's own reader, so that one set of rules judges both ways in.
    return wire.decode_request([wire.VERSION, json.dumps(header).encode(), _bytes(pmt.cdr(message))])


def pdu_from_verdict(verdict: Verdict) -> pmt.pmt_base:
    """The `verdicts` PDU of a verdict."""
    meta = pmt.dict_add(pmt.make_dict(), _SCHEMA, _VERDICT_SCHEMA)
    for symbol, (key, convert) in _VERDICT_KEYS.items():
        if (value := getattr(verdict, key)) is not None:
            meta = pmt.dict_add(meta, symbol, convert(value))
    return pmt.cons(meta, pmt.init_f32vector(len(verdict.scores), verdict.scores.tolist()))


def _u8vector(data: bytes) -> pmt.pmt_base:
    return pmt.init_u8vector(len(data), list(data))


def _plain(value: pmt.pmt_base) -> Any:
    if pmt.is_symbol(value):
        try:
            return pmt.symbol_to_string(value)
        except UnicodeDecodeError:  # whatever came through a socket
            return None
    if pmt.is_uint64(value):
        return pmt.to_uint64(value)
    if pmt.is_integer(value):
        return pmt.to_long(value)
    if pmt.is_real(value) and math.isfinite(number := pmt.to_double(value)):
        return number
    return None  # absent, or what no field may be


def _bytes(vector: pmt.pmt_base) -> memoryview:
    """The elements of a u8vector; of any other vector nothing, which no request's length allows."""
    length = pmt.length(vector) if pmt.is_u8vector(vector) else 0
    serialised = memoryview(pmt.serialize_str(vector)) if length else memoryview(b"")
    return serialised[len(serialised) - length :]
