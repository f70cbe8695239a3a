# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Scenes: the truth is true, and what is written is valid SigMF; the picture of one."""

import numpy as np
import pytest

pytest.importorskip("scipy")
from gr_speculative.impairments import Receiver
from gr_speculative.scene import WIDE_KINDS, make_scene, plan_scene, vector_labels, write_scene
from gr_speculative.sigmf_io import Span, open_recording, read_spans

SMALL = {"sample_rate": 2e6, "duration": 0.5, "kinds": ("ook_ism", "adsb_1090", "lte_ofdm")}


def test_equal_seeds_equal_scenes():
    one, one_truth = make_scene(7, **SMALL)
    same, same_truth = make_scene(7, **SMALL)
    other, _ = make_scene(8, **SMALL)
    assert np.array_equal(one, same) and one_truth == same_truth
    assert not np.array_equal(one[:1000], other[:1000])


def test_truth_lies_in_the_scene_and_names_its_kinds():
    samples, truth = make_scene(1, **SMALL, center_frequency=433e6)
    assert samples.dtype == np.complex64 and np.abs(samples.view(np.float32)).max() <= 1.0
    assert {span.label for span in truth} == set(SMALL["kinds"])
    assert all(0 <= span.start < span.stop <= len(samples) for span in truth)
    assert all(432e6 <= span.low < span.high <= 434e6 for span in truth)
    assert [span.start for span in truth] == sorted(span.start for span in truth)


@pytest.mark.parametrize("snr_db", [0.0, 20.0])
def test_snr_is_what_the_truth_says(snr_db):
    clean = Receiver(headroom_db=60.0)
    options = {"snr_db": (snr_db, snr_db), "overlaps": 0, "receiver": clean}
    scene = plan_scene(3, 2e6, 0.4, ("lte_ofdm",), **options)
    samples, truth = make_scene(3, 2e6, 0.4, ("lte_ofdm",), **options)
    noise = np.mean(np.abs(samples[: scene.segments[0].samples]) ** 2)
    span = truth[0]
    excess = np.mean(np.abs(samples[span.start : span.stop]) ** 2) / noise - 1
    in_band = excess * 2e6 / (span.high - span.low)
    assert 10 * np.log10(in_band) == pytest.approx(snr_db, abs=1.5)  # fading and echoes move it a little
    assert span.details["snr_db"] == snr_db and span.details["known"]


def test_hard_cases_overlap():
    scene = plan_scene(2, **SMALL, overlaps=2)
    assert sum(len(segment.kinds) == 2 for segment in scene.segments) == 2
    assert all(len(set(segment.kinds)) == len(segment.kinds) for segment in scene.segments)


def test_a_wide_scene_is_one_call():
    samples, truth = make_scene(1, 20e6, 0.03, WIDE_KINDS)
    assert len(samples) == pytest.approx(0.03 * 20e6, rel=0.2) and {span.label for span in truth} == set(
        WIDE_KINDS
    )


def test_unknown_kinds_are_marked_in_the_truth():
    _, truth = make_scene(1, 1e6, 0.3, ("lora", "ook_ism"))
    assert {span.label: span.details["known"] for span in truth} == {"lora": False, "ook_ism": True}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((2e6, 1.0, ()), "at least one kind"),
        ((2e6, 1.0, ("wifi_ofdm",)), "sample rate of at least"),
        ((2e6, 1e-3, ("ook_ism",)), "too short"),
        ((2e6, 1.0, ("smoke",)), "unknown kind"),
    ],
)
def test_refusals(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        plan_scene(1, *arguments)


@pytest.mark.parametrize("datatype", ["ci8", "ci16_le", "cf32_le"])
def test_written_scenes_are_valid_and_read_back(datatype, tmp_path):
    sigmf = pytest.importorskip("sigmf")
    samples, truth = make_scene(5, **SMALL, center_frequency=1e9)
    meta = write_scene(tmp_path / "a.scene", plan_scene(5, **SMALL, center_frequency=1e9), datatype)
    sigmf.fromfile(meta).validate()
    recording = open_recording(meta)
    assert (recording.n_samples, recording.sample_rate, recording.center_frequency) == (
        len(samples),
        2e6,
        1e9,
    )
    step = {"ci8": 1 / 128, "ci16_le": 1 / 32768, "cf32_le": 0}[datatype]
    assert np.abs(recording.read(0, len(samples)) - samples).max() <= 1.5 * step
    assert read_spans(meta) == truth


def test_an_unknown_datatype_is_refused(tmp_path):
    with pytest.raises(ValueError, match="choose one of"):
        write_scene(tmp_path / "a", plan_scene(1, **SMALL), "cf16")


def test_vector_labels():
    spans = [Span(0, 25, "a"), Span(31, 32, "a"), Span(20, 30, "b"), Span(45, 60, "b")]
    # vectors of 10: a, a, a and b, 1/10 of a, half b, b, then nothing
    assert vector_labels(spans, 8, 10).tolist() == ["a", "a", "", "a", "b", "b", "noise", "noise"]
    assert vector_labels(spans, 8, 10, share=0.2).tolist()[3] == ""


@pytest.mark.parametrize("n", [500, 100_000])
def test_the_picture(n, tmp_path):
    pytest.importorskip("matplotlib")
    from gr_speculative.spectrogram import spectrogram_png

    (np.arange(2 * n) % 251).astype(np.uint8).tofile(tmp_path / "x.cu8")
    recording = open_recording(tmp_path / "x.cu8", 1e6)
    results = [Span(0, n // 2, "ook_ism", details={"confidence": 0.9, "sources": {"fast": 3, "slow": 1}})]
    png = spectrogram_png(tmp_path / "x.png", recording, results, [Span(n // 4, n, "martian")])
    assert png.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_coverage_of_columns():
    pytest.importorskip("matplotlib")
    from gr_speculative.spectrogram import _coverage

    spans = [Span(5, 30, "a"), Span(42, 44, "a"), Span(90, 200, "a")]
    assert _coverage(spans, 0.1, 10) == pytest.approx([0.5, 1, 1, 0, 0.2, 0, 0, 0, 0, 1])
