# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The block telemetry_sink: how the cascade fares, live, as a Qt widget."""

from __future__ import annotations

import time

import pmt
from gnuradio import gr
from PyQt5 import QtCore, QtWidgets

from .result_sink import read_result
from .strip_chart import Series, StripChart, label_colour

_PERIOD_MS = 100
_TELEMETRY, _RESULTS = pmt.intern("telemetry"), pmt.intern("results")
_COUNTERS = ("vectors", "accepted", "deferred", "in_time", "timed_out", "dropped", "failed", "unbudgeted")
_GAUGES = ("threshold", "latency_p50_ms", "latency_p99_ms", "live_risk")
_KEYS = {name: pmt.intern(name) for name in (*_COUNTERS, *_GAUGES)}
_SERIES = (
    Series("fast", "#2a9d8f"),
    Series("slow", "#4a7fd6"),
    Series("fallback", "#e76f51"),
    Series("threshold", "#888888", dashed=True),
)
_ROWS = ("vectors", "fast", "slow", "fallback", "deferred", "threshold", "risk", "latency")


class telemetry_sink(gr.basic_block):
    """Shows the messages of a classifier: shares of vectors answered by the fast model, the slow one, and by
    fallback; deferrals a second, threshold, risk, latency, and the label now.

    Message ports in: `telemetry` (a telemetry_interval of 0.1 s makes it lively), `results`. `qwidget()` is
    the widget. The flowgraph needs a Qt application, as GNU Radio Companion's QT GUI flowgraphs have.

    seconds: how far back the chart reaches, 1 to 3600. Raises ValueError out of that range.
    """

    def __init__(self, seconds: float = 60.0) -> None:
        gr.basic_block.__init__(self, name="telemetry_sink", in_sig=None, out_sig=None)
        if not 1 <= seconds <= 3600:
            raise ValueError(f"seconds is {seconds}, expected 1 to 3600")
        for port in (_TELEMETRY, _RESULTS):
            self.message_port_register_in(port)
        self._widget = _Widget(self, seconds)

    def qwidget(self) -> QtWidgets.QWidget:
        return self._widget

    def newest(self, port: pmt.pmt_base) -> pmt.pmt_base | None:
        """What came last on a port since the last call, or None.

        The ports have no handlers, for results may come thousands of times a second and one call into
        Python for each would cost more than all else here. GNU Radio bounds the queue of a port without a
        handler."""
        block, message = self.to_basic_block(), None
        for _ in range(block.nmsgs(port)):
            message = block.delete_head_nowait(port)
        return message


def read_telemetry(message: pmt.pmt_base) -> dict[str, float]:
    """The numbers of a telemetry message that the widget shows; those that are missing are left out."""
    found = {}
    if pmt.is_pair(message) and pmt.is_dict(pmt.car(message)):
        for name, key in _KEYS.items():
            value = pmt.dict_ref(pmt.car(message), key, pmt.PMT_NIL)
            if pmt.is_number(value) and not pmt.is_complex(value):
                found[name] = pmt.to_python(value)
    return found


class _Widget(QtWidgets.QWidget):
    def __init__(self, source: telemetry_sink, seconds: float) -> None:
        super().__init__()
        self._source = source
        self._before: tuple[float, dict[str, float]] | None = None
        self._label = QtWidgets.QLabel("–")
        self._values = {name: QtWidgets.QLabel("–") for name in _ROWS}
        self._chart = StripChart(_SERIES, seconds)
        grid = QtWidgets.QGridLayout()
        for row, (name, value) in enumerate(self._values.items()):
            grid.addWidget(QtWidgets.QLabel(name), row, 0)
            grid.addWidget(value, row, 1, QtCore.Qt.AlignRight)
        left = QtWidgets.QVBoxLayout()
        left.addWidget(self._label)
        left.addLayout(grid)
        left.addStretch()
        layout = QtWidgets.QHBoxLayout(self)
        layout.addLayout(left)
        layout.addWidget(self._chart, 1)
        self._label.setMinimumWidth(210)
        self._timer = QtCore.QTimer(self)
        self._timer.timeout.connect(self._refresh)
        self._timer.start(_PERIOD_MS)

    def _refresh(self) -> None:
        if (result := self._source.newest(_RESULTS)) is not None:
            self._show_label(result)
        if (message := self._source.newest(_TELEMETRY)) is not None:
            self._show_numbers(read_telemetry(message))

    def _show_label(self, message: pmt.pmt_base) -> None:
        try:
            result = read_result(message)
            label, confidence, status = result["label"], result["confidence"], result["status"]
        except (KeyError, ValueError):
            return
        self._label.setText(f"<big><b>{label}</b></big> {confidence:.0%} {status}")
        self._label.setStyleSheet(f"border-left: 8px solid {label_colour(label)}; padding: 4px")

    def _show_numbers(self, now: dict[str, float]) -> None:
        if not all(name in now for name in _COUNTERS):
            return
        shares = _shares(now)
        rate, live = None, shares
        at = time.monotonic()
        if self._before is not None:
            then, earlier = self._before
            passed = {name: now[name] - earlier[name] for name in _COUNTERS}
            if passed["vectors"] > 0 and at > then:
                live = _shares(passed)
                rate = passed["deferred"] / (at - then)
        self._before = (at, now)
        threshold = now.get("threshold")
        texts = {
            "vectors": f"{now['vectors']:,.0f}",
            **{name: f"{share:.1%}" for name, share in shares.items()},
            "deferred": "–" if rate is None else f"{rate:,.0f} / s",
            "threshold": _number(threshold, "{:.3f}"),
            "risk": _number(now.get("live_risk"), "{:.1%}"),
            "latency": _number(now.get("latency_p50_ms"), "{:.0f}")
            + " / "
            + _number(now.get("latency_p99_ms"), "{:.0f} ms"),
        }
        for name, text in texts.items():
            self._values[name].setText(text)
        self._chart.add((live["fast"], live["slow"], live["fallback"], threshold or 0.0))


def _shares(counts: dict[str, float]) -> dict[str, float]:
    vectors = max(counts["vectors"], 1)
    fallback = sum(counts[name] for name in ("timed_out", "dropped", "failed", "unbudgeted"))
    return {
        "fast": counts["accepted"] / vectors,
        "slow": counts["in_time"] / vectors,
        "fallback": fallback / vectors,
    }


def _number(value: float | None, pattern: str) -> str:
    return "–" if value is None or value != value else pattern.format(value)
