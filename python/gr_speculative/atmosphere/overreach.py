# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Generated scenes into which the day's atmosphere lets distant transmitters.

A `Scene` stays as it is, sample for sample. On top of each of its segments come transmitters beyond the
horizon, of the same kinds and in the same band, each at the level at which the profile that then holds lets
it arrive (`path_loss`): in a standard atmosphere below the noise, in a duct above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gr_speculative.canvas import Rng, log_uniform
from gr_speculative.impairments import Channel
from gr_speculative.scene import NOISE, Scene, Segment
from gr_speculative.sigmf_io import Span
from gr_speculative.signals import modulate

from .ducts import SPEED_OF_LIGHT
from .path_loss import propagation_factor
from .profile import Profile

_THERMAL_DBM = -174.0  # a hertz, 290 K
_INAUDIBLE_DB = -25.0  # SNR below which a signal is not even generated


@dataclass(frozen=True)
class Coast:
    """A node at the sea and the transmitters on the shores beyond its horizon.

    frequency: Hz; antenna: the node's height, m; gain: its, dBi; noise_figure: dB, external noise included;
    power: e.i.r.p. of each, dBm; nearest, farthest: ranges, m, uniform in area; heights: of theirs, m;
    on_air: how many of them transmit packets at a time, on average."""

    frequency: float = 868.3e6
    antenna: float = 30.0
    gain: float = 2.0
    noise_figure: float = 6.0
    power: float = 16.0  # 25 mW e.r.p.
    nearest: float = 80e3
    farthest: float = 300e3
    heights: tuple[float, float] = (2.0, 25.0)
    on_air: float = 1.0

    def levels(self, profile: Profile) -> Levels:
        """What arrives under this profile."""
        ranges = np.linspace(self.nearest, self.farthest, 60)
        heights = np.linspace(*self.heights, 20)
        factor = propagation_factor(profile, self.frequency, self.antenna, ranges, heights)  # reciprocal
        free = 20 * np.log10(4 * np.pi * ranges * self.frequency / SPEED_OF_LIGHT)[:, None]
        noise = _THERMAL_DBM + self.noise_figure
        return Levels(ranges, heights, self.power + self.gain - free + factor - noise)


@dataclass(frozen=True)
class Levels:
    """db: signal over noise density of a transmitter by range (m) and height (m), dB·Hz, float64 [r, h]."""

    ranges: np.ndarray
    heights: np.ndarray
    db: np.ndarray

    def draw(self, rng: Rng) -> float:
        """Of one transmitter, drawn uniformly in area and height."""
        a, b = self.ranges[[0, -1]]
        distance = np.sqrt(rng.uniform(a * a, b * b))
        row = np.array([np.interp(distance, self.ranges, column) for column in self.db.T])
        return float(np.interp(rng.uniform(*self.heights[[0, -1]]), self.heights, row))


@dataclass(frozen=True)
class OverreachScene(Scene):
    """levels: one for each equal part of the scene, in order; kinds: of the distant transmitters."""

    levels: tuple[Levels, ...] = ()
    kinds: tuple[str, ...] = ()
    on_air: float = 1.0

    def _segment(self, segment: Segment, rng: Rng, start: int) -> tuple[np.ndarray, list[Span]]:
        air, spans = super()._segment(segment, rng, start)
        part = (start + segment.samples // 2) * len(self.levels) // self.n_samples
        for _ in range(rng.poisson(self.on_air)):
            density, kind = self.levels[part].draw(rng), str(rng.choice(self.kinds))
            far = Channel.draw(rng, self.sample_rate, 25e3)  # where in the band, and its oscillator
            spans += self._distant(air, kind, density, far, rng, start)
        return air, sorted(spans, key=lambda span: span.start)

    def _distant(
        self, air: np.ndarray, kind: str, density: float, far: Channel, rng: Rng, start: int
    ) -> list[Span]:
        """Adds one to the air. A ducted path fades as its modes beat, over seconds; their delays, some
        nanoseconds, are no echo in such a band."""
        rate = self.sample_rate
        signal = modulate(kind, rng, rate, len(air) / rate)
        width = min(signal.high - signal.low, rate)
        snr_db = density - 10 * np.log10(width)
        if snr_db < _INAUDIBLE_DB:
            return []
        channel = replace(far, delay_spread=0.0, doppler=log_uniform(rng, 0.1, 2.0), k_db=rng.uniform(-3, 6))
        air += channel(signal.samples, rng, rate) * np.float32(np.sqrt(10 ** (snr_db / 10) * width / rate))
        low, high = np.clip([signal.low + channel.offset, signal.high + channel.offset], -rate / 2, rate / 2)
        details = {"snr_db": round(snr_db, 2), "distant": True}
        return [
            Span(
                start + int(a),
                start + int(b),
                kind,
                self.center_frequency + low,
                self.center_frequency + high,
                details,
            )
            for a, b in signal.bursts(self.merge_gap)
        ]


def overreach(
    scene: Scene, profiles: Sequence[Profile], kinds: Sequence[str], coast: Coast | None = None
) -> OverreachScene:
    """The scene under a schedule of profiles, each of which holds for an equal part of it."""
    coast = coast or Coast()
    return OverreachScene(
        **{name: getattr(scene, name) for name in Scene.__dataclass_fields__},
        levels=tuple(coast.levels(profile) for profile in profiles),
        kinds=tuple(kinds),
        on_air=coast.on_air,
    )


def strongest_labels(
    spans: Sequence[Span],
    n_vectors: int,
    vector_samples: int,
    *,
    share: float = 0.1,
    lead_db: float = 3.0,
    audible_db: float = 0.0,
    silent_db: float = -10.0,
) -> np.ndarray:
    """Truth of each vector where emissions of unequal level meet, str [n_vectors]: the kind of the strongest.

    '' where it cannot be told: less than `share` of the vector covered, another kind less than `lead_db`
    weaker, or its SNR (`snr_db` of the span, in its own band) between `silent_db`, below which it is nothing,
    and `audible_db`."""
    names = sorted({span.label for span in spans})
    power, snr = np.full((2, len(names) + 1, n_vectors), -np.inf)  # the last row: nothing
    partly = np.zeros(n_vectors, bool)
    for span in spans:
        snr_db = span.details["snr_db"]
        if snr_db < silent_db:
            continue
        first, last = span.start / vector_samples, span.stop / vector_samples
        at = np.arange(max(int(first), 0), min(int(np.ceil(last)), n_vectors))
        covered = np.minimum(last, at + 1) - np.maximum(first, at)
        partly[at[covered < share]] = True
        at, row = at[covered >= share], names.index(span.label)
        power[row, at] = np.maximum(power[row, at], snr_db + 10 * np.log10(span.high - span.low))
        snr[row, at] = np.maximum(snr[row, at], snr_db)
    first, second = np.argsort(-power, axis=0, kind="stable")[:2] if names else np.zeros((2, n_vectors), int)
    index = np.arange(n_vectors)
    labels = np.array([*names, NOISE], dtype=object)[first]
    silent = power[first, index] == -np.inf
    clear = (snr[first, index] >= audible_db) & (power[first, index] >= power[second, index] + lead_db)
    labels[silent] = NOISE
    labels[np.where(silent, partly, ~clear)] = ""
    return labels
