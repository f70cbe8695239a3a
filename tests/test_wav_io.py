# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""WAV of I and Q: every encoding, chunks of receivers' programs, files cut off, and what is no IQ at all."""

import struct

import numpy as np
import pytest

from gr_speculative.annotations import AnnotationWriter
from gr_speculative.sigmf_io import RecordingError, open_recording

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE


def chunk(name, body, size=None):
    return name + struct.pack("<I", len(body) if size is None else size) + body + b"\0" * (len(body) % 2)


def kind(tag=PCM, channels=2, rate=192000, bits=16, rest=b""):
    width = channels * bits // 8
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * width, width, bits) + rest)


def wav(path, *chunks, form=b"RIFF"):
    path.write_bytes(form + struct.pack("<I", 4 + sum(map(len, chunks))) + b"WAVE" + b"".join(chunks))
    return path


DATA = np.array([1, -2, 3, 4, -5, 6], "<i2")
SAMPLES = (DATA[::2] + 1j * DATA[1::2]) / 32768


@pytest.mark.parametrize(
    ("tag", "bits", "dtype", "zero", "scale"),
    [
        (PCM, 8, "u1", 127.5, 127.5),
        (PCM, 16, "<i2", 0, 32768),
        (PCM, 32, "<i4", 0, 2**31),
        (FLOAT, 32, "<f4", 0, 1),
    ],
)
def test_encodings(tag, bits, dtype, zero, scale, tmp_path):
    values = np.array([100, 7, 3, 4]).astype(dtype)
    path = wav(tmp_path / "x.wav", kind(tag, bits=bits), chunk(b"data", values.tobytes()))
    recording = open_recording(path)
    parts = (values.astype(float) - zero) / scale
    assert recording.read(0, 9) == pytest.approx(parts[::2] + 1j * parts[1::2])
    assert (recording.sample_rate, recording.center_frequency) == (192000, 0)
    assert open_recording(path, 1e6, center_frequency=5e6).sample_rate == 1e6


def test_what_receivers_programs_add(tmp_path):
    auxi = chunk(b"auxi", bytes(32) + struct.pack("<I", 7_100_000) + bytes(28))
    rest = struct.pack("<HHIH", 22, 16, 0, PCM) + bytes(14)
    path = wav(
        tmp_path / "x.WAV",
        kind(EXTENSIBLE, rest=rest),
        auxi,
        chunk(b"odd ", b"abc"),
        chunk(b"data", DATA.tobytes()),
        chunk(b"LIST", b"after the samples"),
    )
    recording = open_recording(path)
    assert recording.center_frequency == 7.1e6 and recording.read(0, 9) == pytest.approx(SAMPLES)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 10**6])
def test_a_recording_that_was_cut_off_goes_on_to_the_end(size, tmp_path):
    path = wav(tmp_path / "x.wav", kind(), chunk(b"data", DATA.tobytes(), size))
    assert open_recording(path).read(0, 9) == pytest.approx(SAMPLES)


def test_rf64(tmp_path):
    sizes = chunk(b"ds64", struct.pack("<QQQI", 0, DATA.nbytes, 3, 0))
    data = chunk(b"data", DATA.tobytes(), 0xFFFFFFFF)
    path = wav(tmp_path / "x.wav", sizes, kind(), data, chunk(b"LIST", b"after"), form=b"RF64")
    assert open_recording(path).read(0, 9) == pytest.approx(SAMPLES)


@pytest.mark.parametrize(
    ("chunks", "said"),
    [
        ([kind(channels=1), chunk(b"data", b"1234")], "1 channel"),
        ([kind(bits=24), chunk(b"data", b"123456")], "sox"),
        ([chunk(b"data", b"1234"), kind()], "before their format"),
        ([kind()], "no samples"),
        ([chunk(b"fmt ", b"1234"), chunk(b"data", b"1234")], "too short"),
        ([kind(), chunk(b"data", b"12")], "holds no whole sample"),
    ],
)
def test_what_is_no_iq_is_refused(chunks, said, tmp_path):
    with pytest.raises(RecordingError, match=said):
        open_recording(wav(tmp_path / "x.wav", *chunks))


def test_another_file_by_that_name(tmp_path):
    path = tmp_path / "x.wav"
    path.write_bytes(b"ID3 not a WAV")
    with pytest.raises(RecordingError, match="no WAV file"):
        open_recording(path)
    assert open_recording(path, 1e6, "cu8").n_samples == 6


def test_annotations_point_into_the_wav(tmp_path):
    data = chunk(b"data", DATA.tobytes())
    recording = open_recording(wav(tmp_path / "x.wav", kind(), data, chunk(b"LIST", b"after the samples")))
    with AnnotationWriter(tmp_path / "x.sigmf-meta", 1, recording=recording) as writer:
        writer.add(1, "lte_ofdm", 0.9, "fast")
    again = open_recording(tmp_path / "x.sigmf-meta")
    assert again.read(0, 9) == pytest.approx(SAMPLES) and again.sample_rate == 192000
