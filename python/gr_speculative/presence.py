# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""How much of a labelled signal a stretch of samples holds: a run of windows has pauses in it."""

from __future__ import annotations

import numpy as np

from .data import frames_of

LEAST = 0.4  # of the mean power over the run: below it a window does not earn the run's label


def presence(frames: np.ndarray, run: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """The signal's power in each of `frames`, over its mean in `run`: float [n], near 0 in a pause.

    All are of power_spectra. frames: [n, M]; run: [r, M], r > 0, of the signal; noise: [q, M], of what it stands in,
    q = 0 where that is unknown. Only bins count in which the run has more than four times the noise's power, or all
    where there are none: the power in the whole band would, of a weak narrow signal, be the noise's.
    """
    floor = noise.mean(axis=0) if len(noise) else np.zeros(frames.shape[1])
    signal = run.mean(axis=0) - floor
    bins = signal > 3 * floor
    if not bins.any():
        bins[:] = True
    total = signal[bins].sum()
    return (frames - floor)[:, bins].sum(axis=1) / total if total > 0 else np.ones(len(frames))


def power_spectra(samples: np.ndarray, size: int) -> np.ndarray:
    """Of the whole frames of `size` samples, without a window: a pulse at the end of a frame counts in full.

    complex [n] -> float [n // size, size].
    """
    x = np.fft.fft(frames_of(samples, size), axis=-1)
    return x.real**2 + x.imag**2
