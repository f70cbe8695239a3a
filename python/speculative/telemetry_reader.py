# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""What a classifier's telemetry says beside its counters, for a node's metrics and reports."""

from __future__ import annotations

import pmt
from gnuradio import gr

GAUGES = (
    "fast_ratio",
    "slow_ratio",
    "fallback_ratio",
    "price",
    "live_risk",
    "live_risk_lower",
    "live_risk_upper",
)
_KEYS = {name: pmt.intern(name) for name in GAUGES}


class telemetry_reader(gr.basic_block):
    """Keeps the newest of each of GAUGES that comes on its port `telemetry`, in `numbers`. Any thread may read it."""

    def __init__(self) -> None:
        gr.basic_block.__init__(self, "telemetry_reader", in_sig=None, out_sig=None)
        self.numbers: dict[str, float] = {}
        port = pmt.intern("telemetry")
        self.message_port_register_in(port)
        self.set_msg_handler(port, self._on_telemetry)

    def _on_telemetry(self, message: pmt.pmt_base) -> None:
        meta = pmt.car(message)
        self.numbers = {
            name: pmt.to_double(pmt.dict_ref(meta, key, pmt.PMT_NIL))
            for name, key in _KEYS.items()
            if pmt.dict_has_key(meta, key)
        }
