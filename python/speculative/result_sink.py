# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Results as Python dicts."""

from __future__ import annotations

import json
from collections.abc import Callable

import pmt
from gnuradio import gr


def _time(value: pmt.pmt_base) -> list:
    return [pmt.to_uint64(pmt.tuple_ref(value, 0)), pmt.to_double(pmt.tuple_ref(value, 1))]


def _json(value: pmt.pmt_base) -> dict:
    return json.loads(bytes(pmt.u8vector_elements(value)))


# Key by key, because pmt.to_python takes four times as long.
_READERS = {
    **dict.fromkeys(("label", "status", "source", "fast_label", "node_id", "model"), pmt.symbol_to_string),
    **dict.fromkeys(
        ("session", "offset", "count", "sample_start", "sample_count", "seq", "emission"), pmt.to_uint64
    ),
    **dict.fromkeys(
        ("sample_rate", "center_frequency", "bandwidth", "confidence", "fast_confidence", "elapsed_ms"),
        pmt.to_double,
    ),
    "rx_time": _time,
    "heads": _json,
    **dict.fromkeys(("late", "audit"), pmt.to_bool),
}
_KEYS = [(name, pmt.intern(name), read) for name, read in _READERS.items()]


def read_result(message: pmt.pmt_base) -> dict:
    """A PDU of the port `results` as a dict of plain values (docs/protocol.md); `scores` a list of float."""
    meta = pmt.car(message)
    result = {}
    for name, key, read in _KEYS:
        value = pmt.dict_ref(meta, key, pmt.PMT_NIL)
        if not pmt.is_null(value):
            result[name] = read(value)
    result["scores"] = pmt.f32vector_elements(pmt.cdr(message))
    return result


class result_sink(gr.basic_block):
    """Hands each message on its port `results` to `handle(result: dict)`, in the order of arrival.

    `settled` counts the vectors whose result is no longer provisional."""

    def __init__(self, handle: Callable[[dict], None]):
        gr.basic_block.__init__(self, "result_sink", in_sig=None, out_sig=None)
        self._handle = handle
        self.settled = 0
        self.error: Exception | None = None  # the first that `handle` raised; it is then no longer called
        port = pmt.intern("results")
        self.message_port_register_in(port)
        self.set_msg_handler(port, self._on_result)

    def _on_result(self, message: pmt.pmt_base) -> None:
        result = read_result(message)
        if result["status"] != "provisional" and not result.get("late"):
            self.settled += result["count"]
        if self.error is None:
            try:
                self._handle(result)
            except Exception as error:
                self.error = error
