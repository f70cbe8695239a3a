# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Two recordings at once: hard cases, for a vector has one label."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .canvas import band_limited_resample
from .contract import LABELS, Preprocessing
from .data import Recording, spectra
from .evaluation import BATCH
from .impairments import frequency_shift
from .model import Model
from .preprocessing import dequantise, noise_floor, pad_context, prepare, quantise
from .report import Scores, with_interval
from .rules import levels

RATIOS_DB = (0.0, 3.0, 6.0, 10.0, 20.0)
MOST = 2.5  # times the rate of the other: what is seen at far apart rates is not the same signal
_UNBIASED_DB = (
    3.7  # from the contract's floor, a low quantile of means of dB, to the mean power of white noise
)


def mixed(
    x: np.ndarray,
    rate: float,
    other: np.ndarray,
    other_rate: float,
    ratio_db: float,
    offset: float = 0.0,
    size: int = 1024,
) -> np.ndarray:
    """x plus another signal, `ratio_db` below it, both ending together: complex64, as long as x, at `rate` Hz.

    x, other: complex64, at least `size` samples long (other: after resampling to `rate`), with a signal in the
    last of them. ratio_db: of their powers without noise in the last `size` samples. offset: Hz, of `other`; what
    leaves the band comes in at its other end.
    """
    y = frequency_shift(band_limited_resample(other, other_rate, rate)[-len(x) :], rate, offset)
    gain = 10 ** (-ratio_db / 20) * np.sqrt(signal_power(x[-size:]) / max(signal_power(y[-size:]), 1e-20))
    out = x.astype(np.complex64)
    out[-len(y) :] += np.float32(gain) * y
    return out


def signal_power(x: np.ndarray) -> float:
    """Power (scaled as an FFT of its samples) of what rises above the noise floor in complex64 [N].

    Where no bin rises 13 dB above it, the signal itself fills the band as noise does, and all counts.
    """
    db = spectra(x, len(x), Preprocessing())[0]
    power = 10 ** (db.astype(np.float64) / 10)
    floor = 10 ** ((float(noise_floor(db, Preprocessing())) + _UNBIASED_DB) / 10)
    clear = power[power > 20 * floor]
    return float(max(power.sum() - floor * len(x), clear.sum()) if len(clear) else power.sum())


@dataclass(frozen=True)
class Mixtures:
    """n mixtures as columns; has what report.scores wants of windows.

    db: float16 [n, K, N]; label, weaker: index of the stronger and of the weaker signal; rate: Hz; file: number of
    the stronger's; ratio_db: one of RATIOS_DB; apart: less than a tenth of the weaker's power lies in the bins
    with 95 % of the stronger's.
    """

    db: np.ndarray
    label: np.ndarray
    weaker: np.ndarray
    rate: np.ndarray
    file: np.ndarray
    ratio_db: np.ndarray
    apart: np.ndarray

    def outputs(self, model: Model) -> tuple[np.ndarray, np.ndarray]:
        """As Windows.outputs."""
        found = []
        for at in range(0, len(self.label), BATCH):
            x = self.db[at : at + BATCH, -model.contract.context :].astype(np.float32)
            if model.contract.context > 1:
                x = np.stack([dequantise(*quantise(one)) for one in x])
            found.append(model.outputs(x, self.rate[at : at + BATCH]))
        logits, features = zip(*found, strict=True)
        return np.concatenate(logits), np.concatenate(features)

    def levels(self) -> np.ndarray:
        """As Windows.levels."""
        x = self.db[:, -1:].astype(np.float32)
        return levels(prepare(x, self.rate, Preprocessing())[0][:, 0])


def mixtures(
    recordings: Sequence[Recording],
    context: int,
    count: int = 1000,
    seed: int = 0,
    labels: tuple[str, ...] = LABELS,
    size: int = 1024,
) -> Mixtures | None:
    """Pairs of windows of different known classes, one of them resampled to the other's rate; None if no two
    classes were recorded at rates within a factor of MOST. Half of them keep their centres."""
    rng = np.random.default_rng(seed)
    spans = _spans(recordings, labels, size)
    pairs = [
        (a, b)
        for a in spans
        for b in spans
        if a != b and any(_near(r, o) for r, _, _ in spans[a] for o, _, _ in spans[b])
    ]
    if not pairs:
        return None
    names = [recording.name for recording in recordings]
    rows = []
    while len(rows) < count:
        a, b = pairs[rng.integers(len(pairs))]
        strong, at = _draw(rng, spans[a], size)
        near = [span for span in spans[b] if _near(strong, span[0])]
        if not near:
            continue
        weak, weak_at = _draw(rng, near, size)
        rate = strong.sample_rate
        x = _before(strong, at, context * size)
        y = _before(weak, weak_at, int(np.ceil(context * size * weak.sample_rate / rate)))
        ratio = float(rng.choice(RATIOS_DB))
        offset = rng.uniform(-0.4, 0.4) * rate if rng.random() < 0.5 else 0.0
        if len(y) * rate / weak.sample_rate < size:
            continue
        z = mixed(x, rate, y, weak.sample_rate, ratio, offset, size)
        db = spectra(z, size, Preprocessing())
        apart = _apart(x[-size:], z[-size:] - x[-size:])
        rows.append((pad_context(db[None], context)[0], a, b, rate, names.index(strong.name), ratio, apart))
    db, *columns = zip(*rows, strict=True)
    return Mixtures(np.stack(db).astype(np.float16), *map(np.array, columns))


def measure_mixtures(found: Mixtures, scores: Scores, rounds: int) -> list[dict[str, Any]]:
    """For each ratio and placement: how often the label is the stronger's, or names either; as JSON holds it."""
    rows = []
    for apart in (False, True):
        for ratio in RATIOS_DB:
            of = (found.ratio_db == ratio) & (found.apart == apart)
            if not of.any():
                continue
            row = {"ratio_db": ratio, "apart": apart, "windows": int(of.sum()), "models": {}}
            row["deferred"] = with_interval(_mean(scores.deferred[of]), found.file[of], rounds)
            for name in ("fast", "slow", "cascade"):
                guess = getattr(scores, name)[of].argmax(axis=1)
                stronger = guess == found.label[of]
                either = stronger | (guess == found.weaker[of])
                row["models"][name] = {
                    key: with_interval(_mean(right), found.file[of], rounds)
                    for key, right in (("stronger", stronger), ("either", either))
                }
            rows.append(row)
    return rows


def _mean(right: np.ndarray) -> Callable[[np.ndarray], float]:
    return lambda rows: float(np.mean(right[rows]))


_Spans = list[tuple[Recording, int, int]]


def _spans(recordings: Sequence[Recording], labels: tuple[str, ...], size: int) -> dict[int, _Spans]:
    """Signal spans by label that hold a whole window."""
    found: dict[int, _Spans] = {}
    for recording in recordings:
        for span in recording.spans:
            if span.label in labels and span.label != "noise" and span.stop - span.start >= size:
                index = labels.index(span.label)
                found.setdefault(index, []).append((recording, span.start, span.stop))
    return found


def _near(a: Recording, b: Recording) -> bool:
    return 1 / MOST <= a.sample_rate / b.sample_rate <= MOST


def _draw(rng: np.random.Generator, spans: _Spans, size: int) -> tuple[Recording, int]:
    """A device, a span of it, and the sample behind a window in that span."""
    groups = sorted({recording.group for recording, _, _ in spans})
    group = groups[rng.integers(len(groups))]
    spans = [span for span in spans if span[0].group == group]
    recording, start, stop = spans[rng.integers(len(spans))]
    return recording, int(rng.integers(start + size, stop + 1))


def _before(recording: Recording, end: int, count: int) -> np.ndarray:
    start = max(0, end - count)
    return recording.read(start, end - start)


def _apart(strong: np.ndarray, weak: np.ndarray) -> bool:
    power, other = (
        10 ** (spectra(x, len(x), Preprocessing())[0].astype(np.float64) / 10) for x in (strong, weak)
    )
    order = np.argsort(-power)
    count = np.searchsorted(np.cumsum(power[order]), 0.95 * power.sum()) + 1
    return bool(other[order[:count]].sum() < 0.1 * other.sum())
