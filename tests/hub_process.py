# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""`gr-speculative hub` as a process, for tests that measure, kill or isolate it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


class HubProcess:
    """Runs while entered. `endpoint`: where it listens; `counters`: what it said at its end."""

    def __init__(self, *options, bind="tcp://127.0.0.1:0", model="hundred_a_second", prefix=()):
        self._command = [*prefix, sys.executable, "-m", "gr_speculative", "hub", "--allow-plaintext"]
        self._command += ["--model", f"stand_in_models:{model}", *options]
        self.endpoint = bind
        self.counters = {}

    def __enter__(self):
        environment = os.environ | {"PYTHONPATH": f"{HERE.parent / 'python'}:{HERE}"}
        self._process = subprocess.Popen(
            [*self._command, "--bind", self.endpoint], env=environment, stdout=subprocess.PIPE, text=True
        )
        line = self._process.stdout.readline()
        assert line.startswith("listening on "), line
        self.endpoint = line.split()[2].rstrip(",")
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            last = self._process.communicate(timeout=20)[0].splitlines()[-1]
            self.counters = {name: int(value) for name, value in (word.split() for word in last.split(", "))}
        self._process.stdout.close()

    def kill(self):
        self._process.kill()
        self._process.wait()

    def signal(self, number):
        self._process.send_signal(number)

    def status(self):
        """Resident bytes, threads and open files of the hub itself."""
        return process_status(self._process.pid)


def process_status(pid):
    """Resident bytes, threads and open files of a process."""
    folder = Path(f"/proc/{pid}")
    fields = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    files = len(list((folder / "fd").iterdir()))
    return int(fields["VmRSS"].split()[0]) * 1024, int(fields["Threads"]), files


def adds_up(counters):
    """Every request that a hub received is accounted for, and none is left."""
    ends = ("ok", "busy", "expired", "error", "malformed", "undeliverable", "queued")
    return counters["received"] == sum(counters[name] for name in ends) and counters["queued"] == 0
