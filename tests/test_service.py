# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Hub and node as systemd services: what they tell it, and what it thinks of their units."""

import importlib.util
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from hub_process import HubProcess

from gr_speculative import service

UNITS = sorted((Path(__file__).parents[1] / "apps" / "systemd").glob("*.service"))
ANALYZE = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="needs systemd-analyze")


@pytest.fixture
def manager(tmp_path, monkeypatch):
    """A socket in the place of systemd's."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        yield manager


def test_a_hub_says_when_it_is_ready_that_it_lives_and_that_it_ends(manager):
    with HubProcess(model="good") as hub:
        assert manager.recv(100) == b"READY=1"
        assert [manager.recv(100) for _ in range(3)] == [b"WATCHDOG=1"] * 3
        hub.signal(signal.SIGSTOP)  # a hub that hangs says nothing, and is started anew
        manager.settimeout(1.5)
        with pytest.raises(TimeoutError):
            while True:  # what it said before
                manager.recv(100)
        hub.signal(signal.SIGCONT)
        manager.settimeout(30)
        assert manager.recv(100) == b"WATCHDOG=1"
    said = b"WATCHDOG=1"
    while said == b"WATCHDOG=1":
        said = manager.recv(100)
    assert said == b"STOPPING=1"


@pytest.mark.skipif(importlib.util.find_spec("gnuradio") is None, reason="needs GNU Radio")
def test_a_node_says_when_it_listens_and_that_it_lives(manager, tmp_path):
    pytest.importorskip("gnuradio.speculative", reason="the GNU Radio module is not installed")
    from real_node import RealNode

    with RealNode("tcp://127.0.0.1:9", tmp_path / "out"):
        assert manager.recv(100) == b"READY=1"
        assert [manager.recv(100) for _ in range(3)] == [b"WATCHDOG=1"] * 3


def test_an_abstract_socket_and_a_manager_that_is_gone(monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("")  # Linux chooses an abstract name
        manager.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + manager.getsockname()[1:].decode())
        service.notify("READY=1")
        assert manager.recv(100) == b"READY=1"
    service.notify("WATCHDOG=1")  # nobody hears, and nothing happens


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_finds_nothing_wrong_with_a_unit(unit):
    done = subprocess.run([ANALYZE, "verify", "--man=no", unit], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_is_hardened(unit):
    command = [
        ANALYZE,
        "security",
        "--offline=true",
        "--threshold=25",
        unit,
    ]  # 2.5 of 10; an ordinary one has 9.6
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert {"Type=notify", "Restart=always"} < set(unit.read_text().splitlines())
    assert "WatchdogSec=" in unit.read_text()
