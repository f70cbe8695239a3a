# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The hub's pages: Prometheus can read the metrics, and a real browser draws the dashboard."""

import http.client
import json
import math
import os
import re
import shutil
import subprocess
import urllib.request
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import zmq
from test_hub import Model, serving, wait_for

pytest.importorskip("prometheus_client", reason="needs prometheus-client")
from prometheus_client.parser import text_string_to_metric_families  # noqa: E402

from gr_speculative import prometheus  # noqa: E402
from gr_speculative.dashboard import hub_pages  # noqa: E402
from gr_speculative.handshake import Hello, encode_hello  # noqa: E402
from gr_speculative.hub import Hub  # noqa: E402
from gr_speculative.hub_stats import Histogram  # noqa: E402
from gr_speculative.node_board import NodeBoard, picture  # noqa: E402
from gr_speculative.node_report import Report, encode_report  # noqa: E402
from gr_speculative.web import WebServer  # noqa: E402
from gr_speculative.wire import Request, decode_verdict, encode_request  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
HOSTILE = "<img src=x onerror=document.title='owned'>"  # a node may call itself anything


class Model(Model):
    pid, cold_start_s, loads = os.getpid(), 1.5, 1


def result(offset, label, **changes):
    return {
        "offset": offset,
        "count": 10,
        "sample_start": 1024 * offset,
        "sample_count": 10_240,
        "sample_rate": 1e6,
        "center_frequency": 433.92e6,
        "label": label,
        "confidence": 0.9,
        "status": "final",
        "source": "fast",
    } | changes


@pytest.fixture(scope="module")
def site():
    """A hub with two nodes that have reported for a while, and one that does not, and its pages."""
    board = NodeBoard()
    hub = Hub([Model], observers=[board])
    context = zmq.Context()
    with serving(hub), WebServer("127.0.0.1:0", hub_pages(hub, board)) as server:
        for node in ("roof", HOSTILE):
            talk(context, hub, node, reports=15)
        talk(context, hub, "mast", reports=0)
        wait_for(lambda: hub.counters()["reports"] == 2 * 15)
        wait_for(lambda: hub.counters()["nodes"] == 3)
        yield server.url
    context.destroy(linger=0)


def talk(context, hub, node, reports):
    socket = context.socket(zmq.DEALER)
    socket.rcvtimeo = 10_000
    socket.connect(hub.endpoint)
    socket.send_multipart(encode_hello(Hello(node)))
    socket.recv_multipart()
    rng = np.random.default_rng(1)
    levels = rng.integers(20, 60, (4, 32), np.uint8)
    levels[-1, :4] = 220  # which the stand-in takes for a signal
    request = Request(1, 1, levels, 0.5, -100, 1e6, 1e4, "noise", 0.5, node, center_frequency=433.92e6)
    socket.send_multipart(encode_request(request))
    assert decode_verdict(socket.recv_multipart()).status == "ok"
    for second in range(1, reports + 1):
        telemetry = {
            "vectors": 1000 * second,
            "accepted": 800 * second,
            "deferred": 200 * second,
            "in_time": 150 * second + int(30 * math.sin(second)),
            "timed_out": 50 * second - int(30 * math.sin(second)),
            "threshold": 0.85,
            "audited": 10 * second,
            "live_risk": 0.0125,
            "latency_p50_ms": 3.5,
            "latency_p99_ms": 17.25,
        }
        results = [result(20 * second, "ook_ism"), result(20 * second + 10, "noise")]
        socket.send_multipart(encode_report(Report(node, 7, results, telemetry)))


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.headers, answer.read()


def test_prometheus_reads_every_metric(site):
    headers, body = get(f"{site}/metrics")
    assert headers["Content-Type"].startswith("text/plain")
    families = {family.name: family for family in text_string_to_metric_families(body.decode())}
    values = {sample.name: sample.value for family in families.values() for sample in family.samples}
    assert values["speculative_hub_received_total"] == values["speculative_hub_ok_total"] == 3
    assert values["speculative_hub_batch_size_count"] == values["speculative_hub_inference_seconds_count"]
    assert values["speculative_hub_answer_seconds_count"] == 3
    assert values["speculative_model_resident_bytes"] > 1 << 20
    assert values["process_resident_memory_bytes"] > 1 << 20
    nodes = {sample.labels["node"]: sample.value for sample in families["speculative_node_vectors"].samples}
    assert nodes == {"roof": 15_000, HOSTILE: 15_000}
    assert families["speculative_node_threshold"].type == "gauge"


def test_grafana_asks_for_metrics_that_exist(site):
    exposed = re.findall(r"^(\w+)", get(f"{site}/metrics")[1].decode(), re.MULTILINE)
    panels = (Path(__file__).parents[1] / "apps" / "grafana" / "gr-speculative.json").read_text()
    asked = set(re.findall(r"(?:speculative_(?:hub|model)|process)_\w+", panels))
    assert len(asked) > 10 and asked <= set(exposed), asked - set(exposed)


def test_a_nodes_own_metrics():
    latency = Histogram([0.1, 1.0])
    latency.add(0.5)
    told = {"vectors": 3, "threshold": 0.5, "live_risk": 0.01}
    page = prometheus.exposition(prometheus.NodeCollector("roof", lambda: told, latency))
    assert b'speculative_node_vectors_total{node="roof"} 3.0' in page()
    assert b'speculative_node_threshold{node="roof"} 0.5' in page()
    assert b'speculative_node_live_risk{node="roof"} 0.01' in page()
    assert b'speculative_node_latency_seconds_bucket{le="1.0"} 1.0' in page()


def test_the_state_says_what_nodes_reported(site):
    state = json.loads(get(f"{site}/state.json")[1])
    roof = state["nodes"]["roof"]
    assert roof["labels"] == {"ook_ism": 150, "noise": 150}
    assert roof["verdicts"] == {"signal": 1}
    assert len(roof["history"]) == 15 and roof["history"][0][1] == 0.8
    assert roof["recent"][0]["label"] == "signal" and roof["recent"][0]["width"] == 32


def test_shares_are_of_what_was_settled_and_add_up_to_one():
    """Verdicts may come after the last vector, and a node may start anew."""
    board = NodeBoard()
    for accepted, in_time, failed in ((80, 10, 10), (80, 25, 10), (80, 25, 10), (3, 1, 0)):
        telemetry = {"vectors": 100, "accepted": accepted, "in_time": in_time, "failed": failed}
        board.on_report("roof", Report("roof", 1, [], telemetry))
    shares = [entry[1:4] for entry in board.state()["roof"]["history"]]
    assert shares == [[0.8, 0.1, 0.1], [0, 1, 0], [0.6957, 0.2174, 0.087], [0.75, 0.25, 0]]


def test_only_pages_that_exist_and_nothing_else(site):
    host = site.removeprefix("http://")
    for method, path, status in (
        ("GET", "/nothing", 404),
        ("GET", "/../etc/passwd", 404),
        ("POST", "/", 501),
    ):
        connection = http.client.HTTPConnection(host, timeout=10)
        connection.request(method, path)
        assert connection.getresponse().status == status
        connection.close()
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request("HEAD", "/")
    answer = connection.getresponse()
    assert answer.status == 200 and "default-src 'none'" in answer.headers["Content-Security-Policy"]
    with pytest.raises(ValueError, match="HOST:PORT"):
        WebServer("nowhere", {})
    with pytest.raises(OSError, match="cannot serve HTTP at"):
        WebServer(host, {})


def test_a_picture_shows_the_strongest_bin_of_each_pixel():
    levels = np.full((20, 1024), 10, np.uint8)
    levels[19, 512] = 250
    small = picture(levels)
    assert (small["width"], small["height"]) == (64, 16)
    import base64

    pixels = np.frombuffer(base64.b64decode(small["pixels"]), np.uint8).reshape(16, 64)
    assert Counter(pixels.ravel().tolist()) == {0: 16 * 64 - 1, 255: 1} and pixels[15, 32] == 255


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_a_browser_draws_it(site, tmp_path):
    picture = Path(os.environ.get("SPECULATIVE_SCREENSHOT", tmp_path / "dashboard.png"))
    dom = browse(site, "--dump-dom")
    browse(site, f"--screenshot={picture}", "--window-size=1200,900")
    for text in (
        "<h2>roof</h2>",
        "fast 80.0 %",
        "p50 3.5 ms",
        "p99 17.3 ms",
        "15,000",
        "3,000 (20.0 %)",
        "1.3 %",
        "model double",
    ):
        assert text in dom, text
    assert dom.count("<article>") == 3 and dom.count("<polyline") == 10 and dom.count("<canvas") == 3
    assert "start it with --report" in dom
    assert "<h2>&lt;img src=x" in dom and "owned" not in dom.split("</title>")[0]
    assert 'id="lost" role="status" hidden' in dom
    image = picture.read_bytes()
    assert image.startswith(b"\x89PNG") and len(image) > 20_000  # a blank page takes a few kB


def browse(url, *options):
    done = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--virtual-time-budget=3000",
            *options,
            url,
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout
