# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""An evaluation report as text on the terminal."""

from __future__ import annotations

from typing import Any

from .report import most_confused, show
from .targets import ASKED, targets


def show_report(report: dict[str, Any]) -> None:
    """Prints a report (report.json's content)."""
    for name, part in report["sets"].items():
        show_set(name, part)
    for name, rows in report["mixtures"].items():
        _show_mixtures(name, rows)
    if report["unknown"]:
        found = report["unknown"]
        print(f"\nunknown signals, AUROC over {found['windows']} windows of {found['files']} files")
        for title, score in found["scores"].items():
            print(f"  {title:36}{show(score['auroc'])}")
    print("\nwhat was aimed for")
    for target in targets(report):
        sign, verdict = "≤" if target.most else "≥", "met" if target.is_met else "missed"
        print(
            f"  {target.where:24}{target.what:52}{sign} {target.wanted:.2f}  {show(target.figure)}  {verdict}"
        )


def show_set(name: str, part: dict[str, Any]) -> None:
    """Prints the figures of one set of windows."""
    print(f"\n{name}: {part['windows']} windows of {part['files']} files")
    print(f"{'':9}{'accuracy':22}{'balanced':22}{'NLL':22}{'ECE':22}{'AUGRC':22}")
    for model, figures in part["models"].items():
        columns = ("accuracy", "balanced_accuracy", "nll", "ece", "augrc")
        print(f"{model:8}" + "".join(f"{show(figures[c]):22}" for c in columns))
    print("  recall of")
    for label in part["models"]["fast"]["classes"]:
        recalls = (f"{model} {show(m['classes'][label]['recall'])}" for model, m in part["models"].items())
        print(f"  {label:10} {part['counts'][label]:5d}  {'  '.join(recalls)}")
    for model in ("fast", "slow", "merged"):
        print(f"  most confused, {model}: {most_confused(part, model)}")
    deferral = part["deferral"]
    print(f"  slow over fast, balanced {show(part['slow_over_fast'])}")
    print(f"  deferred at the threshold {show(deferral['share_at_threshold'])}", end="")
    print(f"  deferral quality {show(deferral['quality'])}  could keep {show(part['kept']['share'])}")
    for row in part.get("contexts", []):
        figures = f"{show(row['accuracy'])}  balanced {show(row['balanced_accuracy'])}"
        print(f"  slow with its last {row['context']:2d} vectors: accuracy {figures}")
    for model, lost in part.get("drop", {}).items():
        figures = (f"{name.replace('_', ' ')} {show(figure)}" for name, figure in lost.items())
        print(f"  lost at other rates, {model}: {'  '.join(figures)}")
    for row in part.get("rates", []):
        figures = "  ".join(f"{model} {show(row[model])}" for model in ASKED)
        print(f"  at {row['from']:.2f} to {row['to']:.2f} times the rate {row['windows']:5d}  {figures}")


def _show_mixtures(name: str, rows: list[dict[str, Any]]) -> None:
    print(f"\n{name}, two signals at once: named as the stronger (as either)")
    for row in rows:
        place = "apart" if row["apart"] else "over each other"
        models = "".join(
            f"  {model} {show(figures['stronger'])} ({figures['either']['value']:.3f})"
            for model, figures in row["models"].items()
        )
        print(
            f"  {row['ratio_db']:4g} dB {place:16}{row['windows']:5d}{models}  deferred {show(row['deferred'])}"
        )


def show_left_out(report: dict[str, Any]) -> None:
    """Prints the AUROC of each score for each class that was left out (classes.json's content)."""
    for name, found in report["classes"].items():
        counts = f"{found['windows']} windows of {found['files']} files, {found['known_windows']} known"
        print(f"\n{name}, never trained on: AUROC of its {counts}")
        for title, score in found["scores"].items():
            print(f"  {title:34}{show(score['auroc'])}")
