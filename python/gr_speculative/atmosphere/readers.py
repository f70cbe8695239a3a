# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Profiles from files: University of Wyoming text or CSV, IGRA 2, any CSV with named columns, METAR.

`read_profiles` tells the format from the contents. Whatever cannot be read raises ProfileError, which names
the file, the line where one is at fault, and what was expected.
"""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from . import refractivity as p453
from .metar import looks_like_metar, read_metar
from .profile import Profile, ProfileError

MAX_BYTES = 64 << 20
_WYOMING_TITLE = re.compile(r"(\S.*?)\s+(?:Observations )?at (\d{2})Z (\d{1,2}) (\w{3}) (\d{4})")
_SAME_GROUND_M = 5.0
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# What a CSV column may be called, before its unit; the first that is there counts.
_CSV_NAMES = {
    "time": ("time", "valid", "date"),
    "height": ("geopotential_height", "geopotential height", "height", "altitude", "hght", "gph"),
    "pressure": ("pressure", "pres"),
    "temperature": ("temperature", "temp"),
    "dewpoint": ("dew point temperature", "dewpoint", "dew_point", "dwpt"),
    "humidity": ("relative humidity", "relative_humidity", "relh", "rh"),
    "mixing": ("mixing ratio", "mixing_ratio", "mixr"),
    "vapour": ("vapour_pressure", "vapor_pressure"),
    "refractivity": ("refractivity", "n_units"),
    "modified": ("modified_refractivity", "m_units"),
}


def read_profiles(path: str | Path, elevation: float = 0.0) -> list[Profile]:
    """Every profile of a file, in its order; at least one. elevation: of a METAR station, m above sea
    level."""
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ProfileError(
                f"{path}: expected at most {MAX_BYTES >> 20} MiB: cut out the soundings that you need"
            )
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ProfileError(f"{path}: expected a profile: {error.strerror}") from None
    try:
        profiles = list(_reader(text)(text, path.stem, elevation))
    except (ProfileError, csv.Error) as error:
        raise ProfileError(f"{path}: {_one_line(str(error))}") from None
    if not profiles:
        raise ProfileError(f"{path}: no profile in it")
    return profiles


def _one_line(text: str) -> str:
    """What a file says of itself may hold anything."""
    return "".join(c if c.isprintable() else "?" for c in text)[:500]


def _reader(text: str):
    start = text.lstrip()
    if start.startswith("#") and len(start.splitlines()[0]) >= 71:
        return _igra
    if re.search(r"PRES\s+HGHT\s+TEMP\s+DWPT", text):
        return _wyoming
    first = start.splitlines()[0].lower() if start else ""
    if "," in first and any(name in first for name in _CSV_NAMES["height"]):
        return _csv
    if looks_like_metar(text):
        return read_metar
    raise ProfileError(
        "expected University of Wyoming text, IGRA 2, METAR, or CSV with a height column in its first line"
    )


def _wyoming(text: str, station: str, _: float) -> Iterator[Profile]:
    """TEXT:LIST of weather.uwyo.edu, plain or as the page's HTML: columns of seven characters."""
    title, columns, rows = None, [], []
    for line in html.unescape(re.sub(r"<[^>]*>", "\n", text)).splitlines():
        cells = [line[7 * i : 7 * i + 7].strip() for i in range(len(columns))]
        if cells and re.fullmatch(r"[\s\d.+-]*\d[\s\d.+-]*", line):
            rows.append([_number(cell) for cell in cells])
        elif match := _WYOMING_TITLE.search(line):
            title = match
        elif line.split()[:4] == ["PRES", "HGHT", "TEMP", "DWPT"]:
            if rows:
                yield _wyoming_profile(title, columns, rows, station)
            columns, rows = line.split(), []
        elif rows and line.strip(" -"):  # the station's indices follow the table
            yield _wyoming_profile(title, columns, rows, station)
            columns, rows = [], []
    if rows:
        yield _wyoming_profile(title, columns, rows, station)


def _wyoming_profile(title, columns: list[str], rows: list[list[float]], station: str) -> Profile:
    table = dict(zip(columns, np.array(rows).T, strict=True))
    vapour = p453.saturation_vapour_pressure(table["DWPT"], table["PRES"])
    time = None
    if title:
        station, hour, day, month, year = title.groups()
        time = _time(int(year), _MONTHS.index(month) + 1, int(day), int(hour)) if month in _MONTHS else None
    return Profile.from_weather(
        table["HGHT"], table["PRES"], table["TEMP"], vapour, station=station, time=time
    )


def _igra(text: str, _: str, __: float) -> Iterator[Profile]:
    """IGRA 2 sounding data (data-por, data-y2d); levels without height, temperature or humidity are left
    out."""
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        head = lines[number]
        if not head.startswith("#"):
            raise ProfileError(f"line {number + 1}: expected an IGRA header that starts with #")
        try:
            year, month, day, hour = (int(head[a:b]) for a, b in ((13, 17), (18, 20), (21, 23), (24, 26)))
            count = int(head[32:36])
        except ValueError:
            raise ProfileError(f"line {number + 1}: expected an IGRA header, found {head[:60]!r}") from None
        levels = lines[number + 1 : number + 1 + count]
        if len(levels) < count:
            raise ProfileError(f"line {number + 1}: {count} levels announced, {len(levels)} there: cut off?")
        rows = np.array([_igra_level(line, number + 2 + i) for i, line in enumerate(levels)]).reshape(-1, 4)
        number += 1 + count
        if np.count_nonzero(np.all(np.isfinite(rows), axis=1)) >= 2:  # pilot balloons measure wind only
            time = _time(year, month, day, hour if hour < 24 else 0)
            yield Profile.from_weather(*rows.T, station=head[1:12].strip(), time=time)


def _igra_level(line: str, number: int) -> list[float]:
    try:
        p, h, t, rh, depression = (
            int(line[a:b]) for a, b in ((9, 15), (16, 21), (22, 27), (28, 33), (34, 39))
        )
    except ValueError:
        raise ProfileError(f"line {number}: expected an IGRA level, found {line[:52]!r}") from None
    nan = float("nan")
    if min(p, h, t) <= -8888:  # -9999 missing, -8888 removed by quality control
        return [nan] * 4
    pressure, temperature = p / 100, t / 10
    if depression > -8888:
        vapour = p453.saturation_vapour_pressure(temperature - depression / 10, pressure)
    elif rh > -8888:
        vapour = p453.vapour_pressure(temperature, pressure, rh / 10)
    else:
        vapour = nan
    return [h, pressure, temperature, float(vapour)]


def _csv(text: str, station: str, _: float) -> Iterator[Profile]:
    """Columns by name, units after it ignored: height in m above sea level and refractivity or modified
    refractivity; or height, pressure (hPa), temperature (°C) and one of dew point (°C), relative humidity
    (%), mixing ratio (g/kg), vapour pressure (hPa). Rows of different `time` are different profiles."""
    reader = csv.reader(io.StringIO(text.lstrip("\ufeff")))
    columns = _csv_columns(next(reader))
    profiles: list[tuple[str, list[dict[str, float]]]] = []
    for row in reader:
        cells = {key: row[i].strip() if i < len(row) else "" for key, i in columns.items()}
        if not any(cells.values()):
            continue
        stamp = cells.pop("time", "")
        level = {key: _number(cell) for key, cell in cells.items()}
        # High-resolution soundings time every level: a new profile begins where the height falls back, too.
        if not profiles or (
            stamp != profiles[-1][0] and level["height"] <= profiles[-1][1][0]["height"] + _SAME_GROUND_M
        ):
            profiles.append((stamp, []))
        profiles[-1][1].append(level)
    for stamp, levels in profiles:
        table = {key: np.array([level[key] for level in levels]) for key in levels[0]}
        yield _csv_profile(table, station, _iso(stamp))


def _csv_columns(header: list[str]) -> dict[str, int]:
    bare = [re.sub(r"[_ ]?[(\[]?(hpa|°?c|degc|m|%|g/kg|utc)[)\]]?$", "", h.strip().lower()) for h in header]
    found = {}
    for key, names in _CSV_NAMES.items():
        for name in names:
            if name in bare:
                found[key] = bare.index(name)
                break
    weather = {"pressure", "temperature"} <= found.keys() and found.keys() & {
        "dewpoint",
        "humidity",
        "mixing",
        "vapour",
    }
    if "height" not in found or not (weather or found.keys() & {"refractivity", "modified"}):
        raise ProfileError(
            "expected columns height and refractivity, or height, pressure, temperature and one of dewpoint, "
            f"relative_humidity, mixing_ratio, vapour_pressure; found {', '.join(header)[:200]}"
        )
    return found


def _csv_profile(table: dict[str, np.ndarray], station: str, time: datetime | None) -> Profile:
    height = table["height"]
    if "refractivity" in table or "modified" in table:
        height = height - height[0]
        n = table.get("refractivity")
        if n is None:
            n = table["modified"] - p453.M_GRADIENT * height / 1000
        return Profile(height, n, station=station, time=time, elevation=float(table["height"][0]))
    p, t = table["pressure"], table["temperature"]
    if "vapour" in table:
        vapour = table["vapour"]
    elif "mixing" in table:
        vapour = p453.vapour_pressure_of_mixing_ratio(table["mixing"], p)
    elif "dewpoint" in table:
        vapour = p453.saturation_vapour_pressure(table["dewpoint"], p)
    else:
        vapour = p453.vapour_pressure(t, p, table["humidity"])
    return Profile.from_weather(height, p, t, vapour, station=station, time=time)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _iso(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _time(year: int, month: int, day: int, hour: int) -> datetime | None:
    try:
        return datetime(year, month, day, hour, tzinfo=UTC)
    except ValueError:
        return None
