# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""doctor: what is wrong is told with a fix, optional things are only missing, and no check can end it."""

import argparse
import importlib.util
import socket
import sys
import tempfile
from types import SimpleNamespace

import pytest

from gr_speculative import doctor, surroundings
from gr_speculative.finding import Finding, ok


def run(monkeypatch, capsys, checks, hub=None):
    monkeypatch.setattr(doctor, "CHECKS", checks)
    status = doctor.run(argparse.Namespace(hub=hub))
    return status, capsys.readouterr().out


def raising():
    raise OSError("disk gone")


def test_only_what_is_wrong_fails(monkeypatch, capsys):
    status, out = run(
        monkeypatch, capsys, [("a", lambda: ok("1")), ("b", lambda: Finding("missing", "2", "do"))]
    )
    assert status == 0 and "→ do" in out and "nothing is wrong" in out


def test_a_check_that_raises_is_wrong_and_the_others_go_on(monkeypatch, capsys):
    status, out = run(monkeypatch, capsys, [("a", raising), ("b", lambda: ok("here"))])
    assert status == 1 and "disk gone" in out and "here" in out and "1 to fix" in out


@pytest.mark.parametrize("name", ["torch", "safetensors", "zmq"])
def test_a_missing_package_has_a_fix(monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    finding = dict(doctor.CHECKS)[name]()
    assert finding.state == ("wrong" if name == "zmq" else "missing") and "pip install" in finding.fix


def test_missing_models_are_told(monkeypatch, tmp_path):
    monkeypatch.setenv("SPECULATIVE_MODELS", str(tmp_path))
    for name, finding in doctor.examine([("slow model", dict(doctor.CHECKS)["slow model"])]):
        assert finding.state == "wrong" and "slow.safetensors" in finding.what, name


def test_a_hub_that_is_not_there(monkeypatch, capsys):
    monkeypatch.setattr(surroundings, "_REPLY_S", 0.1)
    for endpoint, said in (("tcp://127.0.0.1:1", "does not answer"), ("nonsense", "tcp://hub.example:5555")):
        status, out = run(monkeypatch, capsys, [], endpoint)
        assert status == 1 and said in out


def test_the_port_of_a_hub(monkeypatch):
    monkeypatch.setattr(surroundings, "_REPLY_S", 0.1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr(surroundings, "HUB_PORT", taken.getsockname()[1])
        found = surroundings.hub_port()
    assert found.state == "missing" and "taken" in found.what and "--bind" in found.fix
    assert surroundings.hub_port().state == "ok"


def test_a_folder_for_sockets(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "not there"))
    assert surroundings.socket_folder().state == "wrong"
    monkeypatch.setattr(tempfile, "tempdir", "/tmp/" + "x" * 90)
    assert "too long" in surroundings.socket_folder().what
    monkeypatch.setattr(tempfile, "tempdir", "/tmp")
    assert surroundings.socket_folder() == ok("/tmp")


def test_receivers(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    checks = dict(surroundings.CHECKS)
    for name, package in (("soapy", "python3-soapysdr"), ("uhd", "uhd-host"), ("osmosdr", "gr-osmosdr")):
        assert checks[name]().state == "missing" and package in checks[name]().fix
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    found: list[str] = []
    device = SimpleNamespace(enumerate=lambda: found)
    monkeypatch.setitem(sys.modules, "SoapySDR", SimpleNamespace(Device=device))
    assert surroundings.soapy().state == "missing"
    found.append("{driver=rtlsdr}")
    assert surroundings.soapy() == ok("driver=rtlsdr")


def test_the_whole_here(capsys):
    doctor.run(argparse.Namespace(hub=None))
    out = capsys.readouterr().out
    assert all(f" {name} " in out for name, _ in doctor.CHECKS)
