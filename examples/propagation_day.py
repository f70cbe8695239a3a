# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""A day in a minute: a node whose threshold follows the weather, beside one that does not know of it.

Twelve soundings, from a standard atmosphere to a strong duct and back, are given to atmosphere_source one
after the other. Between two of them a two-hour step of a generated scene passes: local transmitters as on any
day, and distant ones at the level at which that sounding lets them arrive (gr_speculative.atmosphere.overreach).
The same stream goes to three cascades that share a hub: one with a constant threshold, one that follows the
weather, and one that asks about everything, which shows what could be had. Nothing depends on how fast the
machine is. Run it with `./gr-speculative python examples/propagation_day.py`; it prints accuracies with
intervals over the seeds and draws propagation_day.png.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pmt
from gnuradio import gr
from gnuradio.speculative.atmosphere_source import atmosphere_source
from gnuradio.speculative.node import quiet_blocks
from gnuradio.speculative.result_sink import result_sink
from gnuradio.speculative.spectrum_classifier import spectrum_classifier
from propagation_day_report import Day, report

from gr_speculative.atmosphere import read_profiles
from gr_speculative.atmosphere.overreach import Coast, overreach, strongest_labels
from gr_speculative.installed import default_slow_model
from gr_speculative.scene import plan_scene
from gr_speculative.worker import Worker

VECTOR = 1024
KINDS = ("ook_ism", "fsk_ism")
STRENGTHS = (0, 2, 4, 8, 20, 35, 30, 16, 5, 4, 1, 0)  # of the duct, M-units, one sounding a step
GRADIENTS = (-40, -42, -48, -55, -70, -80, -75, -65, -50, -45, -42, -40)  # above it, N-units per km
DUCT_TOP = 120.0  # m
ARMS = ("constant threshold", "follows the weather", "asks about everything")
ROOM, CHUNK = 48, 16  # vectors: not yet final while the stream goes on; let through at a time
PATIENCE_S = 60.0


class gated_source(gr.sync_block):
    """Samples up to `limit`, which the owner moves on; `finished` ends the stream."""

    def __init__(self, samples: np.ndarray):
        gr.sync_block.__init__(self, "gated_source", in_sig=None, out_sig=[np.complex64])
        self._samples = samples
        self.position = self.limit = 0
        self.finished = False

    def work(self, input_items, output_items) -> int:
        until = time.monotonic() + 0.2
        while (n := min(len(output_items[0]), self.limit - self.position)) <= 0:
            if self.finished:
                return -1
            if time.monotonic() > until:
                return 0
            time.sleep(0.002)
        output_items[0][:n] = self._samples[self.position : self.position + n]
        self.position += n
        return n


class ear(gr.basic_block):
    """Keeps the dicts of the messages of one port."""

    def __init__(self):
        gr.basic_block.__init__(self, "ear", in_sig=None, out_sig=None)
        self.heard: list[dict] = []
        self.message_port_register_in(pmt.intern("in"))
        self.set_msg_handler(pmt.intern("in"), self._hear)

    def _hear(self, message) -> None:
        self.heard.append(pmt.to_python(pmt.car(message)))


class day_flowgraph(gr.top_block):
    """One source, three cascades, and the weather, which all of them hear and one listens to."""

    def __init__(
        self, samples: np.ndarray, soundings: Path, hub: str, coast: Coast, args: argparse.Namespace
    ):
        gr.top_block.__init__(self, "propagation_day")
        self.source, self.ear = gated_source(samples), ear()
        self.weather = atmosphere_source(str(soundings), coast.frequency, interval=3600, max_age=1e6)
        self.cascades, self.sinks, self.results, self.telemetry = [], [], [], []
        for arm in ARMS:
            asks_all = arm == ARMS[2]
            cascade = spectrum_classifier(
                args.rate,
                slow="hub",
                hub=hub,
                threshold=1.0 if asks_all else args.threshold,
                deadline=PATIENCE_S,
                center_frequency=coast.frequency,
                node_id=arm.replace(" ", "-"),
            )
            cascade.classifier.set_conditions(args.strength if arm == ARMS[1] else 0.0)
            cascade.classifier.set_budget(0.0 if asks_all else args.budget)
            results: dict[int, dict] = {}
            sink = result_sink(lambda result, results=results: _keep(results, result))
            self.connect(self.source, cascade)
            self.msg_connect(cascade, "results", sink, "results")
            telemetry = ear()
            self.msg_connect(cascade, "telemetry", telemetry, "in")
            self.msg_connect(self.weather, "conditions", cascade, "conditions")
            self.telemetry.append(telemetry)
            self.cascades.append(cascade)
            self.sinks.append(sink)
            self.results.append(results)
        # After the cascades: what has been heard here, they have been told.
        self.msg_connect(self.weather, "conditions", self.ear, "in")

    def outstanding(self) -> int:
        """Vectors that were let through and whose result is not final everywhere."""
        return self.source.limit // VECTOR - min(sink.settled for sink in self.sinks)

    def thresholds(self) -> list[float]:
        """In force."""
        return [
            next((m["threshold"] for m in reversed(ear.heard) if "threshold" in m), cascade.threshold())
            for ear, cascade in zip(self.telemetry, self.cascades, strict=True)
        ]


def _keep(results: dict[int, dict], result: dict) -> None:
    """The last result of each vector, with the fast model's margin, which only the first tells."""
    first = results.get(result["offset"])
    margin = first["margin"] if first else float(np.subtract(*sorted(result["scores"])[:-3:-1]))
    results[result["offset"]] = result | {"margin": margin}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--out", type=Path, default=Path("out/propagation_day"), help="default %(default)s")
    add("--seeds", type=int, default=3, help="days, each with a scene of its own; default %(default)s")
    add(
        "--step",
        type=float,
        default=0.6,
        help="seconds of the scene that a sounding holds, default %(default)s",
    )
    add("--rate", type=float, default=1e6, help="samples a second, default %(default)g")
    add("--threshold", type=float, default=0.3, help="in good weather, default %(default)s")
    add("--strength", type=float, default=0.9, help="of the conditions, 0 to 1, default %(default)s")
    add("--budget", type=float, default=0.0, help="deferrals a second of both, default 0: no limit")
    add("--on-air", type=float, default=1.0, help="distant transmitters at a time, default %(default)s")
    args = parser.parse_args()
    quiet_blocks()
    args.out.mkdir(parents=True, exist_ok=True)
    coast = Coast(on_air=args.on_air)
    days = []
    with Worker(default_slow_model()) as worker:
        for seed in range(1, args.seeds + 1):
            days.append(live_through(seed, worker.endpoint, coast, args))
            print(f"day {seed} of {args.seeds} …", flush=True)
    figures = report(days, args.out / "propagation_day.png")
    (args.out / "propagation_day.json").write_text(json.dumps(figures, indent=2) + "\n")
    print(args.out / "propagation_day.png")


def sounding(step: int) -> str:
    """As a CSV file."""
    top = 340 - STRENGTHS[step] - 0.157 * DUCT_TOP
    aloft = top + (1 - DUCT_TOP / 1000) * GRADIENTS[step]
    levels = ((0, 340), (DUCT_TOP, top), (1000, aloft), (3000, aloft - 80))
    lines = [f"2024-07-01T{2 * step:02d}:00Z,{height:g},{n:.2f}" for height, n in levels]
    return "\n".join(["time,height_m,refractivity", *lines]) + "\n"


def live_through(seed: int, hub: str, coast: Coast, args: argparse.Namespace) -> Day:
    """Plays one day."""
    steps = len(STRENGTHS)
    folder = args.out / f"soundings_{seed}"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    ready = args.out / f".sounding_{seed}"  # written here, so that no half of it is read there
    profiles = []
    for step in range(steps):
        ready.write_text(sounding(step))
        profiles += read_profiles(ready)
    scene = overreach(
        plan_scene(seed, args.rate, args.step * steps, KINDS, snr_db=(3.0, 25.0), overlaps=0),
        profiles,
        KINDS,
        coast,
    )
    blocks = list(scene.blocks())
    samples = np.concatenate([block for block, _ in blocks])
    vectors = len(samples) // VECTOR
    truth = strongest_labels([span for _, spans in blocks for span in spans], vectors, VECTOR)
    graph = day_flowgraph(samples, folder, hub, coast, args)
    thresholds = []
    graph.start()
    try:
        for step in range(steps):
            ready.write_text(sounding(step))
            ready.rename(folder / f"{step:02d}.csv")
            _wait(lambda step=step: len(graph.ear.heard) > step)
            end = vectors * (step + 1) // steps * VECTOR
            while graph.source.limit < end:
                _wait(lambda: graph.outstanding() < ROOM)
                graph.source.limit = min(graph.source.limit + CHUNK * VECTOR, end)
            _wait(lambda: graph.outstanding() == 0)
            thresholds.append(graph.thresholds())
    finally:
        graph.source.finished = True
        graph.stop()
        graph.wait()
    for cascade in graph.cascades:
        if lost := {
            k: n for k, n in cascade.counters().items() if k in ("dropped", "failed", "timed_out") and n
        }:
            raise RuntimeError(f"not all that was deferred was answered: {lost}")
    reach = [float(np.median(level.db)) - 40 for level in scene.levels]  # SNR in 10 kHz
    return Day(truth, graph.results, graph.ear.heard, np.array(thresholds), np.array(reach))


def _wait(until) -> None:
    end = time.monotonic() + PATIENCE_S
    while not until():
        if time.monotonic() > end:
            raise RuntimeError("the flowgraph stands still: is the hub alive?")
        time.sleep(0.002)


if __name__ == "__main__":
    main()
