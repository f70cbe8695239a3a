#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The stream's rate with a hub that is stopped (SIGSTOP) in mid-run, beside the rate without any deferral.

Both play the same generated scene, as a radio would or as fast as the flowgraph takes it; rounds alternate, figures
are medians.
Run: ./gr-speculative python bench/stopped_hub.py
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import tempfile
from collections import Counter
from pathlib import Path

from gnuradio.speculative.node import quiet_blocks
from gnuradio.speculative.node_flowgraph import NodeOptions, node_flowgraph

from gr_speculative.installed import default_fast_model, default_slow_model
from gr_speculative.scene import plan_scene, write_scene
from gr_speculative.sigmf_io import Recording, open_recording
from gr_speculative.worker import Worker

STOP_AFTER = 0.2  # of the stream


def run(recording: Recording, options: NodeOptions, worker: Worker | None) -> tuple[float, Counter]:
    """Samples a second from the stop on (or the same point), and the counters."""
    flowgraph = node_flowgraph(recording, options, [])
    flowgraph.start()
    stop_at = int(STOP_AFTER * recording.n_samples)
    while flowgraph.source.position < stop_at and not flowgraph.source.ended:
        flowgraph.wait_finished(0.001)
    if worker:
        os.kill(worker.pid, signal.SIGSTOP)
    position, seconds = flowgraph.source.position, flowgraph.source.streamed_seconds
    assert flowgraph.wait_finished(600), "the stream does not end"
    flowgraph.stop()
    flowgraph.wait()
    if worker:
        os.kill(worker.pid, signal.SIGCONT)
    rate = (flowgraph.source.position - position) / (flowgraph.source.streamed_seconds - seconds)
    return rate, flowgraph.summary().counters


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--duration", type=float, default=24.0, help="of the scene, s at 2 MS/s")
    parser.add_argument("--pace", choices=("real-time", "max"), default="real-time", help="as `node` has it")
    args = parser.parse_args()
    quiet_blocks()
    with tempfile.TemporaryDirectory() as folder, Worker(default_slow_model()) as worker:
        scene = write_scene(Path(folder) / "scene", plan_scene(1, duration=args.duration))
        recording = open_recording(scene)
        model = default_fast_model()
        stopped = NodeOptions(model, hub=worker.endpoint, pace=args.pace)
        alone = NodeOptions(model, hub=None, pace=args.pace)
        rates: dict[str, list[float]] = {"stopped": [], "alone": []}
        for _ in range(args.rounds):
            rates["alone"].append(run(recording, alone, None)[0])
            rate, counters = run(recording, stopped, worker)
            rates["stopped"].append(rate)
            print({name: value for name, value in counters.items() if value}, flush=True)
    alone_rate, stopped_rate = (statistics.median(rates[name]) for name in ("alone", "stopped"))
    print(f"  without deferral  {alone_rate / 1e6:6.2f} MS/s")
    print(f"  hub stopped       {stopped_rate / 1e6:6.2f} MS/s")
    print(f"  ratio             {stopped_rate / alone_rate:6.3f}")


if __name__ == "__main__":
    main()
