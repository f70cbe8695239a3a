#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Signals of TorchSig in the recordings' layout: what the models make of somebody else's modulators.

    python3 -m venv VENV && VENV/bin/pip install torchsig
    VENV/bin/python bench/torchsig_examples.py OUT_DIR
    gr-speculative evaluate --data OUT_DIR

Each file is 16 vectors of 1024 samples of one signal, on air throughout, in white noise.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from torchsig.datasets.datasets import TorchSigIterableDataset
from torchsig.utils.defaults import TorchSigDefaults

VECTORS = 16
SNR_DB = (5, 30)  # in the signal's band
# class; sample rates and bandwidths, Hz. TorchSig wants a band below half the rate.
SIGNALS = {
    "ook": ("ook_ism", (250e3, 1e6), (5e3, 30e3)),
    "2fsk": ("fsk_ism", (250e3, 1e6), (20e3, 80e3)),
    "btle": ("gfsk_1m", (4e6, 8e6), (0.95e6, 1.05e6)),
    "zigbee": ("oqpsk_154", (5e6, 10e6), (1.9e6, 2.1e6)),
    "80211a": ("wifi_ofdm", (40e6, 50e6), (16e6, 17e6)),
    "ofdm-72": ("lte_ofdm", (3.84e6, 7.68e6), (1.05e6, 1.1e6)),
    "ofdm-600": ("lte_ofdm", (20e6, 30.72e6), (8.9e6, 9.1e6)),
    "adsb-long": ("adsb_1090", (4e6, 8e6), (1.9e6, 2e6)),
    "lora": ("ood", (500e3, 1e6), (125e3, 250e3)),
    "fm": ("ood", (500e3, 1e6), (100e3, 200e3)),
    "gsm": ("ood", (1e6, 2e6), (190e3, 210e3)),
    "am-dsb": ("ood", (250e3, 500e3), (6e3, 12e3)),
    "lfm-radar": ("ood", (4e6, 8e6), (0.5e6, 1.5e6)),
}


def example(kind: str, rate: float, band: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    """complex64 [VECTORS · 1024]."""
    count, middle = VECTORS * 1024, 0.1 * rate
    metadata = TorchSigDefaults().default_dataset_metadata | {
        "num_iq_samples_dataset": count,
        "sample_rate": rate,
        "snr_db_min": SNR_DB[0],
        "snr_db_max": SNR_DB[1],
        "signal_duration_in_samples_min": count,
        "signal_duration_in_samples_max": count,
        "bandwidth_min": band[0],
        "bandwidth_max": band[1],
        "signal_center_freq_min": -middle,
        "signal_center_freq_max": middle,
        "frequency_min": -rate / 2,
        "frequency_max": rate / 2,
    }
    seed = int(rng.integers(2**31))
    dataset = TorchSigIterableDataset(metadata=metadata, signal_generators=[kind], seed=seed)
    return np.asarray(next(iter(dataset)).data, np.complex64)[:count]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, metavar="OUT_DIR")
    parser.add_argument("--files", type=int, default=20, help="of each kind of signal (default 20)")
    parser.add_argument("--seed", type=int, default=1, help="default: 1")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    rows = [("file", "split", "class", "device_group", "datatype", "sample_rate")]
    runs = [("file", "start_window", "end_window", "label")]
    for number, (kind, (label, rates, band)) in enumerate(SIGNALS.items()):
        for index in range(args.files):
            rng = np.random.default_rng((args.seed, number, index))
            rate = float(np.round(rng.uniform(*rates)))
            name = f"{kind}-{index:03d}.cf32"
            example(kind, rate, band, rng).tofile(args.out / name)
            rows.append((name, "torchsig", label, kind, "cf32", f"{rate:.0f}"))
            runs.append((name, 0, VECTORS, "signal"))
    for name, table in (("manifest.csv", rows), ("windows.csv", runs)):
        with (args.out / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(table)


if __name__ == "__main__":
    main()
