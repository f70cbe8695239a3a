# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The model card: an evaluation report as Markdown, with what the figures do not support."""

from __future__ import annotations

from typing import Any

import numpy as np

from .detection import FALSE_ALARM, SNR_DB
from .report import MODELS, most_confused, show
from .rule_comparison import markdown
from .targets import ASKED, targets

FEW = 60
WORST = 10


def model_card(report: dict[str, Any]) -> str:
    """Markdown of a report (report.json's content)."""
    folds = report["folds"]
    parts = ["# Model card", _models(report), _targets(report)]
    parts += [_set(name, part) for name, part in report["sets"].items()]
    if "devices" in folds:
        parts.append(_devices(folds["devices"]))
        parts += [_set(name, part) for name, part in folds["devices"]["sets"].items()]
    parts += [_rules(name, compared) for name, compared in report["rules"].items()]
    parts += [_mixtures(name, rows) for name, rows in report["mixtures"].items()]
    if report["unknown"]:
        parts.append(_unknown(report["unknown"]))
    if "classes" in folds:
        parts.append(_classes(folds["classes"]))
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
    labels = list(next(iter(report["splits"].values()))["windows"])
    lines += [
        "",
        "| split | files | devices | " + " | ".join(labels) + " |",
        "|---" * (len(labels) + 3) + "|",
    ]
    for name, split in report["splits"].items():
        counts = " | ".join(map(str, split["windows"].values()))
        lines.append(f"| {name} | {split['files']} | {split['devices']} | {counts} |")
    lines += [
        "",
        "Trained on `train`; temperatures, threshold and merge weights are fitted on `val`. Windows by label.",
    ]
    return "\n".join(lines)


def _targets(report: dict[str, Any]) -> str:
    lines = [
        "## What was aimed for",
        "",
        "| set | figure | wanted | found | |",
        "|---|---|---|---|---|",
    ]
    for target in targets(report):
        wanted = f"{'at most' if target.most else 'at least'} {target.wanted:.2f}"
        verdict = "met" if target.is_met else "**missed**"
        lines.append(f"| {target.where} | {target.what} | {wanted} | {show(target.figure)} | {verdict} |")
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
    columns = {"recall": "recall", "precision": "precision", "nll": "NLL", "ece": "classwise ECE"}
    lines += ["", "| class | windows | model | " + " | ".join(columns.values()) + " |"]
    lines.append("|---" * (len(columns) + 3) + "|")
    for label in part["models"]["fast"]["classes"]:
        start = f"{label} | {part['counts'][label]}"
        for model in MODELS:
            figures = part["models"][model]
            found = " | ".join(show(figures["classes"][label][c]) for c in columns)
            lines.append(f"| {start} | {model} | {found} |")
            start = " | "
    deferral = part["deferral"]
    for model in ("fast", "slow", "merged"):
        lines += ["", f"Most confused, {model}: {most_confused(part, model)}."]
    lines += [
        "",
        f"Slow over fast in balanced accuracy: {show(part['slow_over_fast'])}. "
        f"Deferred at the threshold: {show(deferral['share_at_threshold'])}. "
        f"Deferral quality (0 random, 1 oracle): {show(deferral['quality'])}. "
        f"Fast could keep {show(part['kept']['share'])} of the vectors within half a point of slow on "
        f"everything, at a threshold of {part['kept']['threshold']:.3f}.",
    ]
    if "contexts" in part:
        lines += [
            "",
            "| slow with its last K vectors | "
            + " | ".join(str(r["context"]) for r in part["contexts"])
            + " |",
        ]
        lines.append("|---" * (len(part["contexts"]) + 1) + "|")
        for key in ("accuracy", "balanced_accuracy"):
            figures = " | ".join(show(row[key]) for row in part["contexts"])
            lines.append(f"| {key.replace('_', ' ')} | {figures} |")
    for model, lost in part.get("drop", {}).items():
        figures = ", ".join(f"{title.replace('_', ' ')} {show(figure)}" for title, figure in lost.items())
        lines += ["", f"Lost from the recorded rates to these, {model}: {figures}."]
    if "rates" in part:
        lines += ["", "| accuracy at times the recorded rate | windows | files | fast | slow | merged |"]
        lines.append("|---" * 6 + "|")
        for row in part["rates"]:
            figures = " | ".join(show(row[model]) for model in ASKED)
            lines.append(
                f"| {row['from']:g} to {row['to']:g} | {row['windows']} | {row['files']} | {figures} |"
            )
    return "\n".join(lines)


def _devices(found: dict[str, Any]) -> str:
    """How the folds were made, and the devices that went worst."""
    command = found["trained"][0]["slow"].get("command", "?")
    lines = [
        "## Devices held out in turn",
        "",
        f"{found['folds']} pairs of models, trained anew without every {found['folds']}th device of each class and "
        "calibrated on other devices; each device is measured by the pair that never saw it (`gr-speculative "
        f"folds`, {len(found['trained'])} pairs done, each by `{command}`). These pairs are smaller efforts than "
        f"the shipped one. The {WORST} devices that slow knows least:",
        "",
        "| device | label | windows | fast | slow | merged | cascade |",
        "|---" * 7 + "|",
    ]
    for row in found["devices"][:WORST]:
        figures = " | ".join(f"{row[model]:.3f}" for model in MODELS)
        lines.append(f"| {row['device']} | {row['label']} | {row['windows']} | {figures} |")
    return "\n".join(lines)


def _mixtures(name: str, rows: list[dict[str, Any]]) -> str:
    lines = [
        f"## {name}: two signals at once",
        "",
        "Pairs of windows of different classes, added. Named as the stronger, and (as either of the two).",
        "",
        "| weaker by | place | windows | fast | slow | cascade | deferred |",
        "|---" * 7 + "|",
    ]
    for row in rows:
        place = "apart" if row["apart"] else "overlapping"
        figures = " | ".join(
            f"{show(figure['stronger'])} ({figure['either']['value']:.3f})"
            for figure in row["models"].values()
        )
        start = f"| {row['ratio_db']:g} dB | {place} | {row['windows']}"
        lines.append(f"{start} | {figures} | {show(row['deferred'])} |")
    return "\n".join(lines)


def _rules(name: str, compared: dict[str, Any]) -> str:
    title = f"## {name}: deferral rules, accuracy of the cascade with a share of the vectors deferred"
    return f"{title}\n\n{markdown(compared)}"


def _unknown(found: dict[str, Any]) -> str:
    lines = [
        f"## Unknown signals: {found['windows']} windows of {found['files']} files that no label names, against "
        f"{found['known_windows']} of known signals",
        "",
        "| score | AUROC |",
        "|---|---|",
    ]
    rows = (f"| {name} | {show(score['auroc'])} |" for name, score in found["scores"].items())
    return "\n".join([*lines, *rows])


def _classes(found: dict[str, Any]) -> str:
    classes = found["classes"]
    titles = list(next(iter(classes.values()))["scores"])
    lines = [
        "## A class left out of training: is it seen as unknown?",
        "",
        "AUROC of all its windows against the signals of the validation devices; a fast network of each row, "
        f"{found['epochs']} epochs of {found['shards']},000 examples (`gr-speculative folds --by class`).",
        "",
        "| class | windows | files | " + " | ".join(titles) + " |",
        "|---" * (len(titles) + 3) + "|",
    ]
    for name, row in classes.items():
        figures = " | ".join(show(row["scores"][title]["auroc"]) for title in titles)
        lines.append(f"| {name} | {row['windows']} | {row['files']} | {figures} |")
    return "\n".join(lines)


def _detection(found: dict[str, Any]) -> str:
    lines = [
        f"## Detection of synthetic signals: in-band SNR (dB) for 90 % at a false-alarm rate {FALSE_ALARM:g}",
        "",
        "| kind | rate | fast | slow | merged | ideal radiometer, one vector |",
        "|---|---|---|---|---|---|",
    ]
    for kind, fast in found["fast"].items():
        columns = (*(found[role][kind]["model"] for role in found), fast["radiometer"])
        snrs = " | ".join(_crossing(np.array(c)) for c in columns)
        lines.append(f"| {kind} | {fast['rate'] / 1e6:g} MHz | {snrs} |")
    return "\n".join(lines)


def _limits(report: dict[str, Any]) -> str:
    lines = [
        "## What the models cannot do",
        "",
        "* They know eight classes. A signal of no class gets the label of the one it "
        "resembles: see the table of unknown signals for how well scores tell.",
        "* One vector holds one label: of several signals at once, the one that the network finds strongest; "
        "see the tables of two signals at once.",
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
