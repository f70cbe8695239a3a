# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""A day in half a minute: a node whose threshold follows the weather, beside one that does not know of it.

The schedule goes from a standard atmosphere to a strong duct and back. While the duct stands, the generated
scene brings weaker signals and distant ones on top of them. Run it with `./gr-speculative python
examples/propagation_day.py`. It draws propagation_day.png: quality and alerts, threshold, deferral, and the
accuracy that it bought.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pmt
from gnuradio import gr
from gnuradio.speculative.atmosphere_source import atmosphere_source
from gnuradio.speculative.node_flowgraph import NodeOptions, node_flowgraph
from matplotlib.figure import Figure

from gr_speculative.installed import default_fast_model, default_slow_model
from gr_speculative.scene import plan_scene, vector_labels, write_scene
from gr_speculative.sigmf_io import open_recording, read_spans
from gr_speculative.worker import Worker

RATE, VECTOR = 250e3, 1024
KINDS = ("ook_ism", "fsk_ism")
STRENGTHS = (0, 2, 4, 8, 20, 35, 30, 16, 5, 4, 1, 0)  # of the duct, M-units, one profile a step
GRADIENTS = (-40, -42, -48, -55, -70, -80, -75, -65, -50, -45, -42, -40)  # above it, N-units per km


class ear(gr.basic_block):
    """Keeps the messages of one port, with the stream's time at which they came."""

    def __init__(self, now):
        gr.basic_block.__init__(self, "ear", in_sig=None, out_sig=None)
        self.heard, self._now = [], now
        self.message_port_register_in(pmt.intern("in"))
        self.set_msg_handler(pmt.intern("in"), self._hear)

    def _hear(self, message) -> None:
        self.heard.append((self._now(), pmt.car(message)))

    def series(self, key: str, read=pmt.to_double) -> tuple[list[float], list]:
        found = [(t, pmt.dict_ref(m, pmt.intern(key), pmt.PMT_NIL)) for t, m in self.heard]
        found = [(t, read(value)) for t, value in found if not pmt.is_null(value)]
        return [t for t, _ in found], [value for _, value in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out/propagation_day"))
    parser.add_argument(
        "--step", type=float, default=2.5, help="seconds that a profile holds, default %(default)s"
    )
    parser.add_argument(
        "--strength", type=float, default=0.9, help="of the conditions, 0 to 1, default %(default)s"
    )
    parser.add_argument("--threshold", type=float, default=0.5, help="in good weather, default %(default)s")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    write_schedule(args.out / "schedule.csv")
    scene = write_scene(args.out / "scene", plan_day(args.seed, args.step * len(STRENGTHS)))
    runs = {}
    with Worker(default_slow_model()) as worker:
        for name, strength in (("deaf to the weather", 0.0), ("follows the weather", args.strength)):
            runs[name] = listen(scene, args, worker.endpoint, strength)
    table = draw(args.out / "propagation_day.png", scene, runs)
    (args.out / "propagation_day.json").write_text(json.dumps(table, indent=2) + "\n")
    for name, row in table.items():
        print(f"{name:<20}", "  ".join(f"{k} {v:.3f}" for k, v in row.items()))
    print(args.out / "propagation_day.png")


def write_schedule(path: Path) -> None:
    lines = ["time,height_m,refractivity"]
    for hour, (strength, gradient) in enumerate(zip(STRENGTHS, GRADIENTS, strict=True)):
        stamp = f"2024-07-01T{2 * hour:02d}:00Z"
        top = 340 - strength - 0.157 * 120
        levels = ((0, 340), (120, top), (1000, top + 0.88 * gradient), (3000, top + 0.88 * gradient - 80))
        lines += [f"{stamp},{height},{n:.2f}" for height, n in levels]
    path.write_text("\n".join(lines) + "\n")


def plan_day(seed: int, seconds: float):
    """Good signals; a third of the day weak ones with others on top; good ones again."""
    third = seconds / 3
    calm = plan_scene(seed, RATE, third, KINDS, snr_db=(10.0, 25.0), overlaps=0)
    duct = plan_scene(seed + 1, RATE, third, KINDS, snr_db=(-2.0, 8.0), overlaps=1, receiver=calm.receiver)
    after = plan_scene(seed + 2, RATE, third, KINDS, snr_db=(10.0, 25.0), overlaps=0)
    return replace(calm, segments=calm.segments + duct.segments + after.segments)


def listen(scene: Path, args: argparse.Namespace, hub: str, strength: float) -> dict:
    recording = open_recording(scene)
    results: dict[int, dict] = {}
    options = NodeOptions(
        str(default_fast_model()), args.threshold, deadline=5.0, hub=hub, max_in_flight=2048
    )
    node = node_flowgraph(recording, options, [lambda r: results.__setitem__(r["offset"], r)])
    classifier = node.classifier.classifier
    classifier.set_conditions(strength)
    weather = atmosphere_source(str(args.out / "schedule.csv"), 900e6, args.step, replay=True)
    conditions, telemetry = (ear(lambda: node.source.position / RATE) for _ in range(2))
    node.msg_connect(weather, "conditions", classifier, "conditions")
    node.msg_connect(weather, "conditions", conditions, "in")
    node.msg_connect(classifier, "telemetry", telemetry, "in")
    node.start()
    while not node.wait_finished(0.2):
        pass
    node.stop()
    node.wait()
    return {"results": results, "conditions": conditions, "telemetry": telemetry}


def draw(path: Path, scene: Path, runs: dict) -> dict:
    recording = open_recording(scene)
    seconds = recording.n_samples / RATE
    vectors = recording.n_samples // VECTOR
    truth = vector_labels(read_spans(scene), vectors, VECTOR)
    edges = np.linspace(0, seconds, 25)
    figure = Figure(figsize=(13, 8.2), dpi=130, layout="constrained")
    quality, threshold, deferral, accuracy = figure.subplots(4, 1, sharex=True)
    known = next(reversed(runs.values()))["conditions"]
    t, q = known.series("propagation_quality")
    quality.step([*t, seconds], [*q, q[-1]], where="post", color="#1971c2", lw=2)
    for at, alert in zip(*known.series("alert", pmt.symbol_to_string), strict=True):
        quality.axvline(at, color="#c92a2a" if alert == "raised" else "#2b8a3e", lw=2)
        quality.text(
            at, 1.04, f" duct alert {alert}", color="#c92a2a" if alert == "raised" else "#2b8a3e", fontsize=9
        )
    quality.set(ylim=(0, 1.2), ylabel="propagation\nquality")
    table = {}
    for (name, run), colour in zip(runs.items(), ("#868e96", "#d9480f"), strict=True):
        offsets = np.array(sorted(o for o in run["results"] if o < vectors))
        chosen = [run["results"][o] for o in offsets]
        at = offsets * VECTOR / RATE
        deferred = np.array(["seq" in r for r in chosen])
        usable = truth[offsets] != ""
        right = np.array([r["label"] for r in chosen]) == truth[offsets]
        fast = np.array([r["fast_label"] for r in chosen]) == truth[offsets]
        bad = (at > seconds / 3) & (at < 2 * seconds / 3)
        t, level = run["telemetry"].series("threshold")
        threshold.step(t, level, where="post", color=colour, lw=2, label=name)
        deferral.stairs(_mean(at, deferred, edges), edges, color=colour, lw=2)
        accuracy.stairs(_mean(at[usable], right[usable], edges), edges, color=colour, lw=2)
        table[name] = {
            "answered in time": sum(r["source"] == "ensemble" for r in chosen) / max(int(deferred.sum()), 1),
            "deferred calm": float(deferred[~bad].mean()),
            "deferred duct": float(deferred[bad].mean()),
            "accuracy calm": float(right[usable & ~bad].mean()),
            "accuracy duct": float(right[usable & bad].mean()),
            "fast alone duct": float(fast[usable & bad].mean()),
        }
    accuracy.stairs(
        _mean(at[usable], fast[usable], edges), edges, color="#1c7ed6", ls=":", lw=1.8, label="fast alone"
    )
    rows = list(table.values())
    threshold.set(ylim=(0, 1.05), ylabel="threshold")
    threshold.legend(loc="upper left", fontsize=9)
    deferral.set(ylim=(0, 1.02), ylabel="deferred")
    deferral.set_title(
        f"while the duct stands: {rows[0]['deferred duct']:.0%} deferred, or {rows[1]['deferred duct']:.0%}",
        loc="left",
        fontsize=9,
    )
    accuracy.set(ylim=(0, 1.02), ylabel="accuracy", xlabel="seconds of the scene")
    accuracy.set_title(
        f"while the duct stands: fast alone {rows[1]['fast alone duct']:.3f}, "
        f"deaf {rows[0]['accuracy duct']:.3f}, following the weather {rows[1]['accuracy duct']:.3f}",
        loc="left",
        fontsize=9,
    )
    accuracy.legend(loc="lower left", fontsize=9)
    for axes in (quality, threshold, deferral, accuracy):
        axes.axvspan(seconds / 3, 2 * seconds / 3, color="#fff3bf", zorder=0)
        axes.set_xlim(0, seconds)
    quality.text(seconds / 2, 0.75, "weak and overlapping signals", ha="center", color="#e67700", fontsize=9)
    figure.suptitle("A node that listens to the weather", x=0.01, ha="left", fontsize=13, fontweight="bold")
    figure.savefig(path)
    return table


def _mean(at: np.ndarray, values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    total, n = np.histogram(at, edges, weights=values.astype(float))[0], np.histogram(at, edges)[0]
    return total / np.maximum(n, 1)


if __name__ == "__main__":
    main()
