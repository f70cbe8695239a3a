# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""A slow model in a process of its own, so that unloading it really gives its memory back, and neither its
crash nor its hanging is the hub's.

What goes over their channel, a header and a body each. From the process: once {"contract", "sha256"}, then for
each batch {"shape", "heads"} with float32 scores, or {"error"}. To it, for each batch,
{"requests": [[vectors, fft_size, and the fields of _SENT], …]} with the uint8 levels of all.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gr_speculative.channel import Channel, shared_memory
from gr_speculative.contract import Contract
from gr_speculative.factory import from_factory, is_factory
from gr_speculative.heads import Heads
from gr_speculative.inference import Answers, InferenceError, infer
from gr_speculative.parent import end_with_parent
from gr_speculative.wire import Request, printable

_SENT = ("db_scale", "db_offset", "sample_rate", "center_frequency", "offset", "node_id", "fast_label")
# For glibc: keep freed memory, in large pages. Otherwise each batch gets its large arrays as new pages, at a third of
# its time; and small pages cost 8 %.
_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}
_BACKOFF_S = (0.5, 30.0)  # first and longest pause before a process that failed is started again


class ModelProcess:
    """A ServedModel (lane.py) in a child process, which ends with this one.

    path: NAME.safetensors, or `module:factory`. threads: CPU threads. device: a torch device.
    heads: what else is to be answered (docs/heads.md). start_timeout_s: for loading. batch_timeout_s: a
    process that is silent for longer is killed.
    """

    def __init__(
        self,
        path: str,
        threads: int = 1,
        device: str = "cpu",
        start_timeout_s: float = 120.0,
        batch_timeout_s: float = 60.0,
        heads: Sequence[str] = (),
    ) -> None:
        self._arguments = ["--model", path, "--threads", str(threads), "--device", device]
        self._arguments += [word for head in heads for word in ("--head", head)]
        self._environment = _MEMORY | os.environ | {"OMP_NUM_THREADS": str(threads)}
        here = str(Path(__file__).parents[1])
        self._environment["PYTHONPATH"] = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
        self._path = path
        self._start_timeout, self._batch_timeout = start_timeout_s, batch_timeout_s
        self._process: subprocess.Popen | None = None
        self._channel: Channel | None = None
        self._pause = _BACKOFF_S[0]
        self._not_before = 0.0
        self.sha256: str | None = None
        self.cold_start_s = 0.0  # of the last load
        self.loads = 0

    @property
    def pid(self) -> int | None:
        """Process id while the model is loaded."""
        process = self._process
        return process.pid if process is not None else None

    def load(self) -> None:
        """Starts the process and waits until the model is ready. Raises RuntimeError."""
        if self._process is not None:
            return
        if time.monotonic() < self._not_before:
            raise RuntimeError(f"{self._path}: failed a moment ago, will be started again")
        started = time.monotonic()
        (ours, theirs), memory = socket.socketpair(), shared_memory()
        self._channel = Channel(ours, memory)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gr_speculative.model_process", *self._arguments,
                 "--socket", str(theirs.fileno()), "--memory", str(memory.fileno()),
                 "--parent", str(os.getpid())],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno(), memory.fileno()],
                start_new_session=True,  # Ctrl-C is for the hub
            )  # fmt: skip
        try:
            header, _ = self._ask(self._start_timeout)
        except InferenceError:
            self.unload()
            raise
        self.contract = Contract.from_dict(header["contract"], self._path)
        self.sha256 = header["sha256"]
        self.cold_start_s = time.monotonic() - started
        self.loads += 1
        self._pause = _BACKOFF_S[0]

    def infer(self, requests: Sequence[Request]) -> Answers:
        """Scores and what the heads answer. Raises InferenceError."""
        rows = [[*r.levels.shape, *(getattr(r, key) for key in _SENT)] for r in requests]
        header, body = self._ask(self._batch_timeout, {"requests": rows}, [r.levels for r in requests])
        return np.frombuffer(body, np.float32).reshape(header["shape"]), header["heads"]

    def unload(self) -> None:
        """Ends the process."""
        if self._process is not None:
            self._channel.close()
            self._process.kill()  # it has nothing to lose
            self._process.wait()
            self._process = self._channel = None

    close = unload

    def _status(self) -> int | None:
        """How the process ended, which it does about when its socket closes."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(1.0)
        return None

    def _ask(
        self, timeout_s: float, header: dict[str, Any] | None = None, body: Sequence[np.ndarray] = ()
    ) -> tuple[dict[str, Any], bytes]:
        """Sends a message, if any, and returns the answer. Raises InferenceError; the process may be gone."""
        try:
            if header is not None:
                self._channel.send(header, body)
            answer, data = self._channel.receive(timeout_s)
        except OSError as error:
            status = None if isinstance(error, TimeoutError) else self._status()
            self.unload()
            self._not_before = time.monotonic() + self._pause
            self._pause = min(2 * self._pause, _BACKOFF_S[1])
            if isinstance(error, TimeoutError):
                raise InferenceError(f"the slow model was silent for {timeout_s:g} s") from None
            said = "" if status is None else f" with status {status}"
            raise InferenceError(f"the slow model's process ended{said}") from None
        if "error" in answer:
            raise InferenceError(answer["error"])
        return answer, data


def load(path: str, threads: int, device: str) -> Any:
    if is_factory(path):
        return from_factory(path)
    from gr_speculative.slow_model import load_slow_model  # torch

    return load_slow_model(path, threads, device)


def _serve(channel: Channel, path: str, threads: int, device: str, specifications: list[str]) -> None:
    try:
        model = load(path, threads, device)
        heads = Heads(specifications)
        channel.send(
            {"contract": json.loads(model.contract.to_json()), "sha256": getattr(model, "sha256", None)}
        )
    except Exception as error:  # whatever a user's model raises
        text = str(error) if isinstance(error, ValueError) else f"{path}: {type(error).__name__}: {error}"
        if isinstance(error, ModuleNotFoundError):
            text += f": pip install {error.name}, or leave the slow model to a hub elsewhere (node --hub)"
        channel.send({"error": printable(text)})
        return
    while True:
        header, body = channel.receive()
        try:
            requests = _requests(header["requests"], body)
            scores = infer(model, requests)
        except InferenceError as error:
            channel.send({"error": str(error)})
        else:
            answers = heads.answer(model.contract.context, requests, scores)
            channel.send({"shape": scores.shape, "heads": answers}, [scores])


def _requests(rows: list[list], levels: bytes) -> list[Request]:
    requests, start = [], 0
    for vectors, fft_size, *values in rows:
        shape, stop = (vectors, fft_size), start + vectors * fft_size
        part = np.frombuffer(levels, np.uint8, stop - start, start).reshape(shape)
        fields = dict(zip(_SENT, values, strict=True))
        requests.append(Request(0, 0, part, deadline_ms=0.0, fast_confidence=0.0, **fields))
        start = stop
    return requests


def main() -> int:
    parser = argparse.ArgumentParser()
    for name in ("model", "device"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("threads", "socket", "memory", "parent"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--head", action="append", default=[])
    args = parser.parse_args()
    end_with_parent(args.parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with (
        socket.socket(fileno=args.socket) as connection,
        open(args.memory, "r+b", buffering=0) as memory,
        contextlib.suppress(BrokenPipeError, ConnectionResetError),  # the hub is done with us
    ):
        _serve(Channel(connection, memory), args.model, args.threads, args.device, args.head)
    return 0


if __name__ == "__main__":
    sys.exit(main())
