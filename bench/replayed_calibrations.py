#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Which unit is independent? The share of replayed calibrations in which a certified promise is broken.

Each calibration draws files with replacement from the recordings' split `val`, which are the population, so that
the true risk of each threshold is known: ./gr-speculative python bench/replayed_calibrations.py
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests")]

from replayed_calibrations import CONFIDENCE, Population  # noqa: E402

from gr_speculative import guarantee, rules  # noqa: E402
from gr_speculative.cascade_predictions import predict  # noqa: E402
from gr_speculative.data import load  # noqa: E402
from gr_speculative.fast_model import load_fast_model  # noqa: E402
from gr_speculative.slow_model import load_slow_model  # noqa: E402

RISKS = (0.01, 0.02)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fast", default=ROOT / "models/fast.onnx")
    parser.add_argument("--slow", default=ROOT / "models/slow.safetensors")
    parser.add_argument("--rounds", type=int, default=200)
    args = parser.parse_args()
    folder = os.environ.get("SPECULATIVE_RECORDINGS", ROOT.parent / "shared" / "recordings")
    found = predict(load(folder).split("val"), load_fast_model(args.fast), load_slow_model(args.slow))
    labels = [found.labels(model) for model in ("fast", "slow", "merged")]
    score = rules.score("margin", found.fast, found.levels)
    vectors = np.arange(len(score))
    print(f"{args.rounds} calibrations at {CONFIDENCE:.0%}: certified; of all, the promise broken")
    for mode in guarantee.MODES:
        population = Population(
            mode, found.units["file"], score, *guarantee.losses(mode, found.label, *labels)
        )
        units = {"file": found.units["file"], "emission": found.units["emission"], "vector": vectors}
        for unit, counted in units.items():
            truth = population.risk(counted)
            print(f"{mode}, {unit}: true risk {truth.min():.3f} to {truth.max():.3f}")
            for files in (len(population.members), 200, 400):
                for risk in RISKS:
                    broken, certified = population.broken(risk, files, args.rounds, counted)
                    shares = f"{certified / args.rounds:.2f}; {broken / args.rounds:.2f}"
                    print(f"  {files} files, risk {risk:g}: {shares}", flush=True)


if __name__ == "__main__":
    main()
