# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Where the samples lie in a WAV file of two channels, I and Q, as receivers' programs record them."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import BinaryIO

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_DATATYPES = {(_PCM, 8): "cu8", (_PCM, 16): "ci16_le", (_PCM, 32): "ci32_le", (_FLOAT, 32): "cf32_le"}
_OPEN_END = (0, 0xFFFFFFFF)  # the size that a recorder leaves which was cut off, or which streams
_CENTER_FREQUENCY_AT = 32  # in `auxi`, after two times of day


@dataclass(frozen=True)
class WavHeader:
    """datatype: SigMF's name. center_frequency: Hz, 0 where the file does not tell it.
    start, stop: bytes of the file that hold the samples."""

    datatype: str
    sample_rate: float
    center_frequency: float
    start: int
    stop: int


def read_wav_header(file: BinaryIO) -> WavHeader:
    """Of RIFF and RF64 (over 4 GB). The center frequency is that of the chunk `auxi`, which receivers' programs write.

    Raises ValueError, which says what was expected and what to do."""
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(12)
    if head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
        raise ValueError("is no WAV file, whatever its name says: give the format of its samples")
    kind, frequency, long_size = None, 0.0, None
    while len(chunk := file.read(8)) == 8:
        name, size = struct.unpack("<4sI", chunk)
        start = file.tell()
        if name == b"data":
            if kind is None:
                raise ValueError("is a damaged WAV file: its samples come before their format")
            size = long_size if size == 0xFFFFFFFF and long_size else size
            stop = end if size in _OPEN_END else min(start + size, end)
            return WavHeader(*_kind(kind), frequency, start, stop)
        body = file.read(min(size, 256))
        if name == b"fmt ":
            kind = body
        elif name == b"ds64" and len(body) >= 16:
            long_size = struct.unpack_from("<Q", body, 8)[0]
        elif name == b"auxi" and len(body) >= _CENTER_FREQUENCY_AT + 4:
            frequency = float(struct.unpack_from("<I", body, _CENTER_FREQUENCY_AT)[0])
        file.seek(start + size + size % 2)
    raise ValueError("is a damaged WAV file: it has no samples")


def _kind(body: bytes) -> tuple[str, float]:
    """SigMF's name of the samples' type, and the sample rate."""
    if len(body) < 16:
        raise ValueError("is a damaged WAV file: its chunk `fmt ` is too short")
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
    if tag == _EXTENSIBLE and len(body) >= 26:
        tag = struct.unpack_from("<H", body, 24)[0]
    if channels != 2:
        raise ValueError(
            f"has {channels} channel(s), expected 2, I and Q: this is sound, not a recording of IQ"
        )
    if (tag, bits) not in _DATATYPES:
        fix = "convert it, as with `sox IN.wav -e signed -b 16 OUT.wav`"
        raise ValueError(
            f"has samples of {bits} bits, encoding {tag}, expected PCM of 8, 16, 32 or float of 32: {fix}"
        )
    return _DATATYPES[tag, bits], float(rate)
