# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The wheel, in an empty virtual environment: what needs neither GNU Radio nor torch works."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gr_speculative import __version__
from gr_speculative.cli import COMMANDS

ROOT = Path(__file__).parents[1]
PATIENCE_S = 600
pytestmark = pytest.mark.slow  # numpy and pyzmq come over the network


def run(*command, cwd=None):
    """Without this checkout, and without what the tests run on, in sight."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment.pop("SPECULATIVE_MODELS", None)
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, timeout=PATIENCE_S)


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


def test_the_shipped_models_come_with_it(program, tmp_path):
    told = run(program, "doctor", cwd=tmp_path).stdout
    shipped = program.parents[1] / "share" / "gr-speculative" / "models" / "slow.safetensors"
    assert shipped.exists() and str(shipped) in told
