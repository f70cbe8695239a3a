# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""A folder of generated recordings in the layout of `train` and `evaluate`: a signal each, then noise alone."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from gr_speculative.signals import modulate

SAMPLE_RATES = {"ook_ism": 250_000, "lte_ofdm": 1_920_000}


def write_recordings(
    folder: Path, recordings: Iterable[tuple[str, str, str]], signal: int, total: int, noise_from: int
) -> Path:
    """recordings: kind, device and split of each; `total` windows, the first `signal` of them labelled as that
    kind, those from `noise_from` on as noise."""
    lines, runs = (
        ["file,split,class,device_group,datatype,sample_rate"],
        ["file,start_window,end_window,label"],
    )
    rng = np.random.default_rng(5)
    for kind, device, split in recordings:
        x = modulate(kind, rng, SAMPLE_RATES[kind], signal * 1024 / SAMPLE_RATES[kind]).samples
        x = np.concatenate([x, np.zeros((total - signal) * 1024, np.complex64)])
        x += 0.05 * rng.standard_normal((len(x), 2), np.float32).view(np.complex64)[:, 0]
        name = f"{kind}-{device}.cf32"
        x.tofile(folder / name)
        lines.append(f"{name},{split},{kind},{name},cf32,{SAMPLE_RATES[kind]}")
        runs += [f"{name},0,{signal},signal", f"{name},{noise_from},{total},noise"]
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    (folder / "windows.csv").write_text("\n".join(runs) + "\n")
    return folder
