# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The command `gr-speculative demo`: a generated scene, classified in real time, beside its truth."""

from __future__ import annotations

import argparse
import json
import logging
from collections import Counter
from pathlib import Path

import numpy as np

from gr_speculative.data import spectra
from gr_speculative.installed import default_fast_model, default_slow_model
from gr_speculative.scene import plan_scene, vector_labels, write_scene
from gr_speculative.sigmf_io import Recording, open_recording, read_spans
from gr_speculative.spectrogram import spectrogram_png
from gr_speculative.worker import Worker

from .node import quiet_blocks
from .node_flowgraph import NodeOptions
from .node_run import run_source


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `demo`."""
    add = parser.add_argument
    add("--out", type=Path, default=Path("out/demo"), metavar="DIR", help="default %(default)s")
    add("--seed", type=int, default=1, help="of the scene, default %(default)s")
    add("--duration", type=float, default=24.0, metavar="S", help="of the scene, default %(default)s s")


def run(args: argparse.Namespace) -> int:
    """Generates, classifies, compares, draws. Returns 0 if every counter adds up."""
    logging.basicConfig(format="gr-speculative demo: %(levelname)s: %(message)s")
    args.out.mkdir(parents=True, exist_ok=True)
    quiet_blocks()
    print(f"generating a scene of {args.duration:g} s (seed {args.seed}) …", flush=True)
    scene = write_scene(
        args.out / "scene", plan_scene(args.seed, duration=args.duration, center_frequency=433.92e6)
    )
    recording = open_recording(scene)
    with Worker(default_slow_model()) as worker:
        print("classifying it in real time, with the slow model in a worker of its own …", flush=True)
        options = NodeOptions(model=str(default_fast_model()), hub=worker.endpoint, per_emission=True)
        outcome = run_source(recording, options, args.out / "scene.labels")
    if outcome.interrupted:
        print("interrupted")
        return 130
    results = read_results(args.out / "scene.labels.jsonl")
    truth = read_spans(scene)
    picture = args.out / "scene.png"
    found = read_spans(args.out / "scene.labels.sigmf-meta")
    title = f"demo scene, seed {args.seed}: truth and what the node found"
    spectrogram_png(picture, recording, found, truth, title=title)
    print(outcome.summary.text())
    alone = fast_labels(recording, recording.n_samples // 1024, 1024)
    print(accuracy_table(truth, results, alone, 1024))
    print(f"  picture      {picture}")
    print(f"  recording    {scene} (its annotations are the truth)")
    print(f"  annotations  {args.out / 'scene.labels.sigmf-meta'} (what the node found)")
    return 0 if outcome.summary.conserved() else 1


def read_results(path: Path) -> dict[int, dict]:
    """The last result of each vector from a node's JSON lines, by offset."""
    results: dict[int, dict] = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            result = json.loads(line)
            results[result["offset"]] = result
    return results


def fast_labels(recording: Recording, n_vectors: int, vector_samples: int) -> list[str]:
    """The label of each vector by the fast model alone: what is published knows what slow said before."""
    from gr_speculative.fast_model import load_fast_model  # torch: --help does without

    model = load_fast_model(default_fast_model())
    labels = []
    for first in range(0, n_vectors, 4096):
        count = min(4096, n_vectors - first)
        samples = recording.read(first * vector_samples, count * vector_samples)
        db = spectra(samples, vector_samples, model.contract.preprocessing)
        logits = model.outputs(db[:, None], np.full(count, recording.sample_rate))[0]
        labels += [model.contract.labels[i] for i in logits.argmax(axis=1)]
    return labels


def accuracy_table(truth: list, results: dict[int, dict], fast: list[str], vector_samples: int) -> str:
    """Share of vectors whose label is the true one, of the fast model alone and as published, by class."""
    labels = vector_labels(truth, len(fast), vector_samples)
    total, alone, published = Counter(), Counter(), Counter()
    for offset, result in results.items():
        label = labels[offset]
        if label:
            total[label] += 1
            alone[label] += fast[offset] == label
            published[label] += result["label"] == label
    rows = ["  truth          vectors   fast alone   as published"]
    for label in [*sorted(total), None]:
        n, f, p = (
            (total[label], alone[label], published[label])
            if label
            else (total.total(), alone.total(), published.total())
        )
        rows.append(f"  {label or 'all':<14} {n:>7,} {f / n:>12.1%} {p / n:>14.1%}")
    return "\n".join(rows)
