# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The model card: an evaluation report as Markdown, with what the figures do not support."""

from __future__ import annotations

from typing import Any

import numpy as np

from .detection import FALSE_ALARM, SNR_DB
from .report import show
from .rule_comparison import markdown

FEW = 60


def model_card(report: dict[str, Any]) -> str:
    """Markdown of a report (report.json's content)."""
    parts = ["# Model card", _models(report)]
    parts += [_set(name, part) for name, part in report["sets"].items()]
    parts += [_rules(name, compared) for name, compared in report["rules"].items()]
    if report["unknown"]:
        parts.append(_unknown(report["unknown"]))
    if report.get("detection"):
        parts.append(_detection(report["detection"]))
    parts.append(_limits(report))
    return "\n\n".join(parts) + "\n"


def _models(report: dict[str, Any]) -> str:
    lines = [
        "Written by `gr-speculative evaluate --card`. In brackets: 95 % intervals, bootstrapped over files.",
        "",
        f"Evaluated on the recordings with digest `{report['data_sha256'][:16]}`; deferral threshold "
        f"{report['threshold']:g}.",
        "",
        "| model | weights (SHA-256) | training data | seed | command |",
        "|---|---|---|---|---|",
    ]
    for role, model in report["models"].items():
        made = model["training"]
        lines.append(
            f"| {role} `{model['name']}` | `{model['sha256'][:16]}` | `{made.get('data_sha256', '?')[:16]}` "
            f"| {made.get('seed', '?')} | `{made.get('command', '?')}` |"
        )
    return "\n".join(lines)


def _set(name: str, part: dict[str, Any]) -> str:
    columns = {
        "accuracy": "accuracy",
        "balanced_accuracy": "balanced",
        "nll": "NLL",
        "ece": "ECE",
        "augrc": "AUGRC",
    }
    lines = [
        f"## {name}: {part['windows']} windows of {part['files']} files",
        "",
        "| | " + " | ".join(columns.values()) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for model, figures in part["models"].items():
        lines.append(f"| {model} | " + " | ".join(show(figures[c]) for c in columns) + " |")
    models = list(part["models"])
    lines += ["", "| recall | windows | " + " | ".join(models) + " |", "|---" * (len(models) + 2) + "|"]
    for label in part["models"]["fast"]["recall"]:
        recalls = " | ".join(show(part["models"][m]["recall"][label]) for m in models)
        lines.append(f"| {label} | {part['counts'][label]} | {recalls} |")
    deferral = part["deferral"]
    lines += [
        "",
        f"Slow over fast in balanced accuracy: {show(part['slow_over_fast'])}. "
        f"Deferred at the threshold: {show(deferral['share_at_threshold'])}. "
        f"Deferral quality (0 random, 1 oracle): {show(deferral['quality'])}. "
        f"Fast could keep {part['kept']['share']:.2f} of the vectors within half a point of slow on "
        f"everything, at a threshold of {part['kept']['threshold']:.3f}.",
    ]
    return "\n".join(lines)


def _rules(name: str, compared: dict[str, Any]) -> str:
    title = f"## {name}: deferral rules, accuracy of the cascade with a share of the vectors deferred"
    return f"{title}\n\n{markdown(compared)}"


def _unknown(found: dict[str, Any]) -> str:
    lines = [
        f"## Unknown signals: {found['windows']} windows that no label names, against known signals",
        "",
        "| score | AUROC |",
        "|---|---|",
    ]
    return "\n".join(lines + [f"| {name} | {value:.3f} |" for name, value in found["auroc"].items()])


def _detection(found: dict[str, Any]) -> str:
    lines = [
        f"## Detection of synthetic signals: in-band SNR (dB) for 90 % at a false-alarm rate {FALSE_ALARM:g}",
        "",
        "| kind | rate | fast | slow | ideal radiometer, one vector |",
        "|---|---|---|---|---|",
    ]
    for kind, fast in found["fast"].items():
        columns = (fast["model"], found["slow"][kind]["model"], fast["radiometer"])
        snrs = " | ".join(_crossing(np.array(c)) for c in columns)
        lines.append(f"| {kind} | {fast['rate'] / 1e6:g} MHz | {snrs} |")
    return "\n".join(lines)


def _limits(report: dict[str, Any]) -> str:
    lines = [
        "## What the models cannot do",
        "",
        "* They know eight classes. A signal of no class gets the label of the one it "
        "resembles: see the table of unknown signals for how well scores tell.",
        "* One vector holds one label: of several signals at once, the one that the network finds strongest.",
        "* Intervals that rest on few files are wide, and on a single file say nothing about other devices.",
    ]
    for name, part in report["sets"].items():
        few = [f"{label} ({n})" for label, n in part["counts"].items() if 0 < n < FEW]
        absent = [label for label, n in part["counts"].items() if n == 0]
        if few:
            lines.append(f"* {name}: fewer than {FEW} windows, no basis for a percentage: {', '.join(few)}.")
        if absent:
            lines.append(f"* {name}: no window at all of {', '.join(absent)}.")
    lines += ["", "How they were made, and what did not help: [models.md](models.md)."]
    return "\n".join(lines)


def _crossing(detected: np.ndarray, wanted: float = 0.9) -> str:
    """SNR from which on the curve stays at or above `wanted`, interpolated."""
    below = np.flatnonzero(detected < wanted)
    if len(below) == 0:
        return f"< {SNR_DB[0]:g}"
    last = below[-1]
    if last + 1 == len(detected):
        return f"> {SNR_DB[-1]:g}"
    return f"{np.interp(wanted, detected[last : last + 2], SNR_DB[last : last + 2]):.1f}"
