# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The picture of the heads' operating curves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from .evaluation import CURVE

_CURVES = ("ood_dev", "replay", "jammer", "gsm", "spur")
_COLOURS = {
    "fixed": "#c92a2a",
    "ramp": "#e67700",
    "late": "#862e9c",
    "elsewhere": "#1971c2",
    "perfect": "#868e96",
}


def draw(path: str | Path, report: dict) -> Path:
    """Writes a PNG of what evaluation.run measured."""
    figure = Figure(figsize=(19, 5.2), dpi=110, layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=[1.25, 1, 1])
    if report["anomaly"]:
        _draw_anomaly(left, report["anomaly"])
        _draw_curves(middle, report["anomaly"]["fitted"])
    _draw_mimic(right, report["mimic"])
    figure.savefig(path)
    return Path(path)


def _draw_anomaly(axes, anomaly: dict) -> None:
    series = {
        "neighbours, fitted to the node": (anomaly["fitted"]["neighbours"], "#2b8a3e", "o"),
        "neighbours, as shipped": (anomaly["shipped"]["neighbours"], "#8ce99a", "o"),
        "PCA residual, fitted": (anomaly["fitted"]["pca residual"], "#e67700", "s"),
        "autoencoder residual": (anomaly["shipped"]["autoencoder residual"], "#c92a2a", "^"),
    }
    kinds = [kind for kind in anomaly["fitted"]["neighbours"] if kind != "normal"]
    kinds.sort(key=lambda kind: -anomaly["fitted"]["neighbours"][kind]["auroc"])
    at = np.arange(len(kinds))
    for name, (measured, colour, marker) in series.items():
        axes.plot(
            at,
            [measured[kind]["auroc"] for kind in kinds],
            ls="none",
            marker=marker,
            markersize=9,
            color=colour,
            label=name,
        )
    axes.axhline(0.5, color="#868e96", ls=":", lw=1.2)
    axes.text(len(kinds) - 0.6, 0.505, "guessing", ha="right", va="bottom", color="#868e96", fontsize=8)
    axes.set_xticks(at, kinds, rotation=30, ha="right")
    axes.set_ylim(0, 1.02)
    axes.set_ylabel("AUROC against normal spectra")
    axes.grid(axis="y", color="#eeeeee")
    axes.legend(fontsize=8, loc="lower left")
    own, foreign = (anomaly[fit]["neighbours"]["normal"]["alarms"] for fit in ("fitted", "shipped"))
    axes.set_title(
        f"anomaly head: false alarms {own:.1%} fitted, {foreign:.1%} on receivers never met",
        loc="left",
        fontsize=10,
    )


def _draw_curves(axes, fitted: dict) -> None:
    colours = ("#2b8a3e", "#c92a2a", "#1971c2", "#862e9c", "#e67700")
    for kind, colour in zip(_CURVES, colours, strict=True):
        for score, style in (("neighbours", "-"), ("pca residual", ":")):
            label = kind if style == "-" else None
            axes.plot(CURVE, fitted[score][kind]["curve"], style, color=colour, lw=1.8, label=label)
    axes.plot(CURVE, CURVE, color="#868e96", lw=1)
    axes.set_xscale("log")
    axes.set_ylim(-0.02, 1.03)
    axes.set_xlabel("normal spectra that alarm")
    axes.set_ylabel("anomalies that alarm")
    axes.grid(color="#eeeeee")
    axes.legend(fontsize=8, title="solid: distance, dotted: PCA residual", title_fontsize=8, loc="upper left")
    axes.set_title("anomaly head, fitted: operating curves", loc="left", fontsize=10)


def _draw_mimic(axes, mimic: dict) -> None:
    for name, colour in _COLOURS.items():
        for noise, style in (("30", "-"), ("300", ":")):
            row = mimic[name][noise]
            axes.plot(
                [float(d) for d in row],
                list(row.values()),
                style,
                marker="o",
                color=colour,
                lw=1.8,
                label=f"{name}" if style == "-" else None,
            )
    axes.plot(
        [float(d) for d in mimic["genuine"]["30"]],
        list(mimic["genuine"]["30"].values()),
        "k--",
        label="genuine",
    )
    axes.set_xscale("log")
    axes.set_xticks([30, 60, 120, 240, 480], ["30", "60", "120", "240", "480"])
    axes.minorticks_off()
    axes.set_ylim(-0.02, 1.03)
    axes.set_xlabel("seconds of the pass that were heard")
    axes.set_ylabel("called an impostor")
    axes.grid(color="#eeeeee")
    axes.legend(fontsize=8, title="solid: 30 Hz of noise, dotted: 300 Hz", title_fontsize=8)
    axes.set_title("mimic head: Doppler of a low orbit at 437.8 MHz", loc="left", fontsize=10)
