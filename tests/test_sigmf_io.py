# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Recordings of every format, every way to be wrong, and annotations that survive revisions and crashes."""

import json
import os

import numpy as np
import pytest

from gr_speculative import annotations as module
from gr_speculative.annotations import AnnotationWriter, default_path
from gr_speculative.sigmf_io import RecordingError, open_recording, read_meta, read_spans

VECTOR = 16


def raw(path, values, kind):
    np.array(values).astype(kind).tofile(path)
    return path


def sigmf_pair(folder, about=None, captures=(), data=b"\x00" * 64, name="r"):
    (folder / f"{name}.sigmf-data").write_bytes(data)
    about = {"core:datatype": "ci16_le", "core:version": "1.2.0", "core:sample_rate": 1e6, **(about or {})}
    document = {"global": about, "captures": list(captures), "annotations": []}
    meta = folder / f"{name}.sigmf-meta"
    meta.write_text(json.dumps(document))
    return meta


@pytest.mark.parametrize(
    ("suffix", "kind", "values", "expected"),
    [
        ("cu8", "u1", [0, 255, 128, 127], [-1 + 1j, (1 - 1j) / 255]),
        ("cs8", "i1", [-128, 64, 0, 127], [-1 + 0.5j, 127j / 128]),
        ("cs16", "<i2", [-32768, 16384, 0, 1], [-1 + 0.5j, 1j / 32768]),
        ("cf32", "<f4", [0.5, -2, 0, 1], [0.5 - 2j, 1j]),
    ],
)
def test_raw_formats(suffix, kind, values, expected, tmp_path):
    path = raw(tmp_path / f"x.{suffix}", values, kind)
    recording = open_recording(path, 250e3, center_frequency=433.92e6)
    assert recording.read(0, 2) == pytest.approx(np.array(expected), abs=1e-7)
    assert recording.read(0, 2).dtype == np.complex64
    assert (recording.n_samples, recording.sample_rate, recording.center_frequency) == (2, 250e3, 433.92e6)
    renamed = path.rename(tmp_path / "x.dat")
    assert np.array_equal(open_recording(renamed, 250e3, suffix).read(0, 9), recording.read(0, 2))


@pytest.mark.parametrize(
    ("datatype", "kind", "scale"),
    [
        ("ci8", "i1", 128),
        ("ci16_le", "<i2", 32768),
        ("ci16_be", ">i2", 32768),
        ("ci32_be", ">i4", 2**31),
        ("cf32_le", "<f4", 1),
        ("cf32_be", ">f4", 1),
        ("cf64_le", "<f8", 1),
    ],
)
def test_sigmf_datatypes(datatype, kind, scale, tmp_path):
    values = np.array([1, -2, 3, 4, -5, 6])
    captures = [
        {"core:sample_start": 0, "core:frequency": 1e9},
        {"core:sample_start": 2, "core:frequency": 2e9},
    ]
    meta = sigmf_pair(tmp_path, {"core:datatype": datatype}, captures, values.astype(kind).tobytes())
    for path in (meta, tmp_path / "r.sigmf-data"):
        recording = open_recording(path)
        assert recording.center_frequency == 1e9
        assert recording.read(1, 5) == pytest.approx((values[2::2] + 1j * values[3::2]) / scale)
    over = open_recording(meta, rate=5e6, center_frequency=7e6)
    assert (over.sample_rate, over.center_frequency) == (5e6, 7e6)


def test_reading_stays_inside(tmp_path):
    recording = open_recording(raw(tmp_path / "x.cs8", range(20), "i1"), 1e6)
    assert (
        len(recording.read(8, 5)) == 2 and len(recording.read(10, 5)) == 0 and len(recording.read(99, 5)) == 0
    )


def test_odd_length_is_cut_and_said(tmp_path, caplog):
    path = raw(tmp_path / "x.cs16", range(4), "<i2")
    path.write_bytes(path.read_bytes() + b"abc")
    assert open_recording(path, 1e6).n_samples == 2
    assert "last 3 bytes" in caplog.text and "x.cs16" in caplog.text


def test_foreign_headers_and_trailers(tmp_path):
    about = {"core:dataset": "r.wav", "core:trailing_bytes": 4, "core:datatype": "ci8"}
    meta = sigmf_pair(tmp_path, about, [{"core:sample_start": 0, "core:header_bytes": 3}])
    (tmp_path / "r.wav").write_bytes(b"hdr" + bytes([1, 2, 3, 4]) + b"tail")
    assert open_recording(meta).read(0, 9) == pytest.approx(np.array([1 + 2j, 3 + 4j]) / 128)


def refused(message, *arguments, **options):
    with pytest.raises(RecordingError, match=message) as caught:
        open_recording(*arguments, **options)
    assert "\n" not in str(caught.value)


def test_bad_raw_input(tmp_path):
    good = raw(tmp_path / "x.cu8", range(8), "u1")
    refused("no such file", tmp_path / "absent.cu8", 1e6)
    refused("is a folder", tmp_path, 1e6)
    refused("sample rate", good)
    for rate in (0, -1.0, float("nan"), float("inf"), "fast"):
        refused("sample rate", good, rate)
    refused("unknown suffix '.xyz'.*cu8", raw(tmp_path / "x.xyz", range(8), "u1"), 1e6)
    refused("unknown format 'cu9'", good, 1e6, "cu9")
    refused("no whole sample", raw(tmp_path / "e.cu8", [], "u1"), 1e6)
    refused("archive", raw(tmp_path / "x.sigmf", [1], "u1"))


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({"core:datatype": "rf32_le"}, "unsupported datatype 'rf32_le'.*cf32"),
        ({"core:datatype": "cf16_le"}, "unsupported datatype"),
        ({"core:datatype": None}, "unsupported datatype"),
        ({"core:num_channels": 2}, "2 channels"),
        ({"core:sample_rate": -3}, "above 0"),
        ({"core:sample_rate": None}, "give the rate"),
        ({"core:trailing_bytes": []}, "core:trailing_bytes is \\[\\]"),
        ({"core:offset": -1}, "core:offset is -1: expected a whole number"),
        ({"core:dataset": "gone.bin"}, "gone.bin is missing"),
    ],
)
def test_bad_sigmf(about, message, tmp_path):
    refused(message, sigmf_pair(tmp_path, about))


def test_broken_sigmf(tmp_path):
    meta = sigmf_pair(tmp_path)
    (tmp_path / "r.sigmf-data").unlink()
    refused("r.sigmf-data is missing", meta)
    refused("no such file", tmp_path / "none.sigmf-meta")
    for text, message in [("{", "not JSON"), ("[]", "global"), ('{"global": {}, "captures": 3}', "captures")]:
        meta.write_text(text)
        refused(message, meta)
    meta.write_bytes(b"\xff\xfe")
    refused("not JSON", meta)
    headers = [{"core:sample_start": 0}, {"core:sample_start": 2, "core:header_bytes": 4}]
    refused("headers between captures", sigmf_pair(tmp_path, captures=headers))


@pytest.fixture
def recording(tmp_path):
    return open_recording(raw(tmp_path / "x.cu8", np.zeros(20_000), "u1"), 1e6, center_frequency=1e8)


def valid(path):
    sigmf = pytest.importorskip("sigmf")
    signal = sigmf.fromfile(path)
    signal.validate()
    return signal


def write(recording, results, path=None, **options):
    path = path or default_path(recording)
    with AnnotationWriter(path, VECTOR, recording=recording, **options) as writer:
        for result in results:
            writer.add(*result)
    return path, writer


def spans(path):
    return [(s.start // VECTOR, s.stop // VECTOR, s.label) for s in read_spans(path)]


def test_adjacent_vectors_become_spans(recording):
    results = [(0, "a", 0.5, "fast"), (1, "a", 1.0, "ensemble"), (2, "noise", 1, "fast"), (3, "a", 1, "fast")]
    path, _ = write(recording, [*results, (4, "b", 1, "fast"), (6, "b", 0.25, "fast", 2)])
    assert spans(path) == [(0, 2, "a"), (3, 4, "a"), (4, 5, "b"), (6, 8, "b")]
    first, *_, last = read_spans(path)
    assert first.details == {"confidence": 0.75, "vectors": 2, "sources": {"fast": 1, "ensemble": 1}}
    assert last.details["confidence"] == 0.25 and (first.low, first.high) == (99.5e6, 100.5e6)
    signal = valid(path)
    assert len(signal) == 10_000 and signal.get_global_field("core:dataset") == "x.cu8"
    assert spans(write(recording, results, noise=True)[0]) == [(0, 2, "a"), (2, 3, "noise"), (3, 4, "a")]


def test_a_revision_replaces_its_provisional(recording):
    path, writer = write(recording, [(0, "a", 1, "fast"), (1, "b", 0.4, "fast"), (1, "a", 0.9, "ensemble")])
    assert spans(path) == [(0, 2, "a")] and writer.missed == 0


def test_a_revision_holds_for_its_emission(recording):
    seen = [(k, "a", 0.5, "fast", 1, None, 7) for k in range(3)] + [(3, "a", 1, "fast", 1, None, 8)]
    seen += [(4, "a", 0.5, "fast", 2, None, 7)]
    revision = (1, "b", 0.9, "ensemble", 1, None, 7, True)
    path, _ = write(recording, [*seen, revision, (6, "a", 1, "fast", 1, None, 7)])
    assert spans(path) == [(0, 3, "b"), (3, 4, "a"), (4, 6, "b"), (6, 7, "a")]
    assert read_spans(path)[2].details == {"confidence": 0.9, "vectors": 2, "sources": {"ensemble": 2}}
    alone = [(k, "a", 0.5, "fast") for k in range(3)]
    assert spans(write(recording, [*alone, (1, "b", 0.9, "ensemble", 1, None, None, True)])[0])[1] == (
        1,
        2,
        "b",
    )


@pytest.mark.parametrize("horizon", [4, 1000])
def test_settling_changes_no_span(recording, horizon):
    rng = np.random.default_rng(3)
    labels = np.repeat(rng.choice(["a", "b", "noise"], 80), rng.integers(1, 9, 80))
    results = []
    for k, label in enumerate(labels):
        results.append((k, "wrong" if k % 3 == 0 else label, 1, "fast"))
        if k >= 2 and (k - 2) % 3 == 0:
            results.append((k - 2, labels[k - 2], 1, "ensemble"))
    results += [(k, labels[k], 1, "fast") for k in range(len(labels) - 3, len(labels))]
    path, writer = write(recording, results, horizon=horizon, noise=True)
    edges = [0, *(np.flatnonzero(labels[1:] != labels[:-1]) + 1), len(labels)]
    assert spans(path) == [(a, b, labels[a]) for a, b in zip(edges[:-1], edges[1:], strict=True)]
    assert writer.missed == 0
    valid(path)


def test_what_comes_too_late_or_is_too_much_is_counted(recording, caplog):
    results = [(k, "a" if k % 2 else "b", 1, "fast") for k in range(100)]
    path, writer = write(recording, [*results, (0, "c", 1, "slow")], horizon=8, max_annotations=20)
    assert writer.missed == 1 and writer.dropped > 0
    assert (
        "1 revisions came too late" in caplog.text and f"{writer.dropped} spans over the limit" in caplog.text
    )
    assert spans(path)[:20] == [(k, k + 1, "a" if k % 2 else "b") for k in range(20)]


def test_a_crash_while_writing_leaves_the_last_whole_file(recording, monkeypatch):
    path = default_path(recording)
    writer = AnnotationWriter(path, VECTOR, recording=recording)
    writer.add(0, "a", 1, "fast")
    writer.flush()
    writer.add(1, "b", 1, "fast")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("power cut")))
    with pytest.raises(OSError, match="power cut"):
        writer.flush()
    assert spans(path) == [(0, 1, "a")]
    monkeypatch.undo()
    writer.close()
    assert spans(path) == [(0, 1, "a"), (1, 2, "b")]


def test_it_is_written_while_it_runs(recording, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    path = default_path(recording)
    writer = AnnotationWriter(path, VECTOR, recording=recording, flush_seconds=2.0)
    writer.add(0, "a", 1, "fast")
    assert not path.exists()
    now[0] = 2.5
    writer.add(1, "a", 1, "fast")
    assert spans(path) == [(0, 2, "a")]


def test_annotations_never_overwrite_the_metadata_of_a_recording(tmp_path):
    meta = sigmf_pair(tmp_path)
    source = open_recording(meta)
    path, _ = write(source, [(0, "a", 1, "fast")])
    assert path != meta and read_meta(meta)["annotations"] == [] and spans(path) == [(0, 1, "a")]
    valid(path)


def test_annotations_in_another_folder_link_the_data(recording, tmp_path):
    (tmp_path / "out").mkdir()
    path, _ = write(recording, [(0, "a", 1, "fast")], tmp_path / "out" / "y.sigmf-meta")
    assert len(valid(path)) == 10_000
    write(recording, [(0, "b", 1, "fast")], path)  # again: the link is the same file
    (tmp_path / "out" / "z.sigmf-data").write_bytes(b"something else")
    with pytest.raises(ValueError, match="choose another name"):
        write(recording, [], tmp_path / "out" / "z.sigmf-meta")


@pytest.mark.filterwarnings("ignore:Data source ends")  # the package overlooks core:offset here
def test_the_first_index_of_a_split_recording_is_kept(tmp_path):
    source = open_recording(sigmf_pair(tmp_path, {"core:offset": 1000}))
    path, _ = write(source, [(0, "a", 1, "fast")])
    document = read_meta(path)
    assert document["annotations"][0]["core:sample_start"] == 1000
    assert spans(path) == [(0, 1, "a")]
    valid(path)


def test_a_live_stream_is_metadata_only(tmp_path):
    with AnnotationWriter(tmp_path / "live.sigmf-meta", VECTOR, sample_rate=2e6) as writer:
        writer.add(np.int64(3), "a", np.float32(0.5), "fast")
    assert read_meta(writer.path)["global"]["core:metadata_only"] is True
    sigmf = pytest.importorskip("sigmf")
    sigmf.SigMFFile(metadata=read_meta(writer.path)).validate()


def test_writer_refusals(tmp_path):
    with pytest.raises(ValueError, match="sample rate"):
        AnnotationWriter(tmp_path / "a.sigmf-meta", VECTOR)
    with pytest.raises(ValueError, match=".sigmf-meta"):
        AnnotationWriter(tmp_path / "a.json", VECTOR, sample_rate=1.0)
