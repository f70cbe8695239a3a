#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""A hub and a node in use for an hour: memory, threads and open files must not grow, and nothing may be lost.

Twenty simulated nodes ask and reconnect now and then, one stranger sends garbage, models are reloaded every five
minutes. One real node asks about every vector of noise at 20 kS/s, writes its results and reports them to the hub,
which writes them too. Run: ./gr-speculative python bench/soak.py [--minutes 60]; prints a line a minute, and fails
if the last quarter needs more than the second did.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import zmq

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "python"), str(ROOT / "tests")]

from hub_process import HubProcess, adds_up  # noqa: E402
from real_node import RealNode  # noqa: E402
from sim_nodes import Fleet, SimNode, conserved  # noqa: E402

from gr_speculative.hub_options import HubOptions  # noqa: E402

SLACK = 8 << 20  # bytes
NODES = 20
BACKLOG = (
    NODES * HubOptions().credit * (18 << 10)
)  # in libzmq, not read yet: a buffer of 18 KiB for each request
Status = tuple[int, int, int]  # bytes, threads, files


def send_garbage(stranger: zmq.Socket) -> None:
    stranger.linger = 0
    stranger.poll(50, zmq.POLLOUT)
    with contextlib.suppress(zmq.Again):  # it has been cut off
        for _ in range(100):
            stranger.send_multipart([b"garbage", b"", bytes(1000)], zmq.NOBLOCK)
    time.sleep(0.05)


def use(hub: HubProcess, real: RealNode, fleet: Fleet, make, minutes: float) -> dict[str, list[Status]]:
    """What both needed, once a second."""
    samples: dict[str, list[Status]] = {"hub": [], "node": []}
    for second in range(1, int(60 * minutes) + 1):
        fleet.run(1.0)
        if second % 5 == 0:
            fleet.reconnect(fleet.nodes[second // 5 % len(fleet.nodes)])
        if second % 7 == 0:
            with make() as stranger:
                send_garbage(stranger)
        if second % 300 == 0:
            hub.signal(signal.SIGHUP)
        samples["hub"].append(hub.status())
        samples["node"].append(real.status())
        if second % 60 == 0:
            said = [
                f"{name} {rows[-1][0] / 2**20:.1f} MiB, {rows[-1][1]} threads, {rows[-1][2]} files"
                for name, rows in samples.items()
            ]
            print(f"{second // 60:3} min  {'; '.join(said)}", flush=True)
    return samples


def is_flat(name: str, rows: list[Status]) -> bool:
    """Whether the last quarter needs no more than the second: in the median, and at most but for what nodes may
    have in the hub's memory when it gets too little CPU, and for reloads, which have two of each model at once."""
    quarter = len(rows) // 4
    then, now = (np.array(part) for part in (rows[quarter : 2 * quarter], rows[-quarter:]))
    for what, part in (("second", then), ("last", now)):
        median, most = np.median(part, axis=0).astype(int), part.max(axis=0)
        print(
            f"{name}, {what} quarter: median {median.tolist()}, most {most.tolist()} (bytes, threads, files)"
        )
    grown = np.median(now, axis=0) - np.median(then, axis=0)
    return bool((grown <= (SLACK, 0, 4)).all() and now[:, 0].max() - then[:, 0].max() <= SLACK + BACKLOG)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    minutes = parser.parse_args().minutes
    context = zmq.Context()
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder)
        options = (
            "--model",
            "instant_slow_model:make",
            "--http",
            "127.0.0.1:0",
            "--results",
            str(written / "hub"),
        )
        with HubProcess(*options, model="good") as hub:

            def make() -> zmq.Socket:
                socket = context.socket(zmq.DEALER)
                socket.immediate, socket.rcvhwm = 1, 0
                socket.connect(hub.endpoint)
                return socket

            fleet = Fleet([SimNode(f"node-{index}", 10.0, 2.0) for index in range(NODES)], make)
            with RealNode(hub.endpoint, written / "node", rate=20e3) as real:
                samples = use(hub, real, fleet, make, minutes)
            fleet.drain()
            fleet.close()
        faults, ways = real.faults(), real.ways()
    print("settled", dict(sum((node.settled for node in fleet.nodes), Counter())), "hub", hub.counters)
    print("real node", real.counters, dict(ways), *faults[:5])
    flat = all([is_flat(name, rows) for name, rows in samples.items()])
    good = all(map(conserved, fleet.nodes)) and adds_up(hub.counters) and not faults
    print("flat" if flat else "GROWING", "and conserved" if good else "and NOT CONSERVED")
    return 0 if good and flat else 1


if __name__ == "__main__":
    sys.exit(main())
