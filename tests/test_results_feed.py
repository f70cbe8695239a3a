# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Results of nodes at the hub: reported, published, written; and a disk that is full for a while."""

import errno
import functools
import json

import zmq
from test_dashboard import result
from test_hub import Model, serving, wait_for

from gr_speculative import annotations, results_feed
from gr_speculative.hub import Hub
from gr_speculative.node_report import Report
from gr_speculative.publisher import Publisher
from gr_speculative.report_sender import ReportSender
from gr_speculative.results_feed import PublishedResults, WrittenResults, file_name


def test_results_of_every_node_are_published_and_written(tmp_path):
    with Publisher("tcp://127.0.0.1:0") as publisher, WrittenResults(tmp_path) as written:
        hub = Hub([Model], observers=[PublishedResults(publisher), written])
        listener = zmq.Context.instance().socket(zmq.SUB)
        listener.rcvtimeo = 10_000
        listener.connect(publisher.endpoint)
        listener.subscribe(b"")
        with serving(hub), listener:
            wait_for(lambda: publisher.send({"label": "ready"}) or listener.poll(10))
            while listener.poll(50):
                listener.recv_multipart()
            senders = [
                ReportSender(hub.endpoint, name, lambda: {"vectors": 30.0}) for name in ("roof", "a/b")
            ]
            for sender in senders:
                with sender:
                    wait_for(lambda: hub.counters()["connections"] >= 1)
                    for offset in (0, 10, 20):
                        sender.add(result(offset, "ook_ism") | {"scores": [1.0], "unknown": None})
            got = [json.loads(listener.recv_multipart()[1]) for _ in range(6)]
    assert [one["node_id"] for one in got] == ["roof"] * 3 + ["a/b"] * 3
    assert [one["offset"] for one in got] == [0, 10, 20] * 2
    assert len({one["session"] for one in got}) == 2 and "scores" not in got[0]
    for folder in ("roof", "a%2Fb"):
        [path] = (tmp_path / folder).glob("*.sigmf-meta")
        [annotation] = json.loads(path.read_text())["annotations"]
        assert (annotation["core:sample_start"], annotation["core:sample_count"]) == (0, 30 * 1024)
        assert annotation["core:label"] == "ook_ism"


def test_without_a_hub_results_are_left_out_and_counted():
    with ReportSender("tcp://127.0.0.1:1", "roof", dict) as sender:
        for offset in range(20_010):
            sender.add(result(offset, "noise"))
        wait_for(lambda: sender.omitted == 10)
    assert sender.omitted == 20_010


def test_a_full_disk_costs_nothing_but_time(tmp_path, monkeypatch, caplog):
    full, write = [True], annotations.write_whole

    def write_whole(path, text):
        if full[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, text)

    monkeypatch.setattr(annotations, "write_whole", write_whole)
    eager = functools.partial(annotations.AnnotationWriter, flush_seconds=0.0)
    monkeypatch.setattr(results_feed, "AnnotationWriter", eager)
    with WrittenResults(tmp_path) as written:
        for offset in range(5):  # not an attempt for each: after one that took long the next waits
            written.on_report("roof", report(offset))
        wait_for(lambda: written.failures > 0)
        full[0] = False
        written.on_report("roof", report(5))
    assert "No space left on device" in caplog.text and caplog.text.count("cannot be written") == 1
    [path] = (tmp_path / "roof").glob("*.sigmf-meta")
    [annotation] = json.loads(path.read_text())["annotations"]
    assert annotation["core:sample_count"] == 60 * 1024


def report(index):
    return Report("roof", 1, [result(10 * index, "ook_ism")])


def test_any_name_of_a_node_is_a_file_name_within_the_folder(tmp_path):
    for name in ("roof", "..", ".", "", "a/b", "/etc", "\\", "ü", "..%2F", " "):
        path = (tmp_path / file_name(name)).resolve()
        assert path.parent == tmp_path.resolve(), name
