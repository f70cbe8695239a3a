#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Would a temperature for each band of SNR calibrate better than one? Cross-validated by file.

    bench/temperature_by_snr.py --data DIR [--models models]

Bands of equal size by the peak over the noise floor. Prints a table: NLL and ECE on windows of files that the
temperatures were not fitted on, and the gain in NLL over one temperature with its 95 % interval over files.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from gr_speculative.calibration import fit_temperature
from gr_speculative.data import load
from gr_speculative.evaluation import Windows
from gr_speculative.fast_model import load_fast_model
from gr_speculative.metrics import expected_calibration_error, nll
from gr_speculative.model import softmax
from gr_speculative.report import show, with_interval
from gr_speculative.slow_model import load_slow_model
from gr_speculative.train import split

FOLDS = 5


def crossed(logits: np.ndarray, label: np.ndarray, fold: np.ndarray, band: np.ndarray) -> np.ndarray:
    """Probabilities of each window by the temperature of its band in the other folds, [n, C]."""
    p = np.zeros_like(logits)
    for out in range(FOLDS):
        for this in np.unique(band):
            fit, use = (fold != out) & (band == this), (fold == out) & (band == this)
            if use.any():
                p[use] = softmax(logits[use] / fit_temperature(logits[fit], label[fit]))
    return p


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", type=Path, default=Path("models"))
    args = parser.parse_args()
    models = load_fast_model(args.models / "fast.onnx"), load_slow_model(args.models / "slow.safetensors")
    windows = Windows(split(load(args.data))[1])
    peak, label, file = windows.levels()[:, 0], windows.label, windows.file
    fold = np.random.default_rng(0).permutation(len(windows.files))[file] % FOLDS
    print("| model | bands | NLL | ECE | NLL gained |\n|---|---|---|---|---|")
    for model in models:
        logits = windows.outputs(model)[0]
        one = crossed(logits, label, fold, np.zeros(len(label), int))
        for bands in (1, 2, 3, 4, 6):
            band = np.searchsorted(np.quantile(peak, np.arange(1, bands) / bands), peak, side="right")
            p = crossed(logits, label, fold, band)
            ece = expected_calibration_error(p.max(axis=1), p.argmax(axis=1) == label)
            gain = with_interval(
                lambda rows, p=p, one=one: nll(one[rows], label[rows]) - nll(p[rows], label[rows]), file, 500
            )
            gained = show(gain) if bands > 1 else ""
            print(f"| {model.contract.role} | {bands} | {nll(p, label):.3f} | {ece:.3f} | {gained} |")


if __name__ == "__main__":
    main()
