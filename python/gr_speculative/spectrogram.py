# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Pictures of recordings and of what was found in them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from scipy.signal import get_window

from .sigmf_io import Recording, Span

# Colours that stay apart for colour-blind readers, too; labels beyond these share the grey.
COLOURS = {
    "noise": "#9aa0a6",
    "ook_ism": "#e69f00",
    "fsk_ism": "#d55e00",
    "gfsk_1m": "#0072b2",
    "oqpsk_154": "#56b4e9",
    "wifi_ofdm": "#cc79a7",
    "lte_ofdm": "#009e73",
    "adsb_1090": "#7b3fa0",
}
NOISE = "noise"
_OTHER = "#444444"
_SOURCES = {  # source: colour, what the legend says
    "fast": ("#b8c4d6", "fast model"),
    "ensemble": ("#f28e2b", "fast + slow"),
    "slow": ("#b85c00", "slow model"),
    "fast_fallback": ("#d62728", "fast, no answer in time"),
    "fast_unbudgeted": ("#8c564b", "fast, over budget"),
}
_VECTORS_A_COLUMN = 16


def spectrogram_png(
    path: str | os.PathLike,
    recording: Recording,
    results: Sequence[Span] = (),
    truth: Sequence[Span] = (),
    *,
    title: str = "",
    fft_size: int = 1024,
    columns: int = 1500,
    dpi: int = 120,
) -> Path:
    """Draw a recording's waterfall, under it a lane a label (truth, result) and who gave the answers.

    results, truth: spans in samples. `details["sources"]` (vectors by source) of results feeds the lowest
    panel, `details["confidence"]` gives the strength of colour. For any length: each column shows the peak of
    at most 16 FFTs. Returns the path of the PNG."""
    columns = int(np.clip(recording.n_samples // fft_size, 1, columns))
    seconds = recording.n_samples / recording.sample_rate
    decibels = _waterfall(recording, fft_size, columns)
    labels = _label_order(results, truth)
    has_sources = any(span.details.get("sources") for span in results)
    heights = [4.2] + [0.34 * len(labels) + 0.1] * bool(labels) + [0.8] * has_sources
    figure = Figure(figsize=(15, sum(heights) + 1.5), dpi=dpi, layout="constrained")
    panels = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    figure.suptitle(title or recording.path.name, x=0.01, ha="left", fontsize=14, fontweight="bold")
    _draw_waterfall(figure, panels[0], recording, decibels, seconds)
    column_of = columns / recording.n_samples
    if labels:
        _draw_labels(panels[1], labels, results, truth, column_of, columns, seconds)
    if has_sources:
        _draw_sources(panels[2], results, column_of, columns, seconds)
    panels[-1].set_xlabel("time (s)")
    panels[-1].set_xlim(0, seconds)
    figure.savefig(path)
    return Path(path)


def _waterfall(recording: Recording, fft_size: int, columns: int) -> np.ndarray:
    """Peak-hold power in dB, DC centred, float32 [fft_size, columns]; peaks, so that short bursts survive."""
    window = get_window("blackmanharris", fft_size).astype(np.float32)
    window /= np.sqrt(np.sum(window**2)) * np.sqrt(fft_size)
    edges = np.linspace(0, recording.n_samples, columns + 1).astype(np.int64)
    out = np.empty((fft_size, columns), np.float32)
    for column, (a, b) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        count = int(np.clip((b - a) // fft_size, 1, _VECTORS_A_COLUMN))
        starts = np.linspace(a, max(a, b - fft_size), count).astype(np.int64)
        vectors = np.zeros((count, fft_size), np.complex64)
        for row, start in enumerate(starts):
            samples = recording.read(int(start), fft_size)
            vectors[row, : len(samples)] = samples
        power = np.abs(np.fft.fft(vectors * window, axis=1)) ** 2
        out[:, column] = np.fft.fftshift(power.max(axis=0))
    return 10 * np.log10(np.maximum(out, 1e-20))


def _draw_waterfall(figure, axes, recording: Recording, decibels: np.ndarray, seconds: float) -> None:
    unit, scale = ("MHz", 1e6) if recording.sample_rate >= 1e6 else ("kHz", 1e3)
    floor = float(np.percentile(decibels, 30))
    top = max(floor + 25.0, float(np.percentile(decibels, 99.8)))
    half = recording.sample_rate / 2 / scale
    image = axes.imshow(
        decibels - floor,
        aspect="auto",
        origin="lower",
        extent=(0, seconds, -half, half),
        cmap="magma",
        vmin=-3.0,
        vmax=top - floor,
        interpolation="nearest",
    )
    center = recording.center_frequency
    axes.set_ylabel(f"offset from {center / 1e6:g} MHz ({unit})" if center else f"frequency ({unit})")
    what = f"{seconds:.2f} s at {recording.sample_rate / 1e6:g} MS/s, peak hold"
    axes.set_title(what, loc="left", fontsize=9, color="#555555")
    figure.colorbar(image, ax=axes, label="dB over the noise floor", pad=0.008, fraction=0.025, aspect=25)


def _label_order(results: Sequence[Span], truth: Sequence[Span]) -> list[str]:
    present = {span.label for span in (*results, *truth)}
    return [label for label in COLOURS if label in present] + sorted(present - COLOURS.keys())


def _coverage(
    spans: Iterable[Span], column_of: float, columns: int, weight: Callable[[Span], float] = lambda _: 1.0
) -> np.ndarray:
    """How much of each column the spans cover, weighted: float [columns], 1 where one span covers all."""
    density = np.zeros(columns + 1)  # of columns wholly inside a span, as differences
    edge = np.zeros(columns + 1)
    for span in spans:
        a, b = np.clip([span.start * column_of, span.stop * column_of], 0, columns)
        first, last, w = int(a), int(b), weight(span)
        if first == last:
            edge[first] += w * (b - a)
            continue
        edge[first] += w * (first + 1 - a)
        edge[last] += w * (b - last)
        density[first + 1] += w
        density[last] -= w
    return (np.cumsum(density) + edge)[:columns]


def _draw_labels(
    axes, labels: list[str], results, truth, column_of: float, columns: int, seconds: float
) -> None:
    strips = 2 if results and truth else 1
    image = np.ones((strips * len(labels), columns, 3))
    for row, label in enumerate(labels):
        colour = np.array(to_rgb(COLOURS.get(label, _OTHER)))
        for strip, spans in enumerate([spans for spans in (truth, results) if spans]):
            own = [span for span in spans if span.label == label]
            covered = _coverage(own, column_of, columns, _confidence)
            if label == NOISE and not own:  # spans often leave noise out
                covered = 1 - _coverage(spans, column_of, columns)
            # A burst of a few per cent of a column must be seen, so the strength is not in proportion.
            strength = np.clip(covered, 0, 1)[:, None] ** 0.4
            full = 0.5 + 0.5 * colour if spans is truth and strips == 2 else colour
            image[strips * row + strip] = 1 - strength * (1 - full)
    axes.imshow(image, aspect="auto", extent=(0, seconds, len(labels), 0), interpolation="nearest")
    for row in range(1, len(labels)):
        axes.axhline(row, color="#cccccc", linewidth=0.6)
    axes.set_yticks(np.arange(len(labels)) + 0.5, labels)
    for tick, label in zip(axes.get_yticklabels(), labels, strict=True):
        tick.set_color(COLOURS.get(label, _OTHER))
        tick.set_fontweight("bold")
    axes.tick_params(axis="y", length=0)
    what = (
        "in each lane: truth above (pale), result below" if strips == 2 else "results" if results else "truth"
    )
    axes.set_title(f"labels — {what}", loc="left", fontsize=9, color="#555555")


def _confidence(span: Span) -> float:
    return float(span.details.get("confidence", 1.0))


def _draw_sources(axes, results: Sequence[Span], column_of: float, columns: int, seconds: float) -> None:
    sources = [source for source in _SOURCES if any(source in s.details.get("sources", ()) for s in results)]

    def share(source: str) -> Callable[[Span], float]:
        def of(span: Span) -> float:
            counts = span.details.get("sources", {})
            return counts.get(source, 0) / max(1, sum(counts.values()))

        return of

    layers = np.array([_coverage(results, column_of, columns, share(source)) for source in sources])
    layers = 100 * layers / np.maximum(layers.sum(axis=0), 1e-9)
    edges = np.linspace(0, seconds, columns + 1)
    base = np.zeros(columns)
    for source, layer in zip(sources, layers, strict=True):
        axes.stairs(base + layer, edges, baseline=base, fill=True, color=_SOURCES[source][0])
        base = base + layer
    axes.set_ylim(0, 100)
    axes.set_ylabel("vectors (%)")
    axes.set_title("answered by", loc="left", fontsize=9, color="#555555")
    handles = [Patch(color=_SOURCES[s][0], label=_SOURCES[s][1]) for s in sources]
    axes.legend(handles=handles, loc="lower right", bbox_to_anchor=(1, 1), ncols=5, frameon=False, fontsize=9)
