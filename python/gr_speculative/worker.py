# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""A private hub: a process of its own on this machine, started, watched, restarted and ended by its owner."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from pathlib import Path

log = logging.getLogger(__name__)

LISTENING = "listening on "  # how the hub's first line of output begins; the endpoint follows
_BACKOFF_S = (0.2, 10.0)  # first and longest pause before a restart; doubled each time
_STEADY_S = 10.0  # a hub that served this long starts again from the first
_TERM_S = 1.0  # between SIGTERM and SIGKILL
_SOCKET_PATH_MAX = 100  # bytes; the kernel's limit is 107


class WorkerError(RuntimeError):
    """The hub does not start; the message says what it said."""


class Worker:
    """Runs `gr-speculative hub` on a Unix socket that only this user can reach, while entered.

    Entering returns when the hub is ready, or raises WorkerError if its first start fails or takes longer
    than `ready_timeout_s`. A hub that dies later is restarted with growing pauses; `endpoint` stays the same,
    and clients simply reconnect. The process ends with this one, however this one ends.

    model: what `gr-speculative hub --model` takes. python: interpreter that has torch and gr_speculative.
    arguments: further options of `gr-speculative hub`.
    """

    def __init__(
        self,
        model: str | os.PathLike[str],
        *,
        python: str = sys.executable,
        threads: int = 1,
        device: str = "cpu",
        arguments: tuple[str, ...] = (),
        ready_timeout_s: float = 120.0,
    ) -> None:
        self._command = [python, "-m", "gr_speculative", "hub", "--model", os.fspath(model)]
        self._command += [
            "--threads",
            str(threads),
            "--device",
            device,
            "--parent",
            str(os.getpid()),
            *arguments,
        ]
        self._environment = dict(os.environ)
        if python == sys.executable:  # which has this package, though perhaps not by way of its environment
            here = str(Path(__file__).parents[1])
            paths = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
            self._environment["PYTHONPATH"] = os.pathsep.join(paths)
        self._ready_timeout = ready_timeout_s
        self._ready = threading.Event()
        self._stopping = threading.Event()
        self._said: deque[str] = deque(maxlen=20)
        self._process: subprocess.Popen[str] | None = None
        self._failure: str | None = None
        self.starts = 0

    def __enter__(self) -> Worker:
        self._directory = tempfile.mkdtemp(prefix="gr-speculative-")  # mode 0700
        socket_path = os.path.join(self._directory, "hub")
        try:
            if len(os.fsencode(socket_path)) > _SOCKET_PATH_MAX:
                raise WorkerError(f"{socket_path}: too long for a socket: set TMPDIR to a shorter path")
            self.endpoint = f"ipc://{socket_path}"
            # One thread starts every hub and outlives it, for the kernel ends a child with its thread.
            self._thread = threading.Thread(target=self._supervise, name="worker", daemon=True)
            self._thread.start()
            if not self._ready.wait(self._ready_timeout):
                self._failure = f"not ready after {self._ready_timeout:g} s"
            if self._failure is not None:
                raise WorkerError(f"the slow model's worker did not start: {self._failure}")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        if hasattr(self, "_thread"):
            self._end_process()
            self._thread.join(2 * _TERM_S)
        shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def pid(self) -> int | None:
        """Process id of the hub that runs now, or None between two."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def _supervise(self) -> None:
        pause = _BACKOFF_S[0]
        while not self._stopping.is_set():
            started = time.monotonic()
            status = self._run_once()
            if self._stopping.is_set():
                return
            if not self._ready.is_set():
                self._failure = self._last_words(status)
                self._ready.set()
                return
            if time.monotonic() - started > _STEADY_S:
                pause = _BACKOFF_S[0]
            log.warning(
                "the slow model's worker ended (%s); restart in %g s", self._last_words(status), pause
            )
            self._stopping.wait(pause)
            pause = min(2 * pause, _BACKOFF_S[1])

    def _run_once(self) -> int | None:
        """Starts a hub and follows its output until it ends. Returns its exit status; None: it never ran."""
        self._said.clear()
        try:
            process = subprocess.Popen(
                [*self._command, "--bind", self.endpoint],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,  # Ctrl-C at the terminal is for the owner, which then ends the hub
            )
        except OSError as error:
            self._said.append(f"{self._command[0]}: {error.strerror}")
            return None
        self._process = process
        self.starts += 1
        if self._stopping.is_set():
            self._end_process()
        with process.stdout:
            for line in process.stdout:
                if line.startswith(LISTENING):
                    self._ready.set()
                self._said.append(line.rstrip())
                log.info("hub: %s", line.rstrip())
        return process.wait()

    def _last_words(self, status: int | None) -> str:
        said = self._said[-1] if self._said else f"it ended with status {status} and said nothing"
        return said.removeprefix("gr-speculative: error: ")

    def _end_process(self) -> None:
        process = self._process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_TERM_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_TERM_S)
