# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""From power spectra to network inputs: "Preprocessing, version 1" (docs/architecture.md) in numpy.

Shapes: B contexts, K vectors a context (1 for the fast model, oldest first), N bins, DC at bin N/2.
Everything is float32.
"""

from __future__ import annotations

import numpy as np

from .contract import Preprocessing

MIN_POWER = 1e-20
MIN_DB = -200.0
MAX_RANGE_DB = 127.5  # of a context on the wire: 255 steps of half a decibel


def window(name: str, size: int) -> np.ndarray:
    """The FFT window of a contract, float32 [size], symmetric as gnuradio.fft.window makes it.

    Coefficients: F. J. Harris, "On the use of windows for harmonic analysis...", Proc. IEEE 66(1), 1978.
    Raises ValueError for an unknown name.
    """
    coefficients = {
        "rectangular": (1.0,),
        "hann": (0.5, 0.5),
        "hamming": (0.54, 0.46),
        "blackman": (0.42, 0.5, 0.08),
        "blackmanharris": (0.35875, 0.48829, 0.14128, 0.01168),
    }
    if name not in coefficients:
        raise ValueError(f"window {name!r} is not known: expected one of {', '.join(coefficients)}")
    phase = 2 * np.pi * np.arange(size) / (size - 1)
    return sum((-1) ** k * c * np.cos(k * phase) for k, c in enumerate(coefficients[name])).astype(np.float32)


def is_valid(values: np.ndarray, power: bool = True) -> np.ndarray:
    """Which vectors may be classified: [..., N] -> bool [...].

    No NaN, no infinity; in dB, -inf is zero power and valid.
    """
    good = np.isfinite(values)
    return np.all(good if power else good | np.isneginf(values), axis=-1)


def to_db(power: np.ndarray) -> np.ndarray:
    """Power (linear, any scale) -> dB float32, not below -200 dB."""
    return (10.0 * np.log10(np.maximum(power, MIN_POWER))).astype(np.float32)


def noise_floor(db: np.ndarray, constants: Preprocessing) -> np.ndarray:
    """dB [..., N] -> dB [...]: number `floor_rank` (from 0, ascending) of the `floor_blocks` block means.

    It lies at most `max_depth_db` below number `reference_rank`: what is deeper is no noise, but a stopband.
    """
    size = db.shape[-1] // constants.floor_blocks
    blocks = db.reshape(*db.shape[:-1], constants.floor_blocks, size)
    means = np.sort(blocks @ np.full(size, 1 / size, db.dtype))  # several times as fast as mean()
    least = means[..., constants.reference_rank] - constants.max_depth_db
    return np.maximum(means[..., constants.floor_rank], least).astype(np.float32)


def rate_feature(sample_rate: np.ndarray | float, fft_size: int) -> np.ndarray:
    """Sample rate in Hz -> log10 of Hz per bin minus 3 (0 at 1 kHz a bin), float32."""
    return (np.log10(np.asarray(sample_rate, np.float64) / fft_size) - 3.0).astype(np.float32)


def prepare(
    db: np.ndarray, sample_rate: np.ndarray, constants: Preprocessing
) -> tuple[np.ndarray, np.ndarray]:
    """Network inputs: dB [B, K, N] and Hz [B] -> spectrum [B, K, N], rate [B, 1].

    One floor serves the whole context, the smallest of its K floors, so that its levels stay comparable.
    """
    spectrum = np.maximum(db, np.float32(MIN_DB))
    spectrum -= noise_floor(spectrum, constants).min(axis=-1)[:, None, None]
    spectrum /= np.float32(constants.scale_db)
    np.clip(spectrum, constants.clip_low, constants.clip_high, out=spectrum)
    return spectrum, rate_feature(sample_rate, db.shape[-1])[:, None]


def pad_context(db: np.ndarray, context: int) -> np.ndarray:
    """dB [B, k, N] with 1 ≤ k ≤ K -> [B, K, N]: the oldest is repeated in front (start of a stream)."""
    missing = context - db.shape[1]
    return db if missing == 0 else np.concatenate([np.repeat(db[:, :1], missing, axis=1), db], axis=1)


def quantise(db: np.ndarray) -> tuple[np.ndarray, float, float]:
    """dB [...] -> uint8 [...], db_scale, db_offset (dB = db_offset + db_scale · value), as deferrals do.

    The top is kept: values more than 127.5 dB below the maximum become 0.
    """
    top = float(db.max())
    low = max(float(db.min()), top - MAX_RANGE_DB)
    scale = (top - low) / 255 or 1.0
    return np.clip(np.rint((db - low) / scale), 0, 255).astype(np.uint8), scale, low


def dequantise(values: np.ndarray, scale: float, offset: float) -> np.ndarray:
    """uint8 [...] -> dB float32 [...]."""
    return np.float32(offset) + np.float32(scale) * values.astype(np.float32)
