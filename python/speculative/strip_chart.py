# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""What the Qt sinks share: a chart of values in 0..1 over the last seconds, and a colour for each label."""

from __future__ import annotations

import time
import zlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from PyQt5 import QtCore, QtGui, QtWidgets

_KNOWN = {
    "noise": "#7f7f7f",
    "ook_ism": "#ffb000",
    "fsk_ism": "#fe6100",
    "gfsk_1m": "#648fff",
    "oqpsk_154": "#785ef0",
    "wifi_ofdm": "#dc267f",
    "lte_ofdm": "#35c46a",
    "adsb_1090": "#22c7d6",
}
_MAX_POINTS = 36_000


def label_colour(label: str) -> str:
    """`#rrggbb`; always the same for a label."""
    if label in _KNOWN:
        return _KNOWN[label]
    hue = zlib.crc32(label.encode()) % 360
    return QtGui.QColor.fromHsv(hue, 180, 220).name()


@dataclass(frozen=True)
class Series:
    name: str
    colour: str
    dashed: bool = False


class StripChart(QtWidgets.QWidget):
    """Lines that move to the left. `add(values)`: one value for each series, 0..1."""

    def __init__(self, series: Sequence[Series], seconds: float) -> None:
        super().__init__()
        self._series, self._seconds = series, seconds
        self._points: deque[tuple[float, Sequence[float]]] = deque(maxlen=_MAX_POINTS)
        self.setMinimumSize(280, 170)

    def add(self, values: Sequence[float]) -> None:
        now = time.monotonic()
        self._points.append((now, values))
        while self._points[0][0] < now - self._seconds:
            self._points.popleft()
        self.update()

    def paintEvent(self, _: QtGui.QPaintEvent) -> None:
        painter = QtGui.QPainter(self)
        painter.fillRect(self.rect(), QtGui.QColor("#15181c"))
        area = QtCore.QRectF(self.rect()).adjusted(40, 28, -8, -20)
        painter.setPen(QtGui.QColor("#3a4048"))
        for share in (0.0, 0.25, 0.5, 0.75, 1.0):
            y = area.bottom() - share * area.height()
            painter.drawLine(QtCore.QPointF(area.left(), y), QtCore.QPointF(area.right(), y))
        painter.setPen(QtGui.QColor("#9aa4b0"))
        for share in (0.0, 0.5, 1.0):
            painter.drawText(2, int(area.bottom() - share * area.height() + 4), f"{share:.0%}")
        painter.drawText(int(area.left()), self.height() - 4, f"−{self._seconds:g} s")
        painter.drawText(
            self.rect().adjusted(0, 0, -8, -2), QtCore.Qt.AlignRight | QtCore.Qt.AlignBottom, "now"
        )
        x = area.left()
        for number, series in enumerate(self._series):
            painter.setPen(QtGui.QColor(series.colour))
            painter.drawText(int(x), 14, series.name)
            x += painter.fontMetrics().horizontalAdvance(series.name) + 14
            self._draw(painter, area, number, series)

    def _draw(self, painter: QtGui.QPainter, area: QtCore.QRectF, number: int, series: Series) -> None:
        now = time.monotonic()
        line = QtGui.QPolygonF()
        last = None
        for at, values in self._points:
            px = round(area.right() - (now - at) / self._seconds * area.width())
            if px == last:  # not more points than the screen shows
                continue
            last = px
            value = min(max(values[number], 0.0), 1.0)
            line.append(QtCore.QPointF(px, area.bottom() - value * area.height()))
        style = QtCore.Qt.DashLine if series.dashed else QtCore.Qt.SolidLine
        painter.setPen(QtGui.QPen(QtGui.QColor(series.colour), 2.0, style))
        painter.drawPolyline(line)
