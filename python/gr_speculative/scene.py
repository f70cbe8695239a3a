# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Scenes with truth: signals take turns in one receiver's band, parted by noise, at poor to good levels."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .canvas import Rng
from .impairments import Channel, Receiver, clock_offset, white_noise
from .sigmf_io import Span, annotation, meta_document, write_whole
from .signals import KINDS, check, modulate

NOISE = "noise"
NARROW_KINDS = ("ook_ism", "fsk_ism", "gfsk_1m", "lte_ofdm", "adsb_1090")  # for 2–4 MS/s
WIDE_KINDS = ("gfsk_1m", "oqpsk_154", "wifi_ofdm", "lte_ofdm")  # for 20 MS/s
_FORMATS = {"ci8": ("i1", 128), "ci16_le": ("<i2", 32768), "cf32_le": ("<f4", 1)}
_MAX_SEGMENT = 1 << 22  # samples made at once


@dataclass(frozen=True)
class Segment:
    """`samples` of noise, with none, one or (hard) two kinds at these SNRs (dB, in their own band)."""

    samples: int
    kinds: tuple[str, ...] = ()
    snrs_db: tuple[float, ...] = ()


@dataclass(frozen=True)
class Scene:
    """A plan that `blocks` turns into samples; equal arguments give equal samples."""

    seed: int
    sample_rate: float
    center_frequency: float
    receiver: Receiver
    segments: tuple[Segment, ...]
    merge_gap: int

    @property
    def n_samples(self) -> int:
        return sum(segment.samples for segment in self.segments)

    def blocks(self) -> Iterator[tuple[np.ndarray, list[Span]]]:
        """Segment by segment: samples, complex64 at full scale 1, and their truth (indices in the scene)."""
        start = 0
        full_scale = np.float32(10 ** (self.receiver.headroom_db / 20))
        for number, segment in enumerate(self.segments):
            rng = np.random.default_rng([self.seed, number])
            samples, spans = self._segment(segment, rng, start)
            received = self.receiver(samples, self.sample_rate, start=start)
            yield received / full_scale, spans
            start += segment.samples

    def _segment(self, segment: Segment, rng: Rng, start: int) -> tuple[np.ndarray, list[Span]]:
        rate = self.sample_rate
        air = white_noise(rng, segment.samples)
        spans = []
        for kind, snr_db in zip(segment.kinds, segment.snrs_db, strict=True):
            signal = modulate(kind, rng, rate, segment.samples / rate)
            width = min(signal.high - signal.low, rate)
            channel = Channel.draw(rng, rate, width)
            samples = channel(signal.samples, rng, rate)
            if rng.random() < 0.3:
                samples = clock_offset(samples, rng.normal(0, 20))
            air += samples * np.float32(np.sqrt(10 ** (snr_db / 10) * width / rate))
            low, high = np.clip(
                [signal.low + channel.offset, signal.high + channel.offset], -rate / 2, rate / 2
            )
            details = {"snr_db": round(snr_db, 2), "known": KINDS[kind].known}
            for a, b in signal.bursts(self.merge_gap):
                low_edge, high_edge = self.center_frequency + low, self.center_frequency + high
                spans.append(Span(start + int(a), start + int(b), kind, low_edge, high_edge, details))
        return air, sorted(spans, key=lambda span: span.start)


def plan_scene(
    seed: int,
    sample_rate: float = 2e6,
    duration: float = 24.0,
    kinds: Sequence[str] = NARROW_KINDS,
    *,
    snr_db: tuple[float, float] = (0.0, 30.0),
    overlaps: int | None = None,
    center_frequency: float = 0.0,
    receiver: Receiver | None = None,
    vector_samples: int = 1024,
) -> Scene:
    """Plan a scene: each kind at a ladder of SNRs (dB in the signal's own band), in random order.

    duration: s, about; kinds: names in `signals.KINDS`; overlaps: segments of two kinds, else one in ten;
    center_frequency: Hz, of the metadata; receiver: drawn from the seed where None;
    vector_samples: bursts closer than this are one span of truth. ValueError where a kind does not fit."""
    if not kinds:
        raise ValueError("a scene needs at least one kind of signal")
    for kind in kinds:
        check(kind, sample_rate)
    rng = np.random.default_rng([seed, 0x5CE9E])
    receiver = receiver or Receiver.draw(rng)
    total = round(duration * sample_rate)
    # A signal segment of about 0.9 s where the rate allows, and a pause of a quarter of it.
    longest = min(0.9 * sample_rate, 0.8 * _MAX_SEGMENT)
    rounds = max(1, math.ceil(total / (1.25 * longest * len(kinds))))
    length = int(total / (1.25 * rounds * len(kinds)))
    if length < 4 * vector_samples:
        raise ValueError(f"{duration:g} s at {sample_rate:g} Hz is too short for {len(kinds)} kinds")
    ladder = np.linspace(snr_db[0], snr_db[1], rounds) if rounds > 1 else np.array([np.mean(snr_db)])
    levels = {kind: rng.permutation(ladder) for kind in kinds}
    turns = [(kind, float(levels[kind][k])) for k in range(rounds) for kind in rng.permutation(list(kinds))]
    overlaps = round(len(turns) / 10) if overlaps is None else overlaps
    hard = set(rng.permutation(len(turns))[:overlaps].tolist()) if len(kinds) > 1 else set()
    segments = []
    for number, (kind, level) in enumerate(turns):
        names, snrs = (str(kind),), (level,)
        if number in hard:
            names += (str(rng.choice([other for other in kinds if other != kind])),)
            snrs += (float(rng.uniform(*snr_db)),)
        segments.append(Segment(int(length * rng.uniform(0.15, 0.35))))
        segments.append(Segment(int(length * rng.uniform(0.85, 1.15)), names, snrs))
    return Scene(seed, float(sample_rate), center_frequency, receiver, tuple(segments), vector_samples)


def make_scene(seed: int, *args: object, **options: object) -> tuple[np.ndarray, list[Span]]:
    """A whole scene in memory, complex64 [n], and its truth. Arguments as for `plan_scene`."""
    blocks = list(plan_scene(seed, *args, **options).blocks())
    return np.concatenate([samples for samples, _ in blocks]), [span for _, spans in blocks for span in spans]


def write_scene(path_base: str | os.PathLike, scene: Scene, datatype: str = "ci16_le") -> Path:
    """Write a scene as `path_base`.sigmf-data and .sigmf-meta, block by block; the path of the latter.

    Truth is in the annotations: core:label, frequency edges, `speculative:snr_db` and `speculative:known`.
    datatype: ci8, ci16_le or cf32_le."""
    if datatype not in _FORMATS:
        raise ValueError(f"unknown datatype {datatype!r}: choose one of {', '.join(_FORMATS)}")
    kind, full = _FORMATS[datatype]
    base = Path(path_base)
    annotations = []
    with base.with_name(base.name + ".sigmf-data").open("wb") as file:
        for samples, spans in scene.blocks():
            parts = samples.view(np.float32)
            if datatype != "cf32_le":
                parts = np.clip(np.rint(parts * np.float32(full)), -full, full - 1)
            parts.astype(kind).tofile(file)
            annotations += [annotation(span) for span in spans]
    description = (
        f"Synthetic scene, seed {scene.seed}: every signal is generated, the annotations are the truth"
    )
    document = meta_document(
        datatype, scene.sample_rate, scene.center_frequency, annotations, description=description
    )
    meta = base.with_name(base.name + ".sigmf-meta")
    write_whole(meta, json.dumps(document))
    return meta


def vector_labels(
    spans: Sequence[Span], n_vectors: int, vector_samples: int, share: float = 0.1
) -> np.ndarray:
    """Truth of each vector, str [n_vectors]: the label that covers at least `share` of it, `noise` where
    nothing is on air, '' where it cannot be told: less covered, or by two labels."""
    labels = np.full(n_vectors, NOISE, dtype=object)
    for name in sorted({span.label for span in spans}):
        covered = np.zeros(n_vectors + 1)
        for span in spans:
            if span.label == name:
                edges = np.clip([span.start / vector_samples, span.stop / vector_samples], 0, n_vectors)
                first, last = int(edges[0]), int(edges[1])
                covered[first] += min(edges[1], first + 1) - edges[0]
                if last > first:
                    covered[first + 1 : last] += 1
                    covered[last] += edges[1] - last
        covered = covered[:-1]
        labels[(covered > 0) & ((covered < share) | (labels != NOISE))] = ""
        labels[(covered >= share) & (labels == NOISE)] = name
    return labels
