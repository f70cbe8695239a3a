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
    "figure.constrained_layout.use": True,
    "savefig.dpi": 130,
    "savefig.bbox": "tight",
}


def draw(report: dict[str, Any], folder: Path) -> list[Path]:
    """Writes the PNG files of a report (report.json's content) and returns their paths."""
    folds = report["folds"]
    sets = report["sets"] | folds.get("devices", {}).get("sets", {})
    made = []
    with plt.rc_context(STYLE):
        for name, part in sets.items():
            stem = folder / name.replace(" ", "-")
            made += [_curves(name, part, Path(f"{stem}-curves.png"))]
            made += [_confusions(name, part, report["labels"], Path(f"{stem}-confusion.png"))]
            made += [_recalls(name, part, Path(f"{stem}-classes.png"))]
        for name, rows in report["mixtures"].items():
            made.append(_mixtures(name, rows, folder / f"{name}-mixtures.png"))
        if report["unknown"]:
            made.append(_unknown({"signals of no label": report["unknown"]}, folder / "unknown.png"))
        if "classes" in folds:
            made.append(_unknown(folds["classes"]["classes"], folder / "class-left-out.png"))
        if report.get("detection"):
            made.append(_detection(report["detection"], folder))
    return made


def _save(figure: plt.Figure, path: Path) -> Path:
    figure.savefig(path)
    plt.close(figure)
    return path


def _curves(name: str, part: dict[str, Any], path: Path) -> Path:
    panels = 4 if "contexts" in part else 3
    figure, axes = plt.subplots(1, panels, figsize=(4.4 * panels, 4))
    left, middle, right = axes[:3]
    _deferral(left, name, part)
    if "contexts" in part:
        _contexts(axes[3], part)
    for model in ("fast", "slow", "merged"):
        found = part["models"][model]
        coverage, risk = (np.array(found["risk_coverage"][key]) for key in ("coverage", "risk"))
        title = f"{model}, AUGRC {found['augrc']['value']:.4f}"
        middle.plot(coverage, coverage * risk, color=COLOURS[model], label=title)
        bins = np.array(found["reliability"])
        title = f"{model}, ECE {found['ece']['value']:.3f}"
        right.plot(bins[:, 0], bins[:, 1], "o-", ms=3, color=COLOURS[model], label=title)
    middle.set(xlabel="coverage (most confident first)", title="generalised risk; the area below is AUGRC")
    middle.set(ylabel="share of all that is covered and wrong", ylim=(0, None))
    middle.legend(loc="upper left")
    low = min(np.min(np.array(part["models"][m]["reliability"])[:, :2]) for m in ("fast", "slow", "merged"))
    right.plot([low, 1], [low, 1], color="0.6", ls=":", label="calibrated")
    right.set(xlabel="confidence", ylabel="accuracy", title="reliability, 15 bins of equal mass")
    right.legend(loc="upper left")
    return _save(figure, path)


def _deferral(axis: plt.Axes, name: str, part: dict[str, Any]) -> None:
    curve, found = part["deferral"]["curve"], part["deferral"]
    slow, kept = part["models"]["slow"]["accuracy"]["value"], part["kept"]["share"]["value"]
    quality = found["quality"]["value"]
    quality = "" if quality is None else f", DQ {quality:.2f}"
    axis.plot(curve["share"], curve["oracle"], color="0.6", ls="--", label="oracle")
    axis.plot(curve["share"], curve["rule"], color=COLOURS["cascade"], lw=2, label=f"by the rule{quality}")
    axis.plot(curve["share"], curve["random"], color="0.6", ls=":", label="at random")
    axis.axhline(slow - 0.005, color=COLOURS["slow"], lw=0.8, label="slow on everything, less 0.005")
    share = found["share_at_threshold"]["value"]
    axis.axvline(share, color="0.3", lw=0.8, label=f"threshold: {share:.0%} deferred")
    title = f"{name}: deferral; fast could keep {kept:.0%}"
    axis.set(xlabel="share deferred", ylabel="accuracy of the cascade", title=title)
    axis.legend(loc="lower right", framealpha=0.8, frameon=True, edgecolor="none")


def _contexts(axis: plt.Axes, part: dict[str, Any]) -> None:
    rows = part["contexts"]
    at = np.array([row["context"] for row in rows])
    for key, style in (("accuracy", "-"), ("balanced_accuracy", "--")):
        title = f"slow, {key.replace('_', ' ')}"
        axis.plot(
            at, [row[key]["value"] for row in rows], f"o{style}", ms=4, color=COLOURS["slow"], label=title
        )
        axis.vlines(
            at, *zip(*(row[key]["interval"] for row in rows), strict=True), lw=1, color=COLOURS["slow"]
        )
        value = part["models"]["fast"][key]["value"]
        axis.axhline(value, ls=style, lw=0.8, color=COLOURS["fast"], label=f"fast, {key.replace('_', ' ')}")
    axis.set_xscale("log", base=2)
    axis.set_xticks(at, [str(n) for n in at])
    axis.set(xlabel="vectors of context that slow is given", title="what context buys")
    axis.legend(loc="lower right")


def _confusions(name: str, part: dict[str, Any], labels: list[str], path: Path) -> Path:
    models = ("fast", "slow", "merged", "cascade")
    figure, axes = plt.subplots(1, len(models), figsize=(16, 5.4), sharey=True)
    for axis, model in zip(axes, models, strict=True):
        counts = np.array(part["models"][model]["confusion"])
        share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
        axis.grid(False)
        axis.set_xticks(range(len(labels)), labels, rotation=60, ha="right")
        axis.set_yticks(range(len(labels)), labels)
        balanced = part["models"][model]["balanced_accuracy"]["value"]
        axis.set(title=f"{model}, balanced accuracy {balanced:.3f}", xlabel="predicted")
        for row, column in zip(*np.nonzero(counts), strict=True):
            dark = "white" if share[row, column] > 0.5 else "black"
            axis.text(column, row, counts[row, column], ha="center", va="center", fontsize=7, color=dark)
    axes[0].set_ylabel("true")
    figure.suptitle(f"{name}: windows, coloured by their share of the true class")
    return _save(figure, path)


def _recalls(name: str, part: dict[str, Any], path: Path) -> Path:
    """Recall and precision of each class with their intervals."""
    classes = list(part["models"]["fast"]["classes"])
    figure, axes = plt.subplots(1, 2, figsize=(10, 0.55 * len(classes) + 1.4), sharey=True)
    for axis, kind in zip(axes, ("recall", "precision"), strict=True):
        for shift, model in zip((-0.2, 0, 0.2), ("fast", "slow", "cascade"), strict=True):
            for row, label in enumerate(classes):
                found = part["models"][model]["classes"][label][kind]
                if found["value"] is None:
                    continue
                style = {"color": COLOURS[model], "label": model if row == 0 else None}
                axis.plot(found["value"], row + shift, "o", ms=4, **style)
                if None not in found["interval"]:
                    axis.plot(found["interval"], [row + shift] * 2, lw=1.2, color=COLOURS[model])
        axis.set(xlabel=f"{kind}, 95 % interval over files", xlim=(-0.02, 1.02))
    axes[0].set_yticks(range(len(classes)), [f"{c} ({part['counts'][c]})" for c in classes])
    axes[0].invert_yaxis()
    axes[0].legend(loc="lower left")
    figure.suptitle(f"{name}: by class (windows)")
    return _save(figure, path)


def _mixtures(name: str, rows: list[dict[str, Any]], path: Path) -> Path:
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True)
    for axis, apart in zip(axes, (False, True), strict=True):
        of = [row for row in rows if row["apart"] == apart]
        ratios = [row["ratio_db"] for row in of]
        for shift, model in zip((-0.25, 0, 0.25), ("fast", "slow", "cascade"), strict=True):
            found = [row["models"][model] for row in of]
            at = [ratio + shift for ratio in ratios]
            stronger = [f["stronger"]["value"] for f in found]
            axis.plot(at, stronger, "o-", ms=4, color=COLOURS[model], label=f"{model}: the stronger")
            for x, figures in zip(at, found, strict=True):
                axis.plot([x, x], figures["stronger"]["interval"], lw=1, color=COLOURS[model])
            either = [f["either"]["value"] for f in found]
            axis.plot(ratios, either, ls=":", color=COLOURS[model], label=f"{model}: either of the two")
        title = "in bands of their own" if apart else "over each other"
        axis.set(
            title=f"{name}: two signals {title}", xlabel="how far the weaker lies below, dB", ylim=(0, 1.02)
        )
    axes[0].set_ylabel("share of windows whose label is")
    axes[1].legend(loc="lower right", ncols=2, fontsize=8)
    return _save(figure, path)


def _unknown(found: dict[str, Any], path: Path) -> Path:
    """ROC of each score of unknown signals; one panel for each kind of unknown."""
    columns = min(4, len(found))
    rows = -(-len(found) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(max(4.2 * columns, 6), 4 * rows), sharex=True, sharey=True, squeeze=False
    )
    for axis in axes.flat[len(found) :]:
        axis.set_visible(False)
    for axis, (name, part) in zip(axes.flat, found.items(), strict=False):
        for title, score in part["scores"].items():
            label = f"{title} {score['auroc']['value']:.2f}"
            axis.plot(score["roc"]["false"], score["roc"]["caught"], lw=1.4, label=label)
        axis.plot([0, 1], [0, 1], color="0.6", ls=":")
        axis.set(title=f"{name}: {part['windows']} windows of {part['files']} files")
        axis.legend(loc="lower right", fontsize=7, title="AUROC of", title_fontsize=7)
    figure.supxlabel("share of known signals taken for unknown")
    figure.supylabel("share of unknown ones that is seen as such")
    return _save(figure, path)


def _detection(found: dict[str, dict[str, Any]], folder: Path) -> Path:
    kinds = list(found["fast"])
    figure, axes = plt.subplots(2, -(-len(kinds) // 2), figsize=(12, 5.5), sharex=True, sharey=True)
    for axis in axes.flat[len(kinds) :]:
        axis.set_visible(False)
    for axis, kind in zip(axes.flat, kinds, strict=False):
        for model in found:
            axis.plot(SNR_DB, found[model][kind]["model"], color=COLOURS[model], label=model)
        axis.plot(
            SNR_DB, found["fast"][kind]["radiometer"], color="0.5", ls="--", label="radiometer, 1 vector"
        )
        axis.set_title(f"{kind} at {found['fast'][kind]['rate'] / 1e6:g} MHz")
    axes[0, 0].legend()
    figure.supxlabel("SNR in the signal's band, dB")
    figure.supylabel(f"probability of detection at a false-alarm rate of {FALSE_ALARM:g}")
    return _save(figure, folder / "detection.png")
