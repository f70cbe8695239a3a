# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""METAR, the poor man's profile: measured at the ground, a standard atmosphere above.

Such a profile tells the refractivity at the ground and, over water, the evaporation duct. It can never show a
duct aloft, and says so (`measured_aloft` is False).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np

from . import refractivity as p453
from .profile import Profile, ProfileError

_KNOT = 0.514444  # m/s
_LAPSE = 6.5e-3  # K/m, ISO 2533
_VAPOUR_SCALE = 2000.0  # m, ITU-R P.835: vapour density falls by e
_REPORT = re.compile(
    r"\b(?P<station>[A-Z][A-Z0-9]{3}) (?P<day>\d{2})(?P<hour>\d{2})(?P<minute>\d{2})Z\b(?P<rest>[^=\n]*)"
)
_TEMPERATURES = re.compile(r"\s(M?\d{2})/(M?\d{2})\s")
_WIND = re.compile(r"\s(?:\d{3}|VRB)(\d{2,3})(?:G\d{2,3})?(KT|MPS|KMH)\b")
_PRESSURE = re.compile(r"\s(?:Q(\d{4})|A(\d{4}))\b")
_DATE = re.compile(r"(\d{4})[/-](\d{2})[/-](\d{2})")


def looks_like_metar(text: str) -> bool:
    return _REPORT.search(text.upper()) is not None


def read_metar(text: str, _: str, elevation: float) -> Iterator[Profile]:
    """One profile per report. A date line above a report (as NOAA writes it) tells the month; else the latest
    day of that number up to now is meant. Raises ProfileError."""
    text = text.upper()
    for match in _REPORT.finditer(text):
        rest = f" {match['rest']} "
        temperatures, pressure = _TEMPERATURES.search(rest), _PRESSURE.search(rest)
        if not temperatures or not pressure:
            raise ProfileError(
                f"{match['station']}: expected temperature/dew point and Q or A pressure in the METAR"
            )
        t, dew = (float(v.replace("M", "-")) for v in temperatures.groups())
        qnh = float(pressure[1]) if pressure[1] else float(pressure[2]) / 100 * 33.8639
        wind = None
        if found := _WIND.search(rest):
            wind = float(found[1]) * {"KT": _KNOT, "MPS": 1.0, "KMH": 1 / 3.6}[found[2]]
        time = _when(match, list(_DATE.finditer(text, 0, match.start())))
        yield _standard_above(match["station"], t, dew, qnh, wind, time, elevation)


def _standard_above(station, t, dew, qnh, wind, time, elevation: float) -> Profile:
    h = np.array([0.0, 100, 200, 500, 1000, 2000, 3000])
    exponent = 9.80665 / (287.053 * _LAPSE)
    ground = qnh * (1 - _LAPSE * elevation / 288.15) ** exponent
    kelvin = t + p453.KELVIN - _LAPSE * h
    pressure = ground * (kelvin / kelvin[0]) ** exponent
    vapour = float(p453.saturation_vapour_pressure(min(dew, t), ground)) * np.exp(-h / _VAPOUR_SCALE)
    vapour = vapour * kelvin / kelvin[0]
    return Profile.from_weather(
        h + elevation,
        pressure,
        kelvin - p453.KELVIN,
        vapour,
        station=station,
        wind=wind,
        time=time,
        measured_aloft=False,
    )


def _when(match: re.Match, dates: list[re.Match]) -> datetime | None:
    day, hour, minute = int(match["day"]), int(match["hour"]), int(match["minute"])
    now = datetime.now(UTC)
    try:
        start = datetime(*(int(v) for v in dates[-1].groups()), tzinfo=UTC) if dates else now
        candidates = [start - timedelta(days=back) for back in range(32)]
    except (ValueError, OverflowError):  # no such date, or the first month of all
        return None
    for candidate in candidates:
        if candidate.day == day and hour < 24 and minute < 60:
            time = candidate.replace(hour=hour, minute=minute, second=0, microsecond=0)
            if dates or time <= now + timedelta(hours=1):
                return time
    return None
