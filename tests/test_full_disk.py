# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""A disk that is really full, of a node and of a hub: it costs what cannot be written, and nothing else."""

import functools
import itertools
import json
import os
import subprocess

import pytest
from test_dashboard import result
from test_hub import wait_for

from gr_speculative import results_feed
from gr_speculative.annotations import AnnotationWriter
from gr_speculative.node_report import Report
from gr_speculative.result_files import ResultFiles
from gr_speculative.results_feed import WrittenResults

BYTES = 256 << 10


class Disk:
    def __init__(self, folder):
        self.folder, self._filler = folder, folder / "filler"

    def fill(self):
        with open(self._filler, "wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass

    def clear(self):
        self._filler.unlink()


@pytest.fixture
def disk(tmp_path):
    """A file system of 256 KiB."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={BYTES}", "none", str(tmp_path)]
    if os.geteuid() or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("may not mount a small file system")
    yield Disk(tmp_path)
    subprocess.run(["umount", str(tmp_path)], check=True)


def published(offset):
    return result(10 * offset, "ook_ism") | {"status": "final", "note": "x" * 200}


def lines(path):
    return [json.loads(line)["offset"] for line in path.read_bytes().splitlines()]


def annotated(path):
    [annotation] = json.loads(path.read_text())["annotations"]
    return annotation["core:sample_count"] // 1024


def node_files(disk):
    annotations = AnnotationWriter(disk.folder / "a.sigmf-meta", 1024, sample_rate=1e6, flush_seconds=0.0)
    return ResultFiles(disk.folder / "a.jsonl", annotations)


def test_a_node_goes_on_and_loses_only_what_found_no_room(disk, caplog):
    with node_files(disk) as files:
        for offset in range(10):
            files.add(published(offset))
        disk.fill()
        for offset in range(10, 210):
            files.add(published(offset))
        assert 0 < files.lost < 200
        lost = files.lost
        disk.clear()
        for offset in range(210, 220):
            files.add(published(offset))
    written = lines(disk.folder / "a.jsonl")
    assert files.lost == lost and files.incomplete
    assert len(written) == 220 - lost and written == sorted(set(written))  # none doubled, none in halves
    assert written[:10] == list(range(0, 100, 10)) and written[-10:] == list(range(2100, 2200, 10))
    assert annotated(disk.folder / "a.sigmf-meta") == 2200  # these were kept
    assert "No space left on device" in caplog.text and f"{lost} results could not be written" in caplog.text


def test_a_node_that_ends_on_a_full_disk_counts_what_is_missing(disk):
    with node_files(disk) as files:
        files.add(published(0))
        disk.fill()
        for offset in range(1, 200):
            files.add(published(offset))
    whole = [
        line
        for line in (disk.folder / "a.jsonl").read_bytes().splitlines(keepends=True)
        if line[-1:] == b"\n"
    ]
    assert files.incomplete and len(whole) == 200 - files.lost
    assert annotated(disk.folder / "a.sigmf-meta") >= 10  # the last that could be written, whole


def test_a_hubs_feed_is_whole_again_once_there_is_room(disk, monkeypatch):
    eager = functools.partial(AnnotationWriter, flush_seconds=0.0)
    monkeypatch.setattr(results_feed, "AnnotationWriter", eager)
    with WrittenResults(disk.folder / "feed") as written:
        written.on_report("roof", Report("roof", 1, [published(0)]))
        wait_for(lambda: list(disk.folder.glob("feed/roof/*.sigmf-meta")))
        disk.fill()
        offsets = itertools.count(1)

        def fails():
            written.on_report("roof", Report("roof", 1, [published(next(offsets))]))
            return written.failures

        wait_for(fails)
        disk.clear()
        last = next(offsets)
        written.on_report("roof", Report("roof", 1, [published(last)]))
    [path] = disk.folder.glob("feed/roof/*.sigmf-meta")
    assert annotated(path) == 10 * (last + 1) and written.dropped == 0
