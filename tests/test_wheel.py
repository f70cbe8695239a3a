# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The wheel, in an empty virtual environment: what needs neither GNU Radio nor torch works."""

import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import zmq
from sim_nodes import Fleet, SimNode, conserved

from gr_speculative import __version__
from gr_speculative.cli import COMMANDS

ROOT = Path(__file__).parents[1]
PATIENCE_S = 600
pytestmark = pytest.mark.slow  # numpy and pyzmq come over the network


def clean():
    """The environment, without this checkout, and without what the tests run on, in sight."""
    hidden = ("PYTHON", "LD_LIBRARY", "SPECULATIVE")
    return {name: value for name, value in os.environ.items() if not name.startswith(hidden)}


def run(*command, cwd=None):
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=cwd, env=clean(), capture_output=True, text=True, timeout=PATIENCE_S)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("python/gr_speculative", "models"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    done = run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", out, source)
    assert done.returncode == 0, done.stderr
    return next(out.glob("*.whl"))


def environment_with(folder, *packages):
    """The bin of a new virtual environment that has the packages, and nothing of this one."""
    assert run(sys.executable, "-m", "venv", folder).returncode == 0
    done = run(folder / "bin" / "pip", "install", "--quiet", *packages)
    assert done.returncode == 0, done.stderr
    return folder / "bin"


@pytest.fixture(scope="module")
def program(wheel, tmp_path_factory):
    return environment_with(tmp_path_factory.mktemp("venv"), wheel) / "gr-speculative"


def test_checkers_find_nothing_wrong(wheel, tmp_path):
    checkers = environment_with(tmp_path, "check-wheel-contents", "twine")
    for command in (("check-wheel-contents",), ("twine", "check", "--strict")):
        done = run(checkers / command[0], *command[1:], wheel)
        assert done.returncode == 0, done.stdout + done.stderr


def test_help_of_every_command_but_those_of_gnuradio(program, tmp_path):
    assert run(program, "--version", cwd=tmp_path).stdout == f"gr-speculative {__version__}\n"
    for name, (module, _) in COMMANDS.items():
        done = run(program, name, "--help", cwd=tmp_path)
        if module.startswith("gnuradio"):
            assert done.returncode == 2 and "needs the Python package gnuradio" in done.stderr
        else:
            assert done.returncode == 0 and f"usage: gr-speculative {name}" in done.stdout, done.stderr


def test_keys_are_made(program, tmp_path):
    done = run(program, "keys", "--out", tmp_path, "hub")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"hub.key", "hub.pub"}


def test_a_hub_finds_its_model_and_tells_what_it_lacks(program, tmp_path):
    done = run(program, "hub", "--check-config", cwd=tmp_path)
    assert done.returncode == 2 and "pip install" in done.stderr and "slow.safetensors, a" not in done.stderr


def test_a_hub_serves_the_shipped_model_where_there_is_no_gnuradio(wheel, tmp_path):
    program = environment_with(tmp_path / "venv", f"{wheel}[hub]")
    assert run(program / "python", "-c", "import gnuradio", cwd=tmp_path).returncode != 0
    command = [program / "gr-speculative", "hub", "--bind", "tcp://127.0.0.1:0", "--http", "127.0.0.1:0"]
    hub = subprocess.Popen(command, cwd=tmp_path, env=clean(), stdout=subprocess.PIPE, text=True)
    context = zmq.Context()
    try:
        words = hub.stdout.readline().split()
        assert words[:2] == ["listening", "on"], words

        def connect():
            socket = context.socket(zmq.DEALER)
            socket.connect(words[2].rstrip(","))
            return socket

        fleet = Fleet([SimNode("node-1", rate=5.0, deadline_s=10.0, fft_size=1024)], connect)
        fleet.run(5.0)
        fleet.drain()
        fleet.close()
        with urllib.request.urlopen(f"{words[-1]}/metrics", timeout=10) as page:
            assert b"speculative_hub_ok_total" in page.read()
    finally:
        hub.terminate()
        last = hub.communicate(timeout=30)[0]
        context.destroy(linger=0)
    [node] = fleet.nodes
    assert node.settled["ok"] > 10 and conserved(node) and f"ok {node.settled['ok']}," in last


def test_the_shipped_models_come_with_it(program, tmp_path):
    told = run(program, "doctor", cwd=tmp_path).stdout
    shipped = program.parents[1] / "share" / "gr-speculative" / "models" / "slow.safetensors"
    assert shipped.exists() and str(shipped) in told
