# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""How much of a labelled signal a stretch of samples holds: a run of windows has pauses in it."""

from __future__ import annotations

import numpy as np

LEAST = 0.4  # of the mean power over the run: below it a window does not earn the run's label


def presence(frames: np.ndarray, run: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """The signal's power in each of `frames`, over its mean in `run`: float [n], near 0 in a pause.

    frames: complex [n, M]; run: complex [r, M], r > 0, of the signal; noise: complex [q, M], of what it stands in,
    q = 0 where that is unknown. Only bins count in which the run has more than four times the noise's power, or all
    where there are none: the power in the whole band would, of a weak narrow signal, be the noise's.
    """
    floor = _spectrum(noise).mean(axis=0) if len(noise) else np.zeros(frames.shape[1])
    signal = _spectrum(run).mean(axis=0) - floor
    bins = signal > 3 * floor
    if not bins.any():
        bins[:] = True
    total = signal[bins].sum()
    return (_spectrum(frames) - floor)[:, bins].sum(axis=1) / total if total > 0 else np.ones(len(frames))


def frames_of(samples: np.ndarray, size: int) -> np.ndarray:
    """The whole frames of `size` samples: [n] -> [n // size, size]."""
    return samples[: len(samples) // size * size].reshape(-1, size)


def _spectrum(frames: np.ndarray) -> np.ndarray:
    x = np.fft.fft(frames, axis=-1)  # no window: a pulse at the end of a frame counts in full
    return x.real**2 + x.imag**2
