# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Plots of an evaluation report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

from .detection import FALSE_ALARM, SNR_DB  # noqa: E402

COLOURS = {"fast": "#0072b2", "slow": "#d55e00", "merged": "#009e73", "cascade": "#cc79a7"}
STYLE = {
    "axes.grid": True,
    "grid.alpha": 0.25,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 9,
    "legend.frameon": False,
    "savefig.dpi": 130,
}


def draw(report: dict[str, Any], folder: Path) -> list[Path]:
    """Writes the PNG files of a report (report.json's content) and returns their paths."""
    made = []
    with plt.rc_context(STYLE):
        for name, part in report["sets"].items():
            made += [_curves(name, part, folder), _confusions(name, part, report["labels"], folder)]
        if report.get("detection"):
            made.append(_detection(report["detection"], folder))
    return made


def _save(figure: plt.Figure, path: Path) -> Path:
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)
    return path


def _curves(name: str, part: dict[str, Any], folder: Path) -> Path:
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.8))
    curve = part["deferral"]["curve"]
    left.plot(curve["share"], curve["oracle"], color="0.6", ls="--", label="oracle")
    left.plot(curve["share"], curve["rule"], color=COLOURS["cascade"], lw=2, label="rule")
    left.plot(curve["share"], curve["random"], color="0.6", ls=":", label="random")
    left.axvline(
        part["deferral"]["share_at_threshold"]["value"], color="0.3", lw=0.8, label="at the threshold"
    )
    left.set(xlabel="share deferred", ylabel="accuracy", title=f"{name}: deferral")
    left.legend()
    for model in ("fast", "slow", "merged"):
        found = part["models"][model]
        coverage, risk = found["risk_coverage"]["coverage"], found["risk_coverage"]["risk"]
        middle.plot(
            coverage, risk, color=COLOURS[model], label=f"{model}, AUGRC {found['augrc']['value']:.4f}"
        )
        bins = np.array(found["reliability"])
        right.plot(bins[:, 0], bins[:, 1], "o-", ms=3, color=COLOURS[model],
                   label=f"{model}, ECE {found['ece']['value']:.3f}")  # fmt: skip
    middle.set(xlabel="coverage", ylabel="error among the covered", title="risk–coverage")
    middle.legend()
    right.plot([0, 1], [0, 1], color="0.6", ls=":")
    right.set(xlabel="confidence", ylabel="accuracy", title="reliability, 15 bins of equal mass")
    right.legend()
    return _save(figure, folder / f"{name}-curves.png")


def _confusions(name: str, part: dict[str, Any], labels: list[str], folder: Path) -> Path:
    figure, axes = plt.subplots(1, 3, figsize=(13, 4.2), sharey=True)
    for axis, model in zip(axes, ("fast", "slow", "cascade"), strict=True):
        counts = np.array(part["models"][model]["confusion"])
        share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
        axis.grid(False)
        axis.set_xticks(range(len(labels)), labels, rotation=60, ha="right")
        axis.set_yticks(range(len(labels)), labels)
        axis.set(title=f"{name}: {model}", xlabel="predicted")
        for row, column in zip(*np.nonzero(counts), strict=True):
            dark = "white" if share[row, column] > 0.5 else "black"
            axis.text(column, row, counts[row, column], ha="center", va="center", fontsize=7, color=dark)
    axes[0].set_ylabel("true")
    return _save(figure, folder / f"{name}-confusion.png")


def _detection(found: dict[str, dict[str, Any]], folder: Path) -> Path:
    kinds = list(found["fast"])
    figure, axes = plt.subplots(2, -(-len(kinds) // 2), figsize=(12, 5.5), sharex=True, sharey=True)
    for axis in axes.flat[len(kinds) :]:
        axis.set_visible(False)
    for axis, kind in zip(axes.flat, kinds, strict=False):
        for model in ("fast", "slow"):
            axis.plot(SNR_DB, found[model][kind]["model"], color=COLOURS[model], label=model)
        axis.plot(
            SNR_DB, found["fast"][kind]["radiometer"], color="0.5", ls="--", label="radiometer, 1 vector"
        )
        axis.set_title(f"{kind} at {found['fast'][kind]['rate'] / 1e6:g} MHz")
    axes[0, 0].legend()
    figure.supxlabel("SNR in the signal's band, dB")
    figure.supylabel(f"probability of detection at a false-alarm rate of {FALSE_ALARM:g}")
    return _save(figure, folder / "detection.png")
