#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The whole benchmark: ./gr-speculative bench. Prints a table and writes build/bench.json.

One part after another, each warmed up; what times a single core is pinned to one; figures are medians of
rounds in which both sides of a ratio run. docs/performance.md tells what they mean.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from gr_speculative.installed import default_fast_model, float32_fast_model

ROOT = Path(__file__).resolve().parents[1]
BENCH, BUILD = ROOT / "bench", ROOT / "build"
OTHER = BUILD / "bench-venv" / "bin" / "python"


def output(*command: object, core: int | None = None) -> str:
    pin = ["taskset", "-c", str(core)] if core is not None else []
    return subprocess.run([*pin, *map(str, command)], check=True, capture_output=True, text=True).stdout


def last_line(text: str) -> object:
    """The JSON that follows GNU Radio's own lines."""
    return json.loads(text.strip().splitlines()[-1])


def engine(model: str, core: int) -> dict[str, dict[str, float]]:
    lines = output(BUILD / "bench" / "bench_engine", model, core=core).splitlines()[2:]
    names = ("complex_ns", "power_ns", "one_vector_ns", "batch_ns", "gflops", "fma_peak_gflops")
    rows = (line.split() for line in lines)
    return {kernel: dict(zip(names, map(float, figures), strict=True)) for kernel, *figures in rows}


def policy(model: str, core: int) -> dict[str, dict[str, float]]:
    lines = output(BUILD / "bench" / "bench_policy", model, core=core).splitlines()[1:]
    names = ("policy_ns", "model_ns", "ratio", "asked")
    rows = (line.split() for line in lines)
    return {rule: dict(zip(names, map(float, figures), strict=True)) for rule, *figures in rows}


def table(report: dict) -> None:
    print("\nengine, 1024 bins    preprocess ns   classify ns   of FMA peak")
    for kernel, row in (report["engine"] | report["integers"]).items():
        peak = row["gflops"] / row["fma_peak_gflops"] if row["fma_peak_gflops"] else float("nan")
        print(f"  {kernel:<18} {row['complex_ns']:13.0f} {row['batch_ns']:13.0f} {peak:13.2f}")
    print("\ndeferral policy       ns   of the fast model")
    for rule, row in report["policy"].items():
        print(f"  {rule:<16} {row['policy_ns']:5.0f} {row['ratio']:19.3f}")
    print("\nsame network on      batch 1 µs     batch 16 µs   batch 64 µs")
    for name, row in report["engines"].items():
        print(f"  {name:<18} {row['1']:10.2f} {row['16']:15.2f} {row['64']:13.2f}")
    print("\nin a flowgraph       size  buffer   fft_vcc µs   block µs   block / fft_vcc")
    for row in report["blocks"]:
        line = f"{row['size']:6} {row['buffer'] or 'default':>7}"
        print(
            f"  {row['block']:<17} {line} {row['fft_us']:11.2f} {row['block_us']:10.2f} {row['ratio']:14.2f}"
        )
    print("\nwhole chain          MS/s   slowest second   CPU µs a vector")
    for row in report["chain"]:
        figures = f"{row['ms_per_s']:8.1f} {row['slowest_second_ms_per_s']:12.1f}"
        print(f"  {row['classifiers']} classifier(s)  {figures} {row['cpu_us_per_vector']:15.2f}")
    row = report["sustained"]
    print(
        f"  paced at {row['ms_per_s']:.1f} MS/s for {row['seconds']:.0f} s: {row['dropped']} of {row['vectors']}"
        f" vectors dropped, longest lag {row['longest_lag_ms']:.0f} ms, {row['cpu_us_per_vector']:.2f} µs a vector"
    )
    print("\ncascade, CPU µs a vector at 1 % deferral")
    print("  " + ", ".join(f"{name} {value:.3g}" for name, value in report["cascade"].items()))
    print(f"\nmemory that the block adds: {report['memory']['added_mib']:.1f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)), help="to pin to")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sustain", type=float, default=10.0, help="s of the paced run (1800: half an hour)")
    parser.add_argument("--rate", type=float, default=0.0, help="of it, samples/s; 0: find the highest")
    args = parser.parse_args()
    model, integers = float32_fast_model(), default_fast_model()
    flowgraphs = [sys.executable, BENCH / "flowgraphs.py"]

    def part(name: str, *options: object, core: int | None = None) -> object:
        print(f"{name} ...", file=sys.stderr)
        return last_line(output(*flowgraphs, name, *options, core=core))

    report = {
        "engine": engine(model, args.core),
        "integers": {f"{name}, int8": row for name, row in engine(integers, args.core).items()},
        "policy": policy(integers, args.core),
        "engines": last_line(output(sys.executable, BENCH / "engines.py", model, core=args.core)),
        "blocks": part("blocks", "--rounds", args.rounds, core=args.core),
        "chain": part("chain", "--seconds", 10),
        "sustained": part("sustained", "--seconds", args.sustain, "--rate", args.rate),
        "cascade": part("cascade", "--seconds", 10),
        "memory": part("memory"),
    }
    if OTHER.exists():
        report["engines"] |= last_line(output(OTHER, BENCH / "engines.py", model, core=args.core))
    (BUILD / "bench.json").write_text(json.dumps(report, indent=2) + "\n")
    table(report)


if __name__ == "__main__":
    main()
