# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""`gr-speculative node` as a process that listens to noise, for tests of what becomes of every vector."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from hub_process import process_status

FFT_SIZE = 1024  # of the shipped model
_STEP_S = 0.05


class RealNode:
    """Runs while entered, asks about every vector, and writes its results under `folder`.

    endpoint: the hub's; None: its own worker, with a stand-in model. rate: samples a second.
    counters: those of its summary, once it has ended. vectors: how many it was given.
    """

    def __init__(
        self, endpoint: str | None, folder: Path, rate: float = 50e3, deadline_s: float = 2.0
    ) -> None:
        self._folder, self._rate = folder, rate
        self._command = [sys.executable, "-m", "gr_speculative", "node", "-", "--format", "cs8"]
        self._command += ["--rate", str(rate), "--threshold", "1", "--deadline", str(deadline_s)]
        self._command += ["--hub", endpoint] if endpoint else ["--slow-model", "instant_slow_model:make"]
        self._command += ["--node-id", "real", "--report", "--out", str(folder)]
        self._stopping = threading.Event()
        self.counters: dict[str, int] = {}
        self.vectors = 0

    def __enter__(self) -> RealNode:
        here = Path(__file__).parent
        search = [os.environ.get("PYTHONPATH"), str(here.parent / "python"), str(here)]
        path = os.pathsep.join(filter(None, search))
        self._process = subprocess.Popen(
            self._command,
            env=os.environ | {"PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._feeder = threading.Thread(target=self._feed, daemon=True)
        self._feeder.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the stream, and waits until the node has settled everything."""
        self._stopping.set()
        self._feeder.join()
        self._process.stdin.close()
        try:
            text = self._process.stdout.read().decode()
            self._process.wait(timeout=60)
        finally:
            self._process.kill()
            self._process.stdout.close()
        line = text[text.index("counters add up") :]
        self.counters = {name: int(number) for number, name in re.findall(r"(\d+) ([a-z][a-z ]*[a-z])", line)}

    def status(self) -> tuple[int, int, int]:
        """Resident bytes, threads and open files."""
        return process_status(self._process.pid)

    def answered(self) -> int:
        """Vectors whose result holds a verdict."""
        return sum(any(r["status"] == "revised" for r in results) for results in self.results().values())

    def kill_worker(self) -> None:
        """Kills its own worker, which is its child."""
        for task in Path(f"/proc/{self._process.pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                os.kill(int(child), signal.SIGKILL)

    def results(self) -> dict[int, list[dict]]:
        """What it has published of each vector, in this order."""
        said = defaultdict(list)
        for path in self._folder.glob("*.jsonl"):  # none yet, or one
            for line in path.read_text().splitlines(keepends=True):
                if line.endswith("\n"):  # the last one may be half written
                    result = json.loads(line)
                    said[result["offset"]].append(result)
        return said

    def faults(self) -> list[str]:
        """What was lost or doubled, once it has ended: each vector has one provisional result and is then settled
        once; only one that was settled without a verdict may be revised by a late one."""
        said = self.results()
        faults = [f"{offset}: nothing" for offset in range(self.vectors) if offset not in said]
        for offset, results in said.items():
            ways = " ".join(f"{result['status']}:{result['source']}" for result in results)
            if not re.fullmatch(
                r"provisional:fast( revised:(slow|ensemble)| final:fast_fallback( revised:(slow|ensemble))?)",
                ways,
            ):
                faults.append(f"{offset}: {ways}")
        return faults

    def ways(self) -> Counter:
        """Vectors by the source of their last result."""
        return Counter(results[-1]["source"] for results in self.results().values())

    def _feed(self) -> None:
        count = int(self._rate * _STEP_S)
        noise = np.random.default_rng(1).normal(0, 20, (16, 2 * count))
        blocks = [np.clip(np.rint(block), -128, 127).astype(np.int8).tobytes() for block in noise]
        samples = step = 0
        while not self._stopping.wait(_STEP_S):
            try:
                self._process.stdin.write(blocks[step % len(blocks)])
                self._process.stdin.flush()
            except BrokenPipeError:
                return  # it has ended, which its counters will tell
            samples, step = samples + count, step + 1
            self.vectors = samples // FFT_SIZE
