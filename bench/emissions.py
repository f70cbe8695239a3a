#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""What asking about emissions is worth beside asking about vectors: accuracy, share asked, and time.

Streams are generated scenes and, where they are found, the recordings' split `val`. The tracker is the one in
lib/core. Build it once: cmake -S . -B build -DENABLE_BENCH=ON && cmake --build build --target emission_replay
Run: ./gr-speculative python bench/emissions.py
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gr_speculative import data, rules
from gr_speculative.contract import Merge
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


def merged(fast: np.ndarray, slow: np.ndarray, how: Merge) -> np.ndarray:
    if how.rule == "linear":
        return how.lambda_ * slow + (1 - how.lambda_) * fast
    log_fast, log_slow = (np.log(np.maximum(p, 1e-7)) for p in (fast, slow))
    return np.exp(how.weight_fast * log_fast + how.weight_slow * log_slow)  # not normalised


def replay(
    program: Path, model: str, streams: list[Stream], threshold: float, latency: float
) -> tuple[np.ndarray, np.ndarray]:
    """int [n, 4]: emission, label at once, label in the end, asked; and ns a vector of tracker and model."""
    size = streams[0].x.shape[1]
    process = subprocess.Popen(
        [program, model, str(threshold)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    lines = []
    for stream in streams:
        n = len(stream.x)
        process.stdin.write(np.array([n, max(1, round(latency * stream.rate / size))], "<i8").tobytes())
        for values in (stream.x, stream.fast, stream.slow):
            process.stdin.write(values.astype("<f4").tobytes())
        process.stdin.flush()
        lines.append(process.stdout.read(16 * n))
    process.stdin.close()
    nanoseconds = np.frombuffer(process.stdout.read(), "<f8")
    if process.wait():
        sys.exit("emission_replay failed")
    return np.frombuffer(b"".join(lines), "<i4").reshape(-1, 4), nanoseconds


def report(name: str, streams: list[Stream], args: argparse.Namespace, fast: Model) -> None:
    contract, labels = fast.contract, {}
    truth = np.concatenate([s.truth for s in streams])
    p, q, clean = (np.concatenate([getattr(s, k) for s in streams]) for k in ("fast", "slow", "clean"))
    threshold = contract.threshold if args.threshold is None else args.threshold
    benefit = rules.Benefit.of(contract)
    levels = np.concatenate([rules.levels(s.x) for s in streams])
    score = rules.score(contract.rule, p, levels, benefit)
    deferred = ~rules.is_accepted(score, threshold)
    cascade = np.where(deferred[:, None], merged(p, q, contract.merge), p).argmax(1)
    labels["fast alone"] = (p.argmax(1), p.argmax(1), 0.0)
    labels["per-vector cascade"] = (p.argmax(1), cascade, deferred.mean())
    fused, _ = replay(args.replay, args.fast, streams, 0.0, args.latency)
    labels["fused without slow"] = (fused[:, 1], fused[:, 2], 0.0)
    asking, ns = replay(args.replay, args.fast, streams, threshold, args.latency)
    labels["fused with slow"] = (asking[:, 1], asking[:, 2], asking[:, 3].mean())
    labels["slow on every vector"] = (q.argmax(1), q.argmax(1), 1.0)
    labels["slow, clean windows"] = (clean.argmax(1), clean.argmax(1), 1.0)

    known = truth >= 0
    classes = np.unique(truth[known])
    parts = np.split(asking[:, 0], np.cumsum([len(s.x) for s in streams])[:-1])
    emissions = sum(part.max() + 1 for part in parts)
    print(
        f"\n{name}: {len(streams)} streams, {known.sum()} of {len(truth)} vectors scored, "
        f"{len(classes)} classes, {emissions} emissions"
    )
    print(f"{'':22}   at once       in the end\n{'':22}  acc   bal.    acc   bal.    asked")
    for row, (at_once, final, asked) in labels.items():
        figures = []
        for label in (at_once, final):
            right = label == truth
            figures += [right[known].mean(), np.mean([right[truth == c].mean() for c in classes])]
        print(f"{row:22} {{:.3f}}  {{:.3f}}   {{:.3f}}  {{:.3f}}  {{:7.2%}}".format(*figures, asked))
    print(f"tracker {ns[0]:.0f} ns a vector, fast model {ns[1]:.0f} ns: {ns[0] / ns[1]:.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fast", default=default_fast_model())
    parser.add_argument("--slow", default=default_slow_model())
    parser.add_argument("--threshold", type=float, help="default: the model's")
    parser.add_argument("--latency", type=float, default=0.02, help="of the slow model, s of the stream")
    parser.add_argument("--seeds", type=int, default=3, help="scenes of each kind")
    parser.add_argument("--first-seed", type=int, default=4, help="the tracker was tuned on 1 to 3")
    parser.add_argument("--replay", type=Path, default=ROOT / "build" / "bench" / "emission_replay")
    args = parser.parse_args()
    if not args.replay.exists():
        parser.error(f"{args.replay} is not there: build it as {Path(__file__).name} says")
    fast, slow = load_fast_model(args.fast), load_slow_model(args.slow)
    print(f"{fast.contract.name} and {slow.contract.name}, which answers after {1e3 * args.latency:g} ms")
    folder = Path(os.environ.get("SPECULATIVE_RECORDINGS", ROOT.parent / "shared" / "recordings"))
    if (folder / "manifest.csv").exists():
        report("recordings, val", recordings(folder, fast, slow), args, fast)
    else:
        print(f"no recordings in {folder}: scenes only")
    for name, (rate, kinds, seconds) in SCENES.items():
        seeds = range(args.first_seed, args.first_seed + args.seeds)
        report(name, [scene(seed, rate, kinds, seconds, fast, slow) for seed in seeds], args, fast)


if __name__ == "__main__":
    main()
