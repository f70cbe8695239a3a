#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""What the fast classifier costs beside the FFT that feeds it, in one run.

Each flowgraph is: vectors from memory → block → null sink. CPU time is the process's, less that of the same
flowgraph without the block; rounds alternate, figures are medians. Run: ./gr-speculative python bench/fast_block.py
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import numpy as np
from gnuradio import blocks, fft, gr, speculative
from gr_speculative.installed import default_fast_model


def measure(make_block, vectors: np.ndarray, n: int) -> tuple[float, float]:
    """CPU and wall seconds of n vectors through a fresh flowgraph; make_block None: no block in between."""
    size = vectors.shape[1]
    top = gr.top_block()
    source = blocks.vector_source_c(vectors.ravel().tolist(), True, size)
    head = blocks.head(gr.sizeof_gr_complex * size, n)
    chain = [source, head] + ([make_block()] if make_block else [])
    chain.append(blocks.null_sink(gr.sizeof_gr_complex * size))
    top.connect(*chain)
    wall, cpu = time.perf_counter(), time.process_time()
    top.run()
    return time.process_time() - cpu, time.perf_counter() - wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=str(default_fast_model()))
    parser.add_argument("--vectors", type=int, default=200_000, help="a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()

    probe = speculative.fast_classifier(args.model, 0, 2e6)
    size = probe.fft_size()
    window = getattr(fft.window, probe.window())(size)
    rng = np.random.default_rng(1)
    vectors = (rng.standard_normal((64, size)) + 1j * rng.standard_normal((64, size))).astype(np.complex64)
    candidates = {
        "nothing": None,
        "fft_vcc": lambda: fft.fft_vcc(size, True, window, True, 1),
        "fast_classifier": lambda: speculative.fast_classifier(args.model, size, 2e6, threshold=0.0, max_run=4096),
    }
    rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in candidates}
    for make_block in candidates.values():  # warm-up: FFTW plans, kernels, page faults
        measure(make_block, vectors, args.vectors // 20)
    for _ in range(args.rounds):
        for name, make_block in candidates.items():
            rounds[name].append(measure(make_block, vectors, args.vectors))

    idle = statistics.median(cpu for cpu, _ in rounds["nothing"])
    microseconds = {
        name: (statistics.median(cpu for cpu, _ in figures) - idle) / args.vectors * 1e6
        for name, figures in rounds.items()
        if name != "nothing"
    }
    through = {name: args.vectors / statistics.median(wall for _, wall in figures) for name, figures in rounds.items()}
    ratio = microseconds["fast_classifier"] / microseconds["fft_vcc"]
    report = {
        "fft_size": size,
        "kernel": probe.kernel_name(),
        "cpu_us_per_vector": microseconds,
        "vectors_per_second": through,
        "classifier_over_fft": ratio,
    }
    if args.json:
        print(json.dumps(report, indent=2))
        return
    print(f"{size} bins, kernel {probe.kernel_name()}, {args.rounds} rounds of {args.vectors:,} vectors, medians")
    for name, us in microseconds.items():
        print(f"  {name:<16} {us:7.2f} µs CPU a vector   {through[name]:12,.0f} vectors/s through the flowgraph")
    print(f"  fast_classifier / fft_vcc = {ratio:.2f}")


if __name__ == "__main__":
    main()
