# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The block waterfall_sink: a waterfall with the classifier's labels drawn over it, as a Qt widget."""

from __future__ import annotations

import math
import threading
from collections import Counter, deque

import numpy as np
import pmt
from gnuradio import gr
from PyQt5 import QtCore, QtGui, QtWidgets

from .result_sink import read_result
from .strip_chart import label_colour

_PERIOD_MS = 100
_SPAN_DB = 50.0  # from black to white
_NOISE = "noise"


class waterfall_sink(gr.sync_block):
    """Power spectra as rows of colours, newest on top, and beside and over them what they were classified as.

    Input: vectors of fft_size powers (float, DC in the middle), as spectrum_classifier's output 0. Message
    port
    in: `results` of the same classifier. `qwidget()` is the widget.

    fft_size: bins, ≥ 1
    sample_rate: Hz, > 0; center_frequency: Hz, until a result tells another: they label the axis
    row_interval: seconds of signal a row, > 0; hop: samples from one vector to the next, 0: fft_size
    rows: 16 to 4096

    Raises ValueError naming a parameter that is out of range.
    """

    def __init__(
        self,
        fft_size: int,
        sample_rate: float,
        center_frequency: float = 0.0,
        row_interval: float = 0.05,
        hop: int = 0,
        rows: int = 240,
    ) -> None:
        for name, value in (
            ("fft_size", fft_size),
            ("sample_rate", sample_rate),
            ("row_interval", row_interval),
            ("hop", hop or fft_size),
        ):
            if not 0 < value < math.inf:
                raise ValueError(f"{name} is {value}, expected a number above 0")
        if not 16 <= rows <= 4096:
            raise ValueError(f"rows is {rows}, expected 16 to 4096")
        gr.sync_block.__init__(self, "waterfall_sink", in_sig=[(np.float32, fft_size)], out_sig=None)
        self.sample_rate, self.center_frequency, self.rows = sample_rate, center_frequency, rows
        self._per_row = max(1, round(row_interval * sample_rate / (hop or fft_size)))
        self._sum = np.zeros(fft_size)
        self._summed = 0
        self._vectors = 0
        self._lock = threading.Lock()
        self._levels: deque[np.ndarray] = deque(maxlen=rows)  # rows that the widget has not taken, dB
        self._labels: dict[int, Counter] = {}  # by row
        port = pmt.intern("results")
        self.message_port_register_in(port)
        self.set_msg_handler(port, self._on_result)
        self._widget = _Widget(self)

    def qwidget(self) -> QtWidgets.QWidget:
        return self._widget

    def work(self, input_items: list[np.ndarray], output_items: list[np.ndarray]) -> int:
        vectors = input_items[0]
        at = 0
        while at < len(vectors):
            part = vectors[at : at + self._per_row - self._vectors % self._per_row]
            sums = part.sum(axis=0, dtype=np.float64)
            if not np.isfinite(sums).all():  # an invalid vector, of which nothing is drawn
                good = part[np.isfinite(part).all(axis=1)]
                sums, self._summed = good.sum(axis=0, dtype=np.float64), self._summed - len(part) + len(good)
            self._sum += sums
            self._summed += len(part)
            self._vectors += len(part)
            at += len(part)
            if self._vectors % self._per_row == 0:
                row = 10 * np.log10(np.maximum(self._sum / max(self._summed, 1), 1e-20))
                with self._lock:
                    self._levels.append(row)
                self._sum[:] = 0
                self._summed = 0
        return len(vectors)

    def take(self) -> tuple[list[np.ndarray], int, dict[int, str]]:
        """For the widget: new rows in dB, oldest first; how many there were in all; labels by row."""
        with self._lock:
            new = list(self._levels)
            self._levels.clear()
            total = self._vectors // self._per_row
            for row in [row for row in self._labels if row < total - self.rows]:
                del self._labels[row]
            labels = {row: max(counts, key=counts.__getitem__) for row, counts in self._labels.items()}
        return new, total, labels

    def _on_result(self, message: pmt.pmt_base) -> None:
        try:
            result = read_result(message)
            row, label, status = result["offset"] // self._per_row, result["label"], result["status"]
            frequency, count = result["center_frequency"], result["count"]
        except (KeyError, ValueError):
            return
        self.center_frequency = frequency
        with self._lock:
            if status == "provisional" or "seq" not in result:
                self._labels.setdefault(row, Counter())[label] += count
            elif status == "revised" and row in self._labels:
                self._labels[row][result["fast_label"]] -= 1
                self._labels[row][label] += 1


def _palette() -> list[int]:
    """256 colours: black, blue, violet, orange, light yellow."""
    stops = np.array([(0, 0, 4), (40, 11, 84), (120, 28, 109), (210, 65, 60), (251, 155, 6), (252, 255, 200)])
    at = np.linspace(0, len(stops) - 1, 256)
    channels = [np.interp(at, np.arange(len(stops)), stops[:, c]).astype(int) for c in range(3)]
    return [QtGui.qRgb(int(r), int(g), int(b)) for r, g, b in zip(*channels, strict=True)]


class _Widget(QtWidgets.QWidget):
    def __init__(self, source: waterfall_sink) -> None:
        super().__init__()
        self._source = source
        self._pixels: np.ndarray | None = None  # uint8 [rows, N], newest row first
        self._floor: float | None = None
        self._total = 0
        self._runs: dict[int, str] = {}
        self._colours = _palette()
        self.setMinimumSize(360, 240)
        self._timer = QtCore.QTimer(self)
        self._timer.timeout.connect(self._refresh)
        self._timer.start(_PERIOD_MS)

    def _refresh(self) -> None:
        new, self._total, self._runs = self._source.take()
        if not new:
            return
        levels = np.stack(new[::-1])
        floor = float(np.percentile(levels, 25))
        self._floor = floor if self._floor is None else self._floor + 0.1 * (floor - self._floor)
        rows = np.clip((levels - self._floor + 5) * (255 / _SPAN_DB), 0, 255).astype(np.uint8)
        if self._pixels is None:
            self._pixels = np.zeros((self._source.rows, rows.shape[1]), np.uint8)
        self._pixels = np.ascontiguousarray(np.concatenate([rows, self._pixels])[: self._source.rows])
        self.update()

    def paintEvent(self, _: QtGui.QPaintEvent) -> None:
        painter = QtGui.QPainter(self)
        painter.fillRect(self.rect(), QtGui.QColor("#000004"))
        if self._pixels is None:
            return
        height, width = self._pixels.shape
        area = self.rect().adjusted(0, 0, 0, -20)
        image = QtGui.QImage(self._pixels.data, width, height, width, QtGui.QImage.Format_Indexed8)
        image.setColorTable(self._colours)
        painter.drawImage(area, image)
        self._draw_labels(painter, area)
        self._draw_axis(painter, area)

    def _draw_labels(self, painter: QtGui.QPainter, area: QtCore.QRect) -> None:
        row_height = area.height() / self._source.rows
        newest = self._total - 1
        for first, last, label in _join(self._runs):
            if label == _NOISE:
                continue
            top, bottom = (newest - last) * row_height, (newest - first + 1) * row_height
            colour = QtGui.QColor(label_colour(label))
            box = QtCore.QRectF(1, top, area.width() - 2, max(bottom - top, 2.0))
            painter.fillRect(QtCore.QRectF(0, box.top(), 10, box.height()), colour)
            painter.setPen(QtGui.QPen(colour, 1))
            painter.drawRect(box)
            if box.height() > 12:
                text = QtCore.QRectF(
                    14, box.top() + 1, painter.fontMetrics().horizontalAdvance(label) + 8, 16
                )
                painter.fillRect(text, QtGui.QColor(0, 0, 0, 160))
                painter.drawText(text, QtCore.Qt.AlignCenter, label)

    def _draw_axis(self, painter: QtGui.QPainter, area: QtCore.QRect) -> None:
        painter.setPen(QtGui.QColor("#c8ccd2"))
        center, rate = self._source.center_frequency, self._source.sample_rate
        for share, align in (
            (0.0, QtCore.Qt.AlignLeft),
            (0.5, QtCore.Qt.AlignHCenter),
            (1.0, QtCore.Qt.AlignRight),
        ):
            text = f"{(center + (share - 0.5) * rate) / 1e6:.3f} MHz"
            where = QtCore.QRect(4, area.bottom() + 1, self.width() - 8, 19)
            painter.drawText(where, align | QtCore.Qt.AlignVCenter, text)


def _join(labels: dict[int, str]) -> list[tuple[int, int, str]]:
    """Rows of one label that follow each other, as (first, last, label)."""
    runs: list[tuple[int, int, str]] = []
    for row in sorted(labels):
        if runs and runs[-1][1] == row - 1 and runs[-1][2] == labels[row]:
            runs[-1] = (runs[-1][0], row, labels[row])
        else:
            runs.append((row, row, labels[row]))
    return runs
