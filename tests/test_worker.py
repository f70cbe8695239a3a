# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""A private hub process: ready, restarted, ended."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import zmq

from gr_speculative import wire
from gr_speculative.handshake import Hello, encode_hello
from gr_speculative.worker import Worker, WorkerError

PATIENCE_S = 20  # a failing test ends; a passing one does not wait
HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def environment(tmp_path, monkeypatch):
    """Stand-in models can be imported; temporary files go to `tmp_path`."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE.parent / "python"), str(HERE)]))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)


def leftovers(tmp_path):
    return list(tmp_path.glob("gr-speculative-*"))


def gone(pid):
    """No process, or one that has ended and that nobody has collected yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def ask(endpoint, seq, fft_size=32):
    """Sends one request until it is answered, as a node would over a hub's restart."""
    context = zmq.Context()
    try:
        for _ in range(PATIENCE_S):
            socket = context.socket(zmq.DEALER)
            socket.connect(endpoint)
            levels = np.zeros((4, fft_size), np.uint8)
            socket.send_multipart(encode_hello(Hello("node")))
            request = wire.Request(1, seq, levels, 1, 0, 1e6, 1e4, "noise", 0.5, "node")
            socket.send_multipart(wire.encode_request(request))
            if socket.poll(1000):
                socket.recv_multipart()  # the welcome
                return wire.decode_verdict(socket.recv_multipart())
    finally:
        context.destroy(linger=0)
    pytest.fail("no answer")


def test_a_worker_answers_in_private_and_leaves_nothing_behind(tmp_path):
    with Worker("stand_in_models:good") as worker:
        pid = worker.pid
        assert ask(worker.endpoint, 1).status == "ok"
        [directory] = leftovers(tmp_path)
        assert directory.stat().st_mode & 0o077 == 0
    assert gone(pid)
    assert worker.pid is None
    assert leftovers(tmp_path) == []


def test_a_killed_worker_is_restarted_at_the_same_endpoint():
    with Worker("stand_in_models:good") as worker:
        for starts in (1, 2):
            assert ask(worker.endpoint, starts).status == "ok"
            assert worker.starts == starts
            os.kill(worker.pid, signal.SIGKILL)
            wait_for(lambda starts=starts: worker.starts > starts)
        assert ask(worker.endpoint, 3).status == "ok"


def test_a_hub_that_is_killed_takes_its_model_with_it():
    with Worker("stand_in_models:good") as worker:
        hub = worker.pid
        [model] = [
            pid for file in Path(f"/proc/{hub}/task").glob("*/children") for pid in file.read_text().split()
        ]
        os.kill(hub, signal.SIGKILL)
        wait_for(lambda: gone(model))


def test_a_stopped_worker_is_ended_nevertheless():
    with Worker("stand_in_models:good") as worker:
        pid = worker.pid
        os.kill(pid, signal.SIGSTOP)
    assert gone(pid)


def test_a_model_that_cannot_be_loaded_is_one_error(tmp_path):
    with pytest.raises(WorkerError, match=r"did not start: broken: not a model$"):
        Worker("stand_in_models:broken").__enter__()
    assert leftovers(tmp_path) == []


def test_an_interpreter_that_is_missing_is_one_error(tmp_path):
    with pytest.raises(WorkerError, match=r"nowhere/python: No such file or directory$"):
        Worker("stand_in_models:good", python="nowhere/python").__enter__()


def test_a_worker_that_is_never_ready_is_given_up(tmp_path):
    with pytest.raises(WorkerError, match=r"not ready after 0.5 s$"):
        Worker("stand_in_models:slow_to_load", ready_timeout_s=0.5).__enter__()
    assert leftovers(tmp_path) == []


def test_a_temporary_directory_too_long_for_a_socket_is_one_error(tmp_path, monkeypatch):
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    monkeypatch.setenv("TMPDIR", str(deep))
    with pytest.raises(WorkerError, match="set TMPDIR to a shorter path$"):
        Worker("stand_in_models:good").__enter__()
    assert leftovers(deep) == []


@pytest.mark.skipif(sys.platform != "linux", reason="parent-death signals are Linux's")
def test_a_worker_ends_with_an_owner_that_is_killed():
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    with owner.stdout:
        pid = int(owner.stdout.readline())
        assert not gone(pid)
        owner.kill()
        owner.wait()
        wait_for(lambda: gone(pid))


OWNER = """
import sys, time
from gr_speculative.worker import Worker
with Worker("stand_in_models:good") as worker:
    print(worker.pid, flush=True)
    time.sleep(60)
"""
