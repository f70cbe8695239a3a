#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""What asking about emissions is worth beside asking about vectors: accuracy, and the share asked about.

Streams are generated scenes and, where they are found, the recordings' split `val`. They are played through
the blocks' own cascade (offline_cascade): ./gr-speculative python bench/emissions.py
"""

from __future__ import annotations

import argparse
import os
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gnuradio import speculative

from gr_speculative import data
from gr_speculative.fast_model import load_fast_model
from gr_speculative.installed import default_fast_model, default_slow_model
from gr_speculative.model import Model
from gr_speculative.preprocessing import prepare
from gr_speculative.scene import NARROW_KINDS, WIDE_KINDS, make_scene, vector_labels
from gr_speculative.slow_model import load_slow_model

ROOT = Path(__file__).resolve().parents[1]
SCENES = {  # name: sample rate (Hz), kinds, seconds
    "scenes 2 MS/s": (2e6, NARROW_KINDS, 3.2),
    "scenes 20 MS/s": (20e6, WIDE_KINDS, 0.4),
}


@dataclass
class Stream:
    """n vectors: x [n, N], posteriors [n, C], truth [n] as label index, -1 where it is unsure."""

    rate: float
    x: np.ndarray
    fast: np.ndarray
    slow: np.ndarray
    clean: np.ndarray
    truth: np.ndarray


def analyse(samples: np.ndarray, rate: float, truth: np.ndarray, fast: Model, slow: Model) -> Stream:
    contract = fast.contract
    db = data.spectra(samples, contract.fft_size, contract.preprocessing)
    n = np.arange(len(db))
    x = prepare(db[:, None], np.full(len(db), rate), contract.preprocessing)[0][:, 0]
    answers = predict(slow, db, n, np.zeros_like(n), rate)
    # A clean window holds nothing from before the last change of the truth.
    start = np.maximum.accumulate(np.where(np.diff(truth, prepend=truth[0]) != 0, n, 0))
    clean, mixed = answers.copy(), np.flatnonzero(n - start < slow.contract.context - 1)
    clean[mixed] = predict(slow, db, mixed, start[mixed], rate)
    return Stream(rate, x, predict(fast, db, n, n, rate), answers, clean, truth)


def predict(model: Model, db: np.ndarray, ends: np.ndarray, starts: np.ndarray, rate: float) -> np.ndarray:
    """Probabilities [len(ends), C], from contexts that end with these vectors, not before `starts`."""
    steps = np.arange(1 - model.contract.context, 1)
    rows = np.maximum(ends[:, None] + steps, starts[:, None])
    parts = [rows[i : i + 64] for i in range(0, len(rows), 64)]
    return np.concatenate([model.predict(db[part], np.full(len(part), rate)) for part in parts])


def recordings(folder: Path, fast: Model, slow: Model) -> list[Stream]:
    labels, size = fast.contract.labels, fast.contract.fft_size
    streams = []
    for recording in data.load(folder).split("val"):
        truth = recording.window_labels(size, labels)
        truth[truth == len(labels)] = -1
        if len(truth):
            streams.append(analyse(recording.read(), recording.sample_rate, truth, fast, slow))
    return streams


def scene(seed: int, rate: float, kinds: tuple[str, ...], seconds: float, fast: Model, slow: Model) -> Stream:
    labels, size = list(fast.contract.labels), fast.contract.fft_size
    samples, spans = make_scene(seed, rate, seconds, kinds)
    names = vector_labels(spans, len(samples) // size, size)
    truth = np.array([labels.index(name) if name in labels else -1 for name in names])
    return analyse(samples, rate, truth, fast, slow)


@dataclass
class Outcome:
    """Of n vectors: label when it came, label after the last verdict, whether it was asked about, emission."""

    at_once: np.ndarray
    in_the_end: np.ndarray
    asked: np.ndarray
    emission: np.ndarray


def replay(cascade: speculative.offline_cascade, stream: Stream, delay: int) -> Outcome:
    """Plays a stream through a cascade, whose questions are answered `delay` vectors later."""
    n = len(stream.x)
    out = Outcome(np.zeros(n, int), np.zeros(n, int), np.zeros(n, bool), np.full(n, -1))
    waiting: deque[tuple[int, int]] = deque()  # vector, seq

    def answer(until: int) -> None:
        while waiting and waiting[0][0] + delay <= until:
            vector, seq = waiting.popleft()
            revised = cascade.on_verdict(seq, stream.slow[vector].tolist())
            held = vector if revised.emission is None else out.emission == revised.emission
            out.in_the_end[held] = revised.label

    for i in range(n):
        answer(i)
        first = cascade.on_vector(stream.fast[i].tolist(), stream.x[i].tolist())
        out.at_once[i] = out.in_the_end[i] = first.label
        out.asked[i] = first.deferred
        out.emission[i] = -1 if first.emission is None else first.emission
        if first.deferred:
            waiting.append((i, first.seq))
    answer(n + delay)
    return out


def play(streams: list[Stream], model: str, threshold: float, per_emission: bool, latency: float) -> Outcome:
    """All streams, each from a new beginning."""
    loaded = speculative.fast_model(model)
    outcomes = []
    for stream in streams:
        cascade = speculative.offline_cascade(loaded, threshold, deadline=1e6, conditions_strength=0.0)
        cascade.set_per_emission(per_emission)
        delay = round(latency * stream.rate / stream.x.shape[1])
        outcomes.append(replay(cascade, stream, delay))
    fields = zip(*(vars(outcome).values() for outcome in outcomes), strict=True)
    return Outcome(*(np.concatenate(field) for field in fields))


def report(name: str, streams: list[Stream], args: argparse.Namespace) -> None:
    truth = np.concatenate([s.truth for s in streams])
    fast, slow, clean = (
        np.concatenate([getattr(s, k).argmax(1) for s in streams]) for k in ("fast", "slow", "clean")
    )
    # Answered at once, as the label in the end does not depend on when, and the table is never full.
    vectors = play(streams, args.fast, args.threshold, False, 0.0)
    fused = play(streams, args.fast, 0.0, True, args.latency)
    asking = play(streams, args.fast, args.threshold, True, args.latency)
    rows = {
        "fast alone": (fast, fast, 0.0),
        "per-vector cascade": (vectors.at_once, vectors.in_the_end, vectors.asked.mean()),
        "fused without slow": (fused.at_once, fused.in_the_end, 0.0),
        "fused with slow": (asking.at_once, asking.in_the_end, asking.asked.mean()),
        "slow on every vector": (slow, slow, 1.0),
        "slow, clean windows": (clean, clean, 1.0),
    }
    known = truth >= 0
    classes = np.unique(truth[known])
    ends = np.cumsum([len(s.x) for s in streams])[:-1]
    emissions = sum(part.max() + 1 for part in np.split(asking.emission, ends))
    print(
        f"\n{name}: {len(streams)} streams, {known.sum()} of {len(truth)} vectors scored, "
        f"{len(classes)} classes, {emissions} emissions"
    )
    print(f"{'':22}   at once       in the end\n{'':22}  acc   bal.    acc   bal.    asked")
    for row, (at_once, final, asked) in rows.items():
        figures = []
        for label in (at_once, final):
            right = label == truth
            figures += [right[known].mean(), np.mean([right[truth == c].mean() for c in classes])]
        print(f"{row:22} {{:.3f}}  {{:.3f}}   {{:.3f}}  {{:.3f}}  {{:7.2%}}".format(*figures, asked))
    for row in ("slow on every vector", "slow, clean windows"):
        gain = (asking.in_the_end == truth).astype(float) - (rows[row][1] == truth)
        cut = zip(np.split(gain, ends), np.split(known, ends), strict=True)
        means = [part[scored].mean() for part, scored in cut if scored.any()]
        error = np.std(means, ddof=1) / np.sqrt(len(means)) if len(means) > 1 else np.nan
        print(
            f"fused with slow, less {row}: {100 * np.mean(means):+.2f} points, the mean of the streams, "
            f"with a standard error of {100 * error:.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fast", default=default_fast_model())
    parser.add_argument("--slow", default=default_slow_model())
    parser.add_argument("--threshold", type=float, default=-1.0, help="default: the model's")
    parser.add_argument("--latency", type=float, default=0.02, help="of the slow model, s of the stream")
    parser.add_argument("--seeds", type=int, default=20, help="scenes of each kind")
    parser.add_argument(
        "--first-seed", type=int, default=201, help="the tracker's constants were chosen on 1 to 60"
    )
    args = parser.parse_args()
    fast, slow = load_fast_model(args.fast), load_slow_model(args.slow)
    print(f"{fast.contract.name} and {slow.contract.name}, which answers after {1e3 * args.latency:g} ms")
    folder = Path(os.environ.get("SPECULATIVE_RECORDINGS", ROOT.parent / "shared" / "recordings"))
    if (folder / "manifest.csv").exists():
        report("recordings, val", recordings(folder, fast, slow), args)
    else:
        print(f"no recordings in {folder}: scenes only")
    for name, (rate, kinds, seconds) in SCENES.items():
        seeds = range(args.first_seed, args.first_seed + args.seeds)
        report(name, [scene(seed, rate, kinds, seconds, fast, slow) for seed in seeds], args)


if __name__ == "__main__":
    main()
