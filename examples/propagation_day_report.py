# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""What propagation_day.py has to say: figures with intervals over the days, and the one picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import t as student

HOURS = 24
COLOURS = {"fast": "#1c7ed6", "constant": "#868e96", "follows": "#d9480f", "all": "#2b8a3e"}


@dataclass(frozen=True)
class Day:
    """truth: label of each vector, '' where there is none, str [n]; results: of each cascade (constant, follows,
    asks about everything), by vector; conditions: the messages, one a step; thresholds: in force, [steps, 3];
    reach: median SNR of the distant transmitters in 10 kHz, dB, [steps]."""

    truth: np.ndarray
    results: list[dict[int, dict]]
    conditions: list[dict]
    thresholds: np.ndarray
    reach: np.ndarray


class Scored:
    """Of one day, by vector [n]: its step, whether it counts and whether a duct alert stood; of each way to
    decide, whether it was right and whether it asked."""

    def __init__(self, day: Day) -> None:
        offsets = np.arange(len(day.truth))
        constant, follows, everything = ([of[o] for o in offsets] for of in day.results)
        self.step = offsets * len(day.conditions) // len(offsets)
        self.usable = day.truth != ""
        self.duct = np.array([c["tropospheric_duct_present"] for c in day.conditions], bool)[self.step]
        self.margin = np.array([r["margin"] for r in everything])
        fast = np.array([r["fast_label"] for r in everything]) == day.truth
        merged = np.array([r["label"] for r in everything]) == day.truth
        self.right = {"fast": fast, "all": merged}
        self.asked = {"fast": np.zeros(len(fast), bool), "all": np.ones(len(fast), bool)}
        for name, chosen in (("constant", constant), ("follows", follows)):
            self.right[name] = np.array([r["label"] for r in chosen]) == day.truth
            self.asked[name] = np.array(["seq" in r for r in chosen])
        # A constant threshold that asks as often over the day as the weather made the other one ask.
        ask = self.margin < np.quantile(self.margin, self.asked["follows"].mean())
        self.asked["as many"], self.right["as many"] = ask, np.where(ask, merged, fast)

    def accuracy(self, name: str, where: np.ndarray) -> float:
        return float(self.right[name][self.usable & where].mean())

    def deferral(self, name: str, where: np.ndarray) -> float:
        return float(self.asked[name][where].mean())

    def curve(self, where: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """Accuracy of a constant threshold there, by the share that it defers."""
        limits = np.quantile(self.margin[where], shares)
        right = [np.where(self.margin < limit, self.right["all"], self.right["fast"]) for limit in limits]
        return np.array([r[self.usable & where].mean() for r in right])


NAMES = {
    "fast": "fast model alone",
    "constant": "constant threshold",
    "follows": "follows the weather",
    "as many": "constant, as many calls a day",
    "all": "asks about everything",
}


def report(days: list[Day], picture: Path) -> dict:
    """Prints the table and the paired differences, draws, and returns the figures."""
    scored = [Scored(day) for day in days]
    everywhere = [np.ones(len(s.step), bool) for s in scored]
    periods = {
        "calm": [~s.duct for s in scored],
        "duct": [s.duct for s in scored],
        "day": everywhere,
    }
    figures: dict = {
        "days": len(days),
        "alerts": [[c["alert"] for c in day.conditions if "alert" in c] for day in days],
        "thresholds": {
            name: days[0].thresholds[:, i].tolist() for i, name in enumerate(("constant", "follows"))
        },
    }
    print(f"{'':<31}" + "".join(f"{period:>22}" for period in periods))
    print(f"{'':<31}" + f"{'accuracy':>12}{'deferred':>10}" * len(periods))
    for name, text in NAMES.items():
        row = {}
        for period, where in periods.items():
            by_day = [s.accuracy(name, w) for s, w in zip(scored, where, strict=True)]
            deferred = [s.deferral(name, w) for s, w in zip(scored, where, strict=True)]
            row[period] = {
                "accuracy": float(np.mean(by_day)),
                "deferred": float(np.mean(deferred)),
                "accuracy of each day": by_day,
                "deferred of each day": deferred,
            }
        figures[text] = row
        print(f"{text:<31}" + "".join(f"{c['accuracy']:>12.3f}{c['deferred']:>10.0%}" for c in row.values()))
    print("difference in accuracy, points, 95 % over the days (paired):")
    for name, other in (("follows", "constant"), ("follows", "as many"), ("all", "follows")):
        cells = {}
        for period, where in periods.items():
            found = [
                100 * (s.accuracy(name, w) - s.accuracy(other, w)) for s, w in zip(scored, where, strict=True)
            ]
            cells[period] = interval(found)
        text = f"{NAMES[name]} − {NAMES[other]}"
        figures[text] = cells
        print(
            f"  {text:<54}"
            + "".join(
                f"{p} {c[0]:+.1f} [{', '.join(f'{x:+.1f}' for x in c[1:])}]  " for p, c in cells.items()
            )
        )
    draw(picture, days, scored, figures)
    return figures


def interval(values: list[float]) -> list[float]:
    """Mean, and the ends of its 95 % interval by Student's t, which one value does not have."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return [mean]
    half = float(student.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return [mean, mean - half, mean + half]


def draw(path: Path, days: list[Day], scored: list[Scored], figures: dict) -> None:
    steps = len(days[0].conditions)
    edges = np.linspace(0, HOURS, steps + 1)
    figure = Figure(figsize=(15, 9), dpi=120, layout="constrained")
    grid = figure.add_gridspec(4, 2, width_ratios=(1.9, 1), height_ratios=(1, 1, 1, 1.7))
    quality, threshold, deferral, accuracy = (figure.add_subplot(grid[i, 0]) for i in range(4))
    curve = figure.add_subplot(grid[1:, 1])
    _draw_weather(quality, days[0], edges)
    table = figure.add_subplot(grid[0, 1])
    _draw_table(table, figures)
    for column, name in enumerate(("constant", "follows")):
        threshold.stairs(days[0].thresholds[:, column], edges, color=COLOURS[name], lw=2.2, label=NAMES[name])
    threshold.set(ylim=(0, 1.05), ylabel="threshold")
    threshold.legend(loc="upper left", fontsize=9)
    for name in ("constant", "follows"):
        asked = _by_step(scored, steps, lambda s, w, name=name: s.deferral(name, w))
        deferral.stairs(asked.mean(axis=0), edges, color=COLOURS[name], lw=2.2)
    deferral.set(ylim=(0, 1.05), ylabel="deferred")
    middle = (edges[1:] + edges[:-1]) / 2
    for name, style in (("fast", ":"), ("all", ":"), ("constant", "-"), ("follows", "-")):
        right = _by_step(scored, steps, lambda s, w, name=name: s.accuracy(name, w))
        accuracy.stairs(right.mean(axis=0), edges, color=COLOURS[name], ls=style, lw=2, label=NAMES[name])
    gain = _by_step(scored, steps, lambda s, w: s.accuracy("follows", w) - s.accuracy("constant", w))
    for x, column in zip(middle, gain.T, strict=True):
        accuracy.text(
            x, 1.015, f"{100 * column.mean():+.1f}", ha="center", fontsize=8, color=COLOURS["follows"]
        )
    accuracy.set(ylim=(0.35, 1.08), ylabel="accuracy, after revisions", xlabel="hour of the day")
    accuracy.text(0.2, 0.985, "points gained:", fontsize=8, color=COLOURS["follows"], va="top")
    accuracy.legend(loc="lower left", fontsize=8, ncol=4)
    standing = np.array([c["tropospheric_duct_present"] for c in days[0].conditions], bool)
    for axes in (quality, threshold, deferral, accuracy):
        axes.set_xlim(0, HOURS)
        axes.set_xticks(range(0, HOURS + 1, 2))
        for left in edges[:-1][standing]:
            axes.axvspan(left, left + HOURS / steps, color="#fff3bf", zorder=0)
    _draw_curve(curve, scored, figures)
    figure.suptitle(
        f"A node that listens to the weather ({len(days)} generated days)",
        x=0.01,
        ha="left",
        fontsize=13,
        fontweight="bold",
    )
    figure.savefig(path)


def _by_step(scored: list[Scored], steps: int, measure) -> np.ndarray:
    """[days, steps]"""
    return np.array([[measure(s, s.step == i) for i in range(steps)] for s in scored])


def _draw_weather(axes, day: Day, edges: np.ndarray) -> None:
    axes.stairs([c["propagation_quality"] for c in day.conditions], edges, color="#1971c2", lw=2.2)
    for left, condition in zip(edges, day.conditions, strict=False):
        if alert := condition.get("alert"):
            colour = "#c92a2a" if alert == "raised" else "#2b8a3e"
            axes.axvline(left, color=colour, lw=2)
            axes.text(left, 1.13, f" duct alert {alert}", color=colour, fontsize=9)
    axes.set(ylim=(0, 1.25), ylabel="propagation\nquality")
    axes.yaxis.label.set_color("#1971c2")
    reach = axes.twinx()
    reach.stairs(day.reach, edges, color="#862e9c", lw=1.5, ls="--", baseline=None)
    reach.set_ylabel("distant signals,\nmedian SNR, dB", color="#862e9c", fontsize=9)


def _draw_table(axes, figures: dict) -> None:
    axes.axis("off")
    lines = [f"{'':<30}  calm        duct"]
    for text in NAMES.values():
        cells = (figures[text][period] for period in ("calm", "duct"))
        lines.append(f"{text:<30}" + "  ".join(f"{c['accuracy']:.3f} {c['deferred']:>4.0%}" for c in cells))
    axes.text(0, 1, "\n".join(lines), family="monospace", fontsize=8.5, va="top")


def _draw_curve(axes, scored: list[Scored], figures: dict) -> None:
    shares = np.linspace(0, 1, 41)
    for period, colour in (("calm", "#1c7ed6"), ("duct", "#e67700")):
        curves = [s.curve(s.duct == (period == "duct"), shares) for s in scored]
        axes.plot(
            shares, np.mean(curves, axis=0), color=colour, lw=2, label=f"any constant threshold, {period}"
        )
        for name, marker in (("constant", "o"), ("follows", "^"), ("as many", "s")):
            at = figures[NAMES[name]][period]
            axes.plot(
                at["deferred"],
                at["accuracy"],
                marker,
                color=colour,
                ms=9,
                mec="k",
                label=f"{NAMES[name]}, {period}",
            )
    axes.set(xlabel="share deferred to the slow model", ylabel="accuracy")
    axes.grid(color="#eeeeee")
    axes.legend(fontsize=8, loc="lower right")
    axes.set_title("what calls buy, in calm weather and while a duct stands", loc="left", fontsize=10)
