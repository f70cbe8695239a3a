#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""A hub in use for an hour: memory, threads and open files must not grow, and every request must be accounted for.

Twenty nodes ask and reconnect now and then, one of them sends garbage, models are reloaded every five minutes.
Run: python bench/soak.py [--minutes 60]; prints a line a minute, and fails if the last quarter needs more than the
second did.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import zmq

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "python"), str(ROOT / "tests")]

from hub_process import HubProcess, adds_up  # noqa: E402
from sim_nodes import Fleet, SimNode, conserved  # noqa: E402

SLACK = 8 << 20  # bytes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    minutes = parser.parse_args().minutes
    context = zmq.Context()
    samples: list[tuple[int, int, int]] = []
    with HubProcess("--http", "127.0.0.1:0", model="good") as hub:

        def make() -> zmq.Socket:
            socket = context.socket(zmq.DEALER)
            socket.immediate, socket.rcvhwm = 1, 0
            socket.connect(hub.endpoint)
            return socket

        fleet = Fleet([SimNode(f"node-{index}", 10.0, 2.0) for index in range(20)], make)
        started = time.monotonic()
        second = 0
        while time.monotonic() < started + 60 * minutes:
            fleet.run(1.0)
            second += 1
            if second % 5 == 0:
                fleet.reconnect(fleet.nodes[second // 5 % len(fleet.nodes)])
            if second % 7 == 0:
                with make() as stranger:
                    stranger.linger = 0
                    stranger.poll(50, zmq.POLLOUT)
                    with contextlib.suppress(zmq.Again):  # it has been cut off
                        for _ in range(100):
                            stranger.send_multipart([b"garbage", b"", bytes(1000)], zmq.NOBLOCK)
                    time.sleep(0.05)
            if second % 300 == 0:
                hub.signal(signal.SIGHUP)
            samples.append(hub.status())
            if second % 60 == 0:
                size, threads, files = samples[-1]
                print(
                    f"{second // 60:3} min  RSS {size / 2**20:.1f} MiB  {threads} threads  {files} files",
                    flush=True,
                )
        fleet.drain()
        fleet.close()
    quarter = len(samples) // 4
    then = [max(column) for column in zip(*samples[quarter : 2 * quarter], strict=True)]
    now = [max(column) for column in zip(*samples[-quarter:], strict=True)]
    print("settled", sum((node.settled for node in fleet.nodes), Counter()), "hub", hub.counters)
    print(f"most in the second quarter {then}, in the last {now} (bytes, threads, files)")
    good = all(map(conserved, fleet.nodes)) and adds_up(hub.counters)
    flat = now[0] <= then[0] + SLACK and now[1] <= then[1] and now[2] <= then[2] + 4
    print("flat" if flat else "GROWING", "and conserved" if good else "and NOT CONSERVED")
    return 0 if good and flat else 1


if __name__ == "__main__":
    sys.exit(main())
