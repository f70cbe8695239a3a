# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The mimic head: does an emission fit the source that it claims to be?

It follows the carrier of each claimed source at each node, over many requests, and compares it with the
Doppler curve of the source's orbit (or with a constant, for a source that stands still); beside that,
bandwidth and shape of every emission with the limits given for the source. It can only contradict a claim,
never prove one.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from gr_speculative.wire import Request

from .fingerprint import Emission, follow, measure
from .orbit import Orbit, Station

_MOST_TRACKS = 256
_MOST_POINTS = 1200
_SILENCE_S = 900.0  # a new pass begins


@dataclass(frozen=True)
class Source:
    """frequency: carrier at rest, Hz; tolerance: of it, Hz; reach: how far from it an emission is taken for
    this source's, Hz, Doppler included; max_drift: of its oscillator, Hz/s; limits of bandwidth (Hz) and
    shape."""

    name: str
    frequency: float
    reach: float
    tolerance: float
    max_drift: float
    label: str | None
    bandwidth: tuple[float, float]
    shape: tuple[float, float]
    orbit: Orbit | None


@dataclass
class _Track:
    points: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=_MOST_POINTS))


class MimicHead:
    """station, sources: as `load` reads them. clock: seconds since 1970, UTC; a request speaks of its
    arrival."""

    name = "mimic"
    outputs = {
        "source": "whom the emission claims to be, by frequency and label; empty: nobody that is known",
        "fits": "1, or 0 where something contradicts the claim",
        "reasons": "what contradicts it: doppler, offset, bandwidth, shape",
        "observations": "carriers measured in this pass",
        "misfit": "of the carriers to the expected curve, standard deviations",
        "offset_hz": "mean difference to the expected carrier",
        "drift_hz_per_s": "what is left of its slope, within what the oscillator may drift",
        "bandwidth_hz": "that holds 99 % of the power",
        "shape": "bandwidth of the middle half of the power over that",
    }

    def __init__(
        self,
        station: Station,
        sources: Sequence[Source],
        false_alarm_rate: float = 0.01,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._station, self._sources, self._clock = station, tuple(sources), clock
        self._misfit = NormalDist().inv_cdf(1 - false_alarm_rate)
        self._tracks: OrderedDict[tuple[str, str], _Track] = OrderedDict()

    def answer(self, requests: Sequence[Request], db: np.ndarray, scores: np.ndarray) -> list[dict[str, Any]]:
        """One answer a request; {"source": ""} where it claims to be nobody."""
        now = self._clock()
        return [self._one(request, context, now) for request, context in zip(requests, db, strict=True)]

    def _one(self, request: Request, db: np.ndarray, now: float) -> dict[str, Any]:
        emission = measure(db, request.sample_rate)
        source = self._claimed(request, emission)
        if source is None:
            return {"source": ""}
        carrier = request.center_frequency + emission.carrier
        track = self._track(request.node_id, source.name, now)
        track.points.append((now, carrier))
        answer = {
            "source": source.name,
            "observations": len(track.points),
            "bandwidth_hz": round(emission.bandwidth, 1),
            "shape": round(emission.shape, 3),
        }
        reasons = [
            name
            for name, (low, high) in (("bandwidth", source.bandwidth), ("shape", source.shape))
            if not low <= getattr(emission, name) <= high
        ]
        times, carriers = np.array(track.points).T
        expected = np.full(len(times), source.frequency)
        if source.orbit is not None:
            expected += source.orbit.doppler(self._station, times, source.frequency)
        if (fit := follow(times, carriers, expected, source.max_drift)) is not None:
            answer |= {
                "misfit": round(fit.misfit, 2),
                "offset_hz": round(fit.offset, 1),
                "drift_hz_per_s": round(fit.drift, 3),
            }
            reasons += ["doppler"] if fit.misfit > self._misfit else []
            reasons += ["offset"] if abs(fit.offset) > source.tolerance else []
        return answer | {"fits": int(not reasons), "reasons": reasons}

    def _claimed(self, request: Request, emission: Emission | None) -> Source | None:
        if emission is None:
            return None
        carrier = request.center_frequency + emission.carrier
        near = [
            source
            for source in self._sources
            if abs(carrier - source.frequency) <= source.reach and source.label in (None, request.fast_label)
        ]
        return min(near, key=lambda source: abs(carrier - source.frequency), default=None)

    def _track(self, node: str, source: str, now: float) -> _Track:
        track = self._tracks.pop((node, source), None)
        if track is None or now - track.points[-1][0] > _SILENCE_S:
            track = _Track()
        self._tracks[node, source] = track
        while len(self._tracks) > _MOST_TRACKS:
            self._tracks.popitem(last=False)
        return track


def load(path: str) -> MimicHead:
    """From a JSON file: {"station": {"latitude", "longitude", "altitude"}, "false_alarm_rate": 0.01,
    "sources": [...]}, each source with `name` and `frequency`; optional `label`, `tle` (two lines), `reach`
    (default 20 ppm and the Doppler of a low orbit), `tolerance` (default 10 ppm), `max_drift` (default 0.5
    Hz/s), `bandwidth` and `shape` ([low, high]). Raises ValueError, OSError."""
    try:
        document = json.loads(Path(path).read_bytes())
        station = Station(**{key: float(value) for key, value in document["station"].items()})
        rate = float(document.get("false_alarm_rate", 0.01))
        if not 0 < rate < 1:
            raise ValueError(f"false_alarm_rate {rate:g}: expected 0 to 1")
        return MimicHead(station, [_source(item) for item in document["sources"]], rate)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else error
        raise ValueError(f"{path}: expected station and sources of the mimic head: {what}") from None


def _source(item: dict[str, Any]) -> Source:
    frequency = float(item["frequency"])
    moving = 2.6e-5 if item.get("tle") else 0.0  # 7.8 km/s
    return Source(
        name=str(item["name"]),
        frequency=frequency,
        reach=float(item.get("reach", frequency * (2e-5 + moving))),
        tolerance=float(item.get("tolerance", frequency * 1e-5)),
        max_drift=float(item.get("max_drift", 0.5)),
        label=item.get("label"),
        bandwidth=_limits(item.get("bandwidth", [0, 1e12])),
        shape=_limits(item.get("shape", [0, 1])),
        orbit=Orbit(item["tle"]) if item.get("tle") else None,
    )


def _limits(value: Sequence[float]) -> tuple[float, float]:
    low, high = (float(v) for v in value)
    if not low <= high:
        raise ValueError(f"limits {low:g} to {high:g}: expected the lower first")
    return low, high
