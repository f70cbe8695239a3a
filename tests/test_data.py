# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest

from gr_speculative.contract import LABELS, Preprocessing
from gr_speculative.data import UNSURE, DataError, contexts, load, spectra, summary

RECORDINGS = Path(
    os.environ.get("SPECULATIVE_RECORDINGS", Path(__file__).parents[2] / "shared" / "recordings")
)


def write_manifest(folder: Path, files: list[dict], runs: list[tuple]) -> Path:
    columns = ("file", "split", "class", "device_group", "datatype", "sample_rate", "sha256")
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(files)
    with (folder / "windows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "start_window", "end_window", "label"))
        writer.writerows(runs)
    return folder


def row(name: str, **changes) -> dict:
    made = {"file": name, "split": "train", "class": "ook_ism", "device_group": "d", "datatype": "cu8"}
    return made | {"sample_rate": "250000"} | changes


@pytest.fixture
def folder(tmp_path):
    np.random.default_rng(1).integers(0, 256, 2 * 4 * 1024, np.uint8).tofile(tmp_path / "a.cu8")
    return write_manifest(tmp_path, [row("a.cu8")], [("a.cu8", 0, 1, "signal"), ("a.cu8", 2, 4, "noise")])


def test_labels_of_windows(folder):
    (recording,) = load(folder).recordings
    assert recording.window_labels(1024, LABELS).tolist() == [1, UNSURE, 0, 0]
    assert recording.window_labels(512, LABELS).tolist() == [1, 1, UNSURE, UNSURE, 0, 0, 0, 0]
    assert recording.window_labels(4096, LABELS).tolist() == [UNSURE]
    assert recording.window_labels(1024, ("noise", "x")).tolist() == [2, UNSURE, 0, 0]  # no label names it
    assert summary((recording,))["noise"] == 2


@pytest.mark.parametrize(
    "datatype, raw, expected",
    [
        ("cu8", np.array([255, 0], np.uint8), 1 - 1j),
        ("cs8", np.array([-128, 64], np.int8), -1 + 0.5j),
        ("cs16", np.array([16384, -32768], "<i2"), 0.5 - 1j),
        ("cf32", np.array([0.25, 2], "<f4"), 0.25 + 2j),
    ],
)
def test_datatypes(tmp_path, datatype, raw, expected):
    np.tile(raw, 2048).tofile(tmp_path / "x")
    write_manifest(tmp_path, [row("x", datatype=datatype)], [("x", 0, 1, "signal")])
    (recording,) = load(tmp_path).recordings
    x = recording.read(1000, 5000)
    assert len(x) == 1048 and x.dtype == np.complex64
    np.testing.assert_allclose(x, expected, atol=1e-6)


@pytest.mark.parametrize(
    "change, said",
    [
        ({"file": "absent.cu8"}, "absent"),
        ({"datatype": "cs32"}, "cs32"),
        ({"sample_rate": ""}, "sample rate"),
        ({"sample_rate": "-5"}, "sample rate"),
        ({"sample_rate": "nan"}, "sample rate"),
        ({"sha256": "0" * 64}, "sha256"),
        ({"class": ""}, "no class"),
        ({"file": "short.cu8"}, "expected at least 1024"),
    ],
)
def test_what_cannot_be_used_is_named_and_left_out(folder, change, said):
    (folder / "short.cu8").write_bytes(bytes(100))
    write_manifest(folder, [row("a.cu8"), row("a.cu8", **change)], [("a.cu8", 0, 1, "signal")])
    dataset = load(folder)
    assert len(dataset.recordings) == 1
    assert any(said in problem and change.get("file", "a.cu8") in problem for problem in dataset.problems)


def test_odd_length_is_said_and_only_whole_samples_are_read(folder):
    with (folder / "a.cu8").open("ab") as file:
        file.write(b"\x01")
    dataset = load(folder)
    assert dataset.recordings[0].samples == 4096 and len(dataset.recordings[0].read()) == 4096
    assert any("last 1 bytes" in problem for problem in dataset.problems)


@pytest.mark.parametrize(
    "run", [("a.cu8", 3, 5, "signal"), ("a.cu8", 2, 2, "noise"), ("a.cu8", -1, 1, "noise"),
            ("a.cu8", 0, 1, "maybe"), ("a.cu8", "x", 1, "noise")],
)  # fmt: skip
def test_a_bad_run_of_windows_labels_nothing(folder, run):
    write_manifest(folder, [row("a.cu8")], [run])
    dataset = load(folder)
    assert set(dataset.recordings[0].window_labels(1024, LABELS)) == {UNSURE}
    assert any("a.cu8" in problem for problem in dataset.problems)


def test_windows_of_a_file_that_the_manifest_lacks(folder):
    write_manifest(folder, [row("a.cu8")], [("b.cu8", 0, 1, "signal")])
    assert any(p.startswith("b.cu8") for p in load(folder).problems)


def test_a_window_that_two_labels_claim_has_none_and_that_is_said(folder, tmp_path):
    write_manifest(folder, [row("a.cu8")], [("a.cu8", 0, 3, "signal"), ("a.cu8", 2, 4, "noise")])
    dataset = load(folder)
    assert dataset.recordings[0].window_labels(1024, LABELS).tolist() == [1, 1, UNSURE, 0]
    assert any("from sample 2048 'noise' overlaps 'ook_ism'" in problem for problem in dataset.problems)
    (sigmf := tmp_path / "sigmf").mkdir()
    marked = [
        {"core:sample_start": start, "core:sample_count": 1500, "core:label": label}
        for start, label in ((0, "lte_ofdm"), (500, "lte_ofdm"), (1000, "wifi_ofdm"))
    ]
    write_sigmf(sigmf, "x", marked)
    dataset = load(sigmf)
    assert dataset.recordings[0].window_labels(500, LABELS).tolist() == [6, 6, UNSURE, UNSURE, 5, UNSURE]
    assert len(dataset.problems) == 1 and "x.sigmf-meta: from sample 1000" in dataset.problems[0]


def test_a_file_that_is_listed_twice_counts_once(folder):
    write_manifest(folder, [row("a.cu8"), row("a.cu8", split="val")], [("a.cu8", 0, 1, "signal")])
    dataset = load(folder)
    assert [r.split for r in dataset.recordings] == ["train"]
    assert any("in manifest.csv twice" in problem for problem in dataset.problems)


def test_refused_as_a_whole(tmp_path, folder):
    with pytest.raises(DataError, match="folder"):
        load(tmp_path / "none")
    (folder / "windows.csv").write_text("file,start_window\n")
    with pytest.raises(DataError, match="end_window"):
        load(folder)
    (folder / "windows.csv").unlink()
    with pytest.raises(DataError, match="windows.csv: is not there: expected .* start_window"):
        load(folder)
    write_manifest(folder, [], [])
    with pytest.raises(DataError, match="manifest.csv lists no file"):
        load(folder)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="no usable recording"):
        load(empty)


def write_sigmf(
    folder: Path, name: str, annotations: list, captures: list | None = None, header: bytes = b"", **about
) -> None:
    samples = np.repeat(np.arange(3000), 2).astype("<i2")
    (folder / f"{name}.sigmf-data").write_bytes(header + samples.tobytes())
    about = {"core:datatype": "ci16_le", "core:sample_rate": 1e6, "core:version": "1.0.0"} | about
    captures = captures or [{"core:sample_start": 0}]
    meta = {"global": about, "captures": captures, "annotations": annotations}
    (folder / f"{name}.sigmf-meta").write_text(json.dumps(meta))


def test_sigmf(tmp_path):
    marked = {"core:sample_start": 0, "core:sample_count": 2048, "core:label": "lte_ofdm"}
    beyond = {"core:sample_start": 2048, "core:sample_count": 2048, "core:label": "noise"}
    endless = {"core:sample_start": 1024, "core:label": "endless"}
    write_sigmf(tmp_path, "good", [marked, beyond, endless, {"core:sample_start": 0}])
    write_sigmf(tmp_path, "rateless", [marked], **{"core:sample_rate": None})
    write_sigmf(tmp_path, "real", [marked], **{"core:datatype": "rf32_le"})
    (tmp_path / "broken.sigmf-meta").write_text("{")
    dataset = load(tmp_path)
    (recording,) = dataset.recordings
    assert recording.window_labels(1024, LABELS).tolist() == [6, 6]
    said = "\n".join(dataset.problems)
    for words in ("2048..4096 of 3000", "endless", "rateless", "rf32_le", "broken"):
        assert words in said
    assert len(dataset.problems) == 5


def test_sigmf_indices_count_from_its_offset_and_samples_follow_its_header(tmp_path):
    marked = {"core:sample_start": 50_000 + 1024, "core:sample_count": 1024, "core:label": "lte_ofdm"}
    captures = [{"core:sample_start": 50_000, "core:header_bytes": 7}]
    write_sigmf(tmp_path, "x", [marked], captures, b"7 bytes", **{"core:offset": 50_000})
    dataset = load(tmp_path)
    (recording,) = dataset.recordings
    assert not dataset.problems and recording.samples == 3000
    assert recording.window_labels(1024, LABELS).tolist() == [UNSURE, 6]
    np.testing.assert_array_equal(recording.read(1024, 2), np.array([1024, 1025]) * (1 + 1j) / 32768)


def test_no_window_across_a_retune_is_labelled(tmp_path):
    marked = {"core:sample_start": 100, "core:sample_count": 2900, "core:label": "lte_ofdm"}
    captures = [{"core:sample_start": 100}, {"core:sample_start": 1500, "core:frequency": 1e9}]
    write_sigmf(tmp_path, "x", [marked], captures, **{"core:offset": 100})
    (recording,) = load(tmp_path).recordings
    found = [6, 6, UNSURE, 6, 6]  # 1000..1500 holds the retune at 1400
    assert recording.window_labels(500, LABELS)[:5].tolist() == found
    assert [(s.start, s.stop) for s in recording.spans] == [(0, 1400), (1400, 2900)]


def test_headers_between_captures_are_refused(tmp_path):
    captures = [{"core:sample_start": 0}, {"core:sample_start": 1500, "core:header_bytes": 8}]
    write_sigmf(tmp_path, "x", [], captures)
    with pytest.raises(DataError, match="headers between captures"):
        load(tmp_path)


def test_digest_follows_contents(folder):
    before = load(folder).sha256
    assert load(folder).sha256 == before
    data = bytearray((folder / "a.cu8").read_bytes())
    data[0] ^= 1
    (folder / "a.cu8").write_bytes(data)
    assert load(folder).sha256 != before


def test_spectrum_of_a_tone_lies_where_its_frequency_says():
    tone = np.exp(2j * np.pi * 100 / 1024 * np.arange(2048)).astype(np.complex64)
    db = spectra(tone, 1024, Preprocessing())
    assert db.shape == (2, 1024) and set(db.argmax(axis=1)) == {512 + 100}


def test_contexts_repeat_the_first_vector_before_the_start():
    db = np.arange(5, dtype=np.float32)[:, None] * np.ones(32, np.float32)
    found = contexts(db, np.array([0, 4]), 3)[:, :, 0]
    assert found.tolist() == [[0, 0, 0], [2, 3, 4]]


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason=f"no recordings in {RECORDINGS}")
def test_the_recordings_load_without_a_problem():
    dataset = load(RECORDINGS)
    assert not dataset.problems
    counts = summary(dataset.split("val"))
    assert counts["noise"] == 856 and counts["gfsk_1m"] == 10 and counts["ood"] == 0
