# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""`gr-speculative atmosphere`: what a profile means for radio waves, as a table, JSON and a picture."""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from .conditions import ENVIRONMENTS, Conditions, ConditionsSource
from .profile import Profile
from .readers import read_profiles
from .refractivity import refraction_class


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `atmosphere`."""
    add = parser.add_argument
    add(
        "profile",
        type=Path,
        help="University of Wyoming text or CSV, IGRA 2, CSV with named columns, or METAR",
    )
    add("--all", action="store_true", help="every profile of the file, in order; default: the last")
    add("--at", metavar="TIME", help="instead: the profile nearest to this ISO 8601 time (UTC)")
    add("--frequency", type=float, default=900e6, metavar="HZ", help="of interest, default 900e6")
    add(
        "--environment",
        choices=sorted(ENVIRONMENTS),
        default="rural",
        help="man-made noise, default %(default)s",
    )
    add(
        "--water-temperature",
        type=float,
        metavar="C",
        help="°C; adds the evaporation duct where the wind is known",
    )
    add(
        "--elevation",
        type=float,
        default=0.0,
        metavar="M",
        help="of a METAR station above sea level, default 0",
    )
    add(
        "--antenna",
        type=float,
        default=30.0,
        metavar="M",
        help="height of the picture's rays, default %(default)g",
    )
    add("--range", type=float, default=150e3, metavar="M", help="of the picture's rays, default 150e3")
    add("--json", action="store_true", help="one JSON object per profile instead of tables")
    add(
        "--plot",
        type=Path,
        metavar="PNG",
        help="write the M-profile and rays; with --all of the last profile",
    )


def run(args: argparse.Namespace) -> int:
    """Prints what the profiles say."""
    profiles = _chosen(read_profiles(args.profile, args.elevation), args)
    source = ConditionsSource(args.frequency, args.environment, args.water_temperature)
    for profile in profiles:
        conditions = source.assess(profile)
        print(
            json.dumps(_document(profile, conditions))
            if args.json
            else _table(profile, conditions, args.frequency)
        )
    if args.plot:
        from .picture import draw  # matplotlib, which a node need not have

        draw(args.plot, profiles[-1], conditions, antenna=args.antenna, max_range=args.range)
        if not args.json:
            print(f"  picture in {args.plot}")
    return 0


def _chosen(profiles: list[Profile], args: argparse.Namespace) -> list[Profile]:
    if args.at:
        try:
            at = datetime.fromisoformat(args.at)
        except ValueError:
            raise ValueError(f"--at {args.at}: expected a time such as 2024-06-01T12:00") from None
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
        timed = [profile for profile in profiles if profile.time is not None]
        if not timed:
            raise ValueError(f"--at {args.at}: no profile of {args.profile} tells its time")
        return [min(timed, key=lambda profile: abs(profile.time - at))]
    return profiles if args.all else profiles[-1:]


def _document(profile: Profile, conditions: Conditions) -> dict:
    message = conditions.message()
    ducts = [
        {k: None if isinstance(v, float) and math.isinf(v) else v for k, v in asdict(duct).items()}
        | {"thickness": duct.thickness, "critical_angle": duct.critical_angle}
        for duct in conditions.ducts
    ]
    surface = {
        "surface_refractivity": float(profile.refractivity[0]),
        "measured_aloft": profile.measured_aloft,
    }
    return message | surface | {"ducts": ducts}


def _table(profile: Profile, conditions: Conditions, frequency: float) -> str:
    refraction = refraction_class(conditions.gradient)
    lines = [
        profile.describe(),
        f"  levels                 {len(profile.height)} up to {profile.height[-1]:,.0f} m above ground"
        + ("" if profile.measured_aloft else " (only the ground is measured: no duct aloft can be seen)"),
        f"  surface refractivity   {profile.refractivity[0]:.1f} N",
        f"  gradient, lowest km    {conditions.gradient:+.1f} N/km, {refraction} refraction",
        f"  propagation quality    {conditions.quality:.2f}",
        f"  noise level            {conditions.noise_level:.1f} dB over kTB at {frequency / 1e6:g} MHz",
        f"  duct alert             {'standing' if conditions.duct else 'none'}"
        + (f" ({conditions.alert})" if conditions.alert else ""),
    ]
    if conditions.ducts:
        lines.append("  duct           base     top   thickness  strength  critical angle  traps from")
    for d in conditions.ducts:
        reach = "" if d.min_frequency <= frequency else "  (above the frequency of interest)"
        lines.append(
            f"  {d.kind:<13}{d.base:>6.0f} {d.top:>7.0f} m{d.thickness:>9.0f} m{d.strength:>8.1f} M"
            f"{d.critical_angle:>14.2f}°{d.min_frequency / 1e6:>12,.0f} MHz{reach}"
        )
    return "\n".join(lines if conditions.ducts else [*lines, "  no ducts"])
