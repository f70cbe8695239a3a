# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Every source of a node, end to end: pipes, files, ZeroMQ, and stand-ins of the three ways to a receiver."""

import contextlib
import json
import os
import signal
import struct
import subprocess
import sys
from itertools import groupby

import numpy as np
import pytest

gnuradio = pytest.importorskip("gnuradio")
pytest.importorskip(
    "gnuradio.speculative", reason="the GNU Radio module is not installed", exc_type=ImportError
)
import radio_doubles  # noqa: E402
import zmq  # noqa: E402
from radio_doubles import AFTER, BEFORE, LOST, RATE, Air  # noqa: E402

from gr_speculative import cli  # noqa: E402

N = 1024
NODE = [sys.executable, "-m", "gr_speculative", "node", "--no-slow"]
PATIENCE_S = 60


def components(n):
    return np.random.default_rng(1).normal(0, 0.15, 2 * n).clip(-0.99, 0.99)


def node(*arguments, stdin=None):
    """Runs a node to its end; its results."""
    command = [*NODE, "--json", "--pace", "max", *map(str, arguments)]
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr.decode()
    assert b"counters add up" in done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def labels(results):
    return [(r["offset"], r["label"], round(r["confidence"], 5)) for r in results]


@pytest.mark.parametrize(
    ("name", "kind", "zero", "scale"),
    [("cu8", "u1", 127.5, 127.5), ("cs16", "<i2", 0, 32768), ("cf32", "<f4", 0, 1)],
)
def test_stdin_is_what_the_file_is(name, kind, zero, scale, tmp_path):
    path = tmp_path / f"samples.{name}"
    (components(20 * N + 7) * scale + zero).astype(kind).tofile(path)
    expected = node("--rate", RATE, "--center-frequency", 1e8, path)
    assert len(expected) == 20 and {r["center_frequency"] for r in expected} == {1e8}
    piped = node("--rate", RATE, "--center-frequency", 1e8, "--format", name, "-", stdin=path.read_bytes())
    assert labels(piped) == labels(expected)


def test_wav_and_sigmf_are_what_the_raw_file_is(tmp_path):
    raw = tmp_path / "samples.cs16"
    (components(10 * N) * 32768).astype("<i2").tofile(raw)
    data, rate = raw.read_bytes(), int(RATE)
    form = struct.pack("<HHIIHH", 1, 2, rate, 4 * rate, 4, 16)
    riff = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(data)) + data
    (tmp_path / "samples.wav").write_bytes(b"RIFF" + struct.pack("<I", len(riff)) + riff)
    about = {
        "core:datatype": "ci16_le",
        "core:sample_rate": RATE,
        "core:dataset": raw.name,
        "core:version": "1.2.0",
    }
    (tmp_path / "samples.sigmf-meta").write_text(
        json.dumps({"global": about, "captures": [], "annotations": []})
    )
    expected = labels(node("--rate", RATE, raw))
    assert len(expected) == 10
    assert labels(node(tmp_path / "samples.wav")) == labels(node(tmp_path / "samples.sigmf-meta")) == expected


@contextlib.contextmanager
def publisher():
    """A socket that knows when it is listened to."""
    with zmq.Context() as context, context.socket(zmq.XPUB) as socket:
        socket.linger = 0
        port = socket.bind_to_random_port("tcp://127.0.0.1")
        yield f"tcp://127.0.0.1:{port}", socket


@pytest.mark.parametrize("tagged", [False, True])
def test_zmq_stream(tagged):
    samples = components(40 * N).astype(np.float32).tobytes()
    with publisher() as (endpoint, socket):
        command = [*NODE, "--json", "--rate", str(RATE), f"zmq:{endpoint}"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            assert socket.poll(PATIENCE_S * 1e3), "the node does not subscribe"
            for vector in (*range(10), *range(13, 40)):  # three vectors are lost
                header = struct.pack("<HBQQ", 0x5FF0, 1, vector * N, 0) if tagged else b""
                socket.send(header + samples[vector * N * 8 : (vector + 1) * N * 8])
            vectors = 37
            results = [json.loads(process.stdout.readline()) for _ in range(vectors)]
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
            process.wait()
    assert process.returncode == 130 and "counters add up" in said
    if tagged:
        assert [r["offset"] for r in results] == [*range(10), *range(13, 40)]
        assert "lost samples 1 times" in said and "3 invalid" in said
    else:
        assert [r["offset"] for r in results] == [*range(vectors)]


@pytest.fixture
def air(monkeypatch):
    """A receiver behind all three."""
    air = Air()
    monkeypatch.setitem(sys.modules, "SoapySDR", radio_doubles.soapy(air))
    monkeypatch.setitem(sys.modules, "osmosdr", radio_doubles.osmosdr(air))
    monkeypatch.setitem(sys.modules, "gnuradio.uhd", radio_doubles.uhd(air))
    monkeypatch.setattr(gnuradio, "uhd", radio_doubles.uhd(air), raising=False)
    return air


def listen(out, scheme, *options):
    """A node until the receiver is unplugged; its results."""
    arguments = ["--no-slow", "--rate", str(RATE), "--out", str(out), *options, f"{scheme}:x"]
    assert cli.main(["node", *arguments]) == 1
    return [json.loads(line) for line in (out / f"{scheme}.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("scheme", ["soapy", "uhd"])
def test_a_loss_is_an_invalid_vector_and_misdates_none(air, scheme, tmp_path, capsys):
    results = listen(tmp_path, scheme, "--center-frequency", "433.92e6", "--gain", "30", "--antenna", "RX2")
    assert (air.tuned, air.gain, air.antenna) == ([433.92e6], 30, "RX2")
    assert "1 invalid" in capsys.readouterr().out
    hit = BEFORE // N
    assert [r["offset"] for r in results] == [k for k in range((BEFORE + AFTER) // N) if k != hit]
    for r in results:
        lost = LOST if r["offset"] > hit else 0
        second = r["rx_time"][0] + r["rx_time"][1] - 1
        assert second == pytest.approx((r["offset"] * N + lost) / RATE, abs=1e-6)
        assert r["center_frequency"] == 433.92e6


def test_gr_osmosdr_tells_nobody_of_a_loss(air, tmp_path, capsys):
    results = listen(tmp_path, "osmosdr", "--center-frequency", "1e8")
    assert len(results) == (BEFORE + AFTER) // N and air.gain == "automatic"
    assert {r["center_frequency"] for r in results} == {1e8}


@pytest.mark.parametrize("scheme", ["soapy", "uhd", "osmosdr"])
def test_a_scan_goes_round_and_leaves_the_settling_out(air, scheme, tmp_path):
    dwell, settle = 8 * N / RATE, 8 * N / RATE
    scan = [
        "--center-frequency",
        "1e8",
        "--center-frequency",
        "2e8",
        "--dwell",
        str(dwell),
        "--settle",
        str(settle),
    ]
    results = listen(tmp_path, scheme, *scan)
    assert air.tuned[:4] == [1e8, 2e8, 1e8, 2e8]
    stays = [
        (hz, [r["offset"] for r in stay]) for hz, stay in groupby(results, lambda r: r["center_frequency"])
    ]
    assert [hz for hz, _ in stays] == [1e8, 2e8, 1e8, 2e8, 1e8][: len(stays)] and len(stays) >= 4
    assert stays[0][1] == list(range(8))
    for (_, before), (_, after) in zip(stays, stays[1:], strict=False):
        assert after[0] - before[-1] - 1 in (8, 9)  # more where it begins within a vector
    captures = json.loads((tmp_path / f"{scheme}.sigmf-meta").read_text())["captures"]
    assert [c["core:frequency"] for c in captures] == [hz for hz, _ in stays]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-"], "--rate in Hz"),
        (["-", "--rate", "1e6"], "--format"),
        (["zmq:tcp://127.0.0.1:1"], "--rate in Hz"),
        (["zmq:nowhere", "--rate", "1e6"], "tcp://host:5556"),
        (["soapy:driver=x", "--rate", "1e6"], "--center-frequency in Hz"),
        (["soapy:driver=x", "--center-frequency", "1e8"], "--rate in Hz"),
        (["uhd:", "--center-frequency", "1e8", "--rate", "-1"], "expected Hz > 0"),
        (["osmosdr:", "--center-frequency", "-1", "--rate", "1e6"], "frequencies"),
        (["tcp://127.0.0.1:5555", "--rate", "1e6"], "soapy:…, uhd:…, osmosdr:…, zmq:…"),
        (["x.cu8", "--center-frequency", "1", "--center-frequency", "2"], "only a receiver can scan"),
    ],
)
def test_what_is_missing_is_said(arguments, said, capsys, monkeypatch):
    monkeypatch.setattr(os, "isatty", lambda fd: False)
    assert cli.main(["node", "--no-slow", *arguments]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("scheme", "module", "package"),
    [
        ("soapy", "SoapySDR", "python3-soapysdr"),
        ("osmosdr", "osmosdr", "gr-osmosdr"),
        ("uhd", "gnuradio.uhd", "gnuradio"),
    ],
)
def test_a_missing_package_is_named(scheme, module, package, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delattr(gnuradio, "uhd", raising=False)
    arguments = ["node", "--no-slow", "--rate", "1e6", "--center-frequency", "1e8", f"{scheme}:x"]
    assert cli.main(arguments) == 2
    said = capsys.readouterr().err
    assert f"apt install {package}" in said and said.count("\n") == 1


def test_the_real_gr_osmosdr_reads_a_file(tmp_path):
    pytest.importorskip("osmosdr", reason="gr-osmosdr is not installed")
    path = tmp_path / "x.cf32"
    components(50 * N).astype("<f4").tofile(path)
    device = f"osmosdr:file={path},rate={RATE:.0f},freq=100e6,repeat=false,throttle=false"
    command = [*NODE, "--json", "--rate", str(RATE), "--center-frequency", "100e6", device]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 1 and "ended the stream by itself" in done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    expected = node("--rate", RATE, "--center-frequency", 100e6, path)
    assert labels(results) == labels(expected)[: len(results)] and len(results) > 0


def test_config_names_sources(tmp_path, capsys):
    path = tmp_path / "node.toml"
    (tmp_path / "x.cu8").write_bytes(bytes(4096))
    path.write_text(
        f'sources = ["{tmp_path / "x.cu8"}"]\nrate = 1e6\ncenter-frequency = [1e8]\nno-slow = true\n'
    )
    assert cli.main(["node", "--config", str(path), "--check-config"]) == 0
    assert "right" in capsys.readouterr().out
