#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""What the blocks cost in a flowgraph: CPU time of the threads that run them, read while the stream flows.

The FFT and the block after it are in one flowgraph, so that both see the same machine at the same time.
Run: ./gr-speculative python bench/flowgraphs.py --help
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from gnuradio import blocks, fft, gr, speculative

from gr_speculative.contract import Contract
from gr_speculative.installed import default_fast_model, default_slow_model, float32_fast_model
from gr_speculative.models import FastNet
from gr_speculative.onnx_export import export_fast
from gr_speculative.preprocessing import prepare
from gr_speculative.quantize import quantize
from gr_speculative.slow_model import load_slow_model

RATE = 2e6  # Hz
BUFFER = 32  # vectors: room for whole batches


class TorchBlock(gr.sync_block):
    """What one would write without this module: numpy and torch in work(), on what it receives."""

    def __init__(self, size: int) -> None:
        gr.sync_block.__init__(self, "torch_block", [(np.complex64, size)], [np.int16])
        self.network, self.contract = FastNet().eval(), Contract("fast", "bench", fft_size=size)

    def work(self, input_items: list, output_items: list) -> int:
        power = np.abs(input_items[0]) ** 2
        db = 10 * np.log10(np.maximum(power, 1e-20)).astype(np.float32)
        x, rate = prepare(db[:, None], np.full(len(db), RATE), self.contract.preprocessing)
        with torch.inference_mode():
            logits, _ = self.network(torch.from_numpy(x), torch.from_numpy(np.reshape(rate, (-1, 1))))
        output_items[0][:] = logits.argmax(dim=1).numpy()
        return len(db)


def model_of(size: int, folder: str) -> str:
    """The shipped model, or for other sizes one of its architecture, untrained: it costs the same."""
    if size == 1024:
        return str(default_fast_model())
    torch.manual_seed(1)
    path = Path(folder) / f"untrained-{size}.onnx"
    export_fast(path, FastNet().eval(), Contract("fast", f"untrained-{size}", fft_size=size))
    db = np.random.default_rng(1).normal(-90, 5, (64, 1, size)).astype(np.float32)
    quantize(path, path, db, np.full(64, RATE))  # ranges of noise: only the cost counts
    return str(path)


def noise(n: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    return (rng.standard_normal(n) + 1j * rng.standard_normal(n)).astype(np.complex64)


def thread_seconds() -> dict[str, float]:
    """CPU seconds of each thread by its name, which GNU Radio sets to the block's."""
    seconds: dict[str, float] = {}
    for task in Path("/proc/self/task").iterdir():
        name = (task / "comm").read_text().strip()
        seconds[name] = seconds.get(name, 0.0) + int((task / "schedstat").read_text().split()[0]) * 1e-9
    return seconds


def cost_beside_fft(size: int, make_block, rounds: int, seconds: float, buffer: int) -> dict[str, float]:
    """Medians over rounds, µs CPU a vector of the FFT and of the block after it."""
    top = gr.top_block()
    source = blocks.vector_source_c(noise(64 * size).tolist(), True, size)
    transform = fft.fft_vcc(size, True, fft.window.blackmanharris(size), True, 1)
    block = make_block()
    if buffer:
        source.set_min_output_buffer(buffer)
        transform.set_min_output_buffer(buffer)
    top.connect(source, transform, block)
    top.connect((block, 0), blocks.null_sink(block.output_signature().sizeof_stream_item(0)))
    top.start()
    time.sleep(min(seconds, 1.0))
    figures = []
    for _ in range(rounds):
        before, first = thread_seconds(), transform.nitems_written(0)
        time.sleep(seconds)
        after, vectors = thread_seconds(), transform.nitems_written(0) - first

        def spent(prefix: str, before=before, after=after, vectors=vectors) -> float:
            used = (value - before.get(name, 0) for name, value in after.items() if name.startswith(prefix))
            return sum(used) / vectors * 1e6

        figures.append((spent("fft_v"), spent(block.name()[:12])))
    top.stop()
    top.wait()
    ratios = [block_us / fft_us for fft_us, block_us in figures]
    fft_us, block_us = (statistics.median(column) for column in zip(*figures, strict=True))
    return {"fft_us": fft_us, "block_us": block_us, "ratio": statistics.median(ratios)}


def whole_chain(seconds: float, classifiers: int = 1) -> dict[str, float]:
    """Complex samples to labels as fast as it goes, nothing pinned: MS/s, its slowest second."""
    top = gr.top_block()
    samples = noise(1 << 20)
    chains = []
    for _ in range(classifiers):
        source = blocks.vector_source_c(samples.tolist(), True)
        source.set_min_output_buffer(1 << 16)
        chain = speculative.spectrum_classifier(sample_rate=60e6, slow="none", max_run=4096, outputs=0)
        top.connect(source, chain)
        chains.append(chain)
    top.start()
    time.sleep(1.0)

    def vectors() -> int:
        return sum(chain.classifier.counters()["vectors"] for chain in chains)

    cpu, start, marks = time.process_time(), time.perf_counter(), []
    while time.perf_counter() - start < seconds:
        marks.append((time.perf_counter(), vectors()))
        time.sleep(1.0)
    marks.append((time.perf_counter(), vectors()))
    cpu = time.process_time() - cpu
    top.stop()
    top.wait()
    rates = [(b[1] - a[1]) * 1024 / (b[0] - a[0]) / 1e6 for a, b in zip(marks, marks[1:], strict=False)]
    done = marks[-1][1] - marks[0][1]
    invalid = sum(chain.classifier.counters()["invalid"] for chain in chains)
    return {
        "classifiers": classifiers,
        "seconds": marks[-1][0] - start,
        "ms_per_s": done * 1024 / (marks[-1][0] - marks[0][0]) / 1e6,
        "slowest_second_ms_per_s": min(rates),
        "cpu_us_per_vector": cpu / done * 1e6,
        "invalid": invalid,
    }


def sustained(seconds: float, rate: float, ring: float) -> dict[str, float]:
    """The whole chain behind a source that keeps to `rate` samples a second, as a receiver does, nothing pinned.

    A receiver whose ring buffer holds `ring` seconds loses what the chain lags behind by more than that; the lag
    is read every 10 ms. rate 0: the highest at which ten seconds go without a loss, of 90, 80, 70 % and so on of
    what the chain does unpaced.
    """
    if not rate:
        unpaced = whole_chain(10.0)["ms_per_s"] * 1e6
        tries = (unpaced * percent / 100 for percent in range(90, 9, -10))
        rate = next((r for r in tries if not sustained(10.0, r, ring)["dropped"]), unpaced / 10)
    top = gr.top_block()
    source = blocks.vector_source_c(noise(1 << 20).tolist(), True)
    throttle = blocks.throttle(gr.sizeof_gr_complex, rate)
    chain = speculative.spectrum_classifier(sample_rate=rate, slow="none", max_run=4096, outputs=0)
    for block in (source, throttle):
        block.set_min_output_buffer(1 << 16)
    top.connect(source, throttle, chain)
    top.start()
    time.sleep(2.0)

    def vectors() -> int:
        return chain.classifier.counters()["vectors"]

    begin, first, cpu = time.perf_counter(), vectors(), time.process_time()
    lag = lost = 0.0  # seconds
    while (now := time.perf_counter()) < begin + seconds:
        behind = now - begin - (vectors() - first) * 1024 / rate
        lag = max(lag, behind - lost)
        lost = max(lost, behind - ring)
        time.sleep(0.01)
    cpu, done = time.process_time() - cpu, vectors() - first
    top.stop()
    top.wait()
    return {
        "ms_per_s": rate / 1e6,
        "seconds": now - begin,
        "vectors": done,
        "dropped": round(lost * rate / 1024),
        "invalid": chain.classifier.counters()["invalid"],
        "longest_lag_ms": lag * 1e3,
        "ring_ms": ring * 1e3,
        "cpu_us_per_vector": cpu / done * 1e6,
    }


def cascade(seconds: float) -> dict[str, float]:
    """Process CPU µs a vector: fast only, cascade at 1 % deferral (a budget), slow on every vector.

    The flowgraphs run at 20 MS/s, from complex samples on; the slow model alone, on batches of 16.
    """

    def run(deferred: float) -> tuple[float, float, float, float]:
        top = gr.top_block()
        source = blocks.vector_source_c(noise(64 * 1024).tolist(), True)
        slow = "model" if deferred else "none"
        chain = speculative.spectrum_classifier(
            sample_rate=RATE, slow=slow, threshold=1.0, max_run=4096, outputs=0
        )
        if deferred:
            chain.classifier.set_budget(deferred * RATE / 1024, 16.0)
        throttle = blocks.throttle(gr.sizeof_gr_complex, 20e6)
        for block in (source, throttle):
            block.set_min_output_buffer(1 << 16)
        top.connect(source, throttle, chain)
        top.start()
        time.sleep(4.0)  # the slow model is loaded and has seen its first batches
        cpu, before = time.process_time(), chain.classifier.counters()
        time.sleep(seconds)
        spent, after = time.process_time() - cpu, chain.classifier.counters()
        vectors, asked = (after[key] - before[key] for key in ("vectors", "deferred"))
        top.stop()
        top.wait()
        quantiles = (chain.classifier.latency_quantile(q) for q in (0.5, 0.99))
        return spent / vectors * 1e6, asked / vectors, *quantiles

    torch.set_num_threads(1)
    slow = load_slow_model(default_slow_model())
    context = np.random.default_rng(1).normal(-90, 5, (16, slow.contract.context, 1024)).astype(np.float32)
    rates = np.full(16, RATE)
    for _ in range(3):
        slow.predict(context, rates)
    cpu = time.process_time()
    for _ in range(20):
        slow.predict(context, rates)
    slow_us = (time.process_time() - cpu) / 320 * 1e6
    fast_us = run(0.0)[0]
    cascade_us, share, p50, p99 = run(0.01)
    return {
        "fast_us": fast_us,
        "cascade_us": cascade_us,
        "deferred_share": share,
        "slow_us": slow_us,
        "both_us": fast_us + slow_us,
        "verdict_p50_ms": p50,
        "verdict_p99_ms": p99,
    }


def memory() -> float:
    """MiB of resident memory that a running fast_classifier adds to a flowgraph with an FFT."""

    def resident() -> float:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    top = gr.top_block()
    source = blocks.vector_source_c(noise(64 * 1024).tolist(), True, 1024)
    transform = fft.fft_vcc(1024, True, fft.window.blackmanharris(1024), True, 1)
    top.connect(source, transform, blocks.null_sink(8192))
    top.start()
    time.sleep(0.5)
    before = resident()
    top.lock()
    classifier = speculative.fast_classifier(str(default_fast_model()), 1024, RATE)
    top.connect(transform, classifier)
    top.connect(classifier, blocks.null_sink(8192))
    top.unlock()
    time.sleep(1.0)
    added = resident() - before
    top.stop()
    top.wait()
    return added


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("blocks", "chain", "sustained", "cascade", "memory"))
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512, 1024, 2048, 4096, 8192])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="a round; of the chain: the run")
    parser.add_argument("--rate", type=float, default=0.0, help="sustained: samples/s; 0: find the highest")
    parser.add_argument("--ring", type=float, default=0.1, help="sustained: s that a receiver's buffer holds")
    args = parser.parse_args()
    torch.set_num_threads(1)
    report: object = None
    if args.what == "memory":
        report = {"added_mib": memory()}
    elif args.what == "cascade":
        report = cascade(args.seconds)
    elif args.what == "sustained":
        report = sustained(args.seconds, args.rate, args.ring)
    elif args.what == "chain":
        report = [whole_chain(args.seconds, count) for count in (1, 2)]
    else:
        with tempfile.TemporaryDirectory() as folder:
            rows = []
            for size in args.sizes:
                model = model_of(size, folder)

                def make(model: str = model, size: int = size) -> gr.basic_block:
                    return speculative.fast_classifier(model, size, RATE, threshold=0.0, max_run=4096)

                for buffer in (0, BUFFER):
                    cost = cost_beside_fft(size, make, args.rounds, args.seconds, buffer)
                    rows.append({"block": "fast_classifier", "size": size, "buffer": buffer, **cost})
            float32 = float32_fast_model()
            for buffer in (0, BUFFER):
                cost = cost_beside_fft(1024, lambda: make(float32, 1024), args.rounds, args.seconds, buffer)
                rows.append({"block": "in float32", "size": 1024, "buffer": buffer, **cost})
            cost = cost_beside_fft(1024, lambda: TorchBlock(1024), args.rounds, args.seconds, BUFFER)
            rows.append({"block": "torch_block", "size": 1024, "buffer": BUFFER, **cost})
            report = rows
    print(json.dumps(report))


if __name__ == "__main__":
    main()
