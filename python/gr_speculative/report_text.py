# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""An evaluation report as text on the terminal."""

from __future__ import annotations

from typing import Any

from .report import show


def show_report(report: dict[str, Any]) -> None:
    """Prints a report (report.json's content)."""
    for name, part in report["sets"].items():
        show_set(name, part)
    for name, rows in report["mixtures"].items():
        _show_mixtures(name, rows)
    if report["unknown"]:
        found = "  ".join(f"{k} {v:.3f}" for k, v in report["unknown"]["auroc"].items())
        print(f"\nunknown signals, AUROC over {report['unknown']['windows']} windows: {found}")


def show_set(name: str, part: dict[str, Any]) -> None:
    """Prints the figures of one set of windows."""
    print(f"\n{name}: {part['windows']} windows of {part['files']} files")
    print(f"{'':9}{'accuracy':22}{'balanced':22}{'NLL':22}{'ECE':22}{'AUGRC':22}")
    for model, figures in part["models"].items():
        columns = ("accuracy", "balanced_accuracy", "nll", "ece", "augrc")
        print(f"{model:8}" + "".join(f"{show(figures[c]):22}" for c in columns))
    for label in part["models"]["fast"]["recall"]:
        recalls = "".join(
            f"  {model} {show(figures['recall'][label])}" for model, figures in part["models"].items()
        )
        print(f"  {label:10} {part['counts'][label]:5d}{recalls}")
    deferral = part["deferral"]
    print(f"  slow over fast, balanced {show(part['slow_over_fast'])}")
    print(f"  deferred at the threshold {show(deferral['share_at_threshold'])}", end="")
    print(f"  deferral quality {show(deferral['quality'])}  could keep {part['kept']['share']:.2f}")


def _show_mixtures(name: str, rows: list[dict[str, Any]]) -> None:
    print(f"\n{name}, two signals at once: named as the stronger (as either)")
    for row in rows:
        place = "apart" if row["apart"] else "over each other"
        models = "".join(
            f"  {model} {show(figures['stronger'])} ({figures['either']['value']:.3f})"
            for model, figures in row["models"].items()
        )
        print(
            f"  {row['ratio_db']:4g} dB {place:16}{row['windows']:5d}{models}  deferred {row['deferred']:.2f}"
        )
