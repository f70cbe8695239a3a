# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""From profiles to `conditions` (docs/protocol.md): what a node is told about the propagation of the hour.

Quality is a convention, not a law: 1 in the atmosphere that radio horizons assume, less the more the mean
gradient of the lowest kilometre G (N-units per km) differs from -40, and the stronger a duct that traps the
frequency:

    quality = (1 - min(1, |G + 40| / 117)) · 10 / (10 + S)

117 leads from -40 to the -157 that follows the Earth; S, M-units, is the strongest such duct (0 without one).
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from .ducts import Duct, find_ducts
from .evaporation import evaporation_duct
from .profile import Profile
from .refractivity import refraction_class

SCHEMA = "speculative.conditions/1"
STANDARD_GRADIENT = -40.0  # N-units per km
_GRADIENT_SPAN = 117.0
_DUCT_SCALE = 10.0  # M-units
# Man-made noise by environment, ITU-R P.372: median external noise figure Fa = c - d log10(f / MHz), dB.
ENVIRONMENTS = {
    "city": (76.8, 27.7),
    "residential": (72.5, 27.7),
    "rural": (67.2, 27.7),
    "quiet_rural": (53.6, 28.6),
}
_GALACTIC = (52.0, 23.0)


@dataclass(frozen=True)
class Conditions:
    """One statement. quality: 0..1. noise_level: expected external noise, dB above k·290 K·bandwidth.
    duct: whether a duct alert stands. alert: `raised` or `cleared` where it has just changed, else empty.
    strength: of the strongest duct that traps the frequency, M-units. gradient: dN/dh, N-units per km."""

    quality: float
    duct: bool
    noise_level: float
    timestamp: float  # seconds since 1970, UTC: when this was stated
    alert: str
    strength: float
    gradient: float
    ducts: tuple[Duct, ...]
    station: str
    profile_time: float | None  # seconds since 1970, UTC

    def message(self) -> dict[str, float | bool | str]:
        """The keys of the `conditions` message."""
        message = {
            "schema": SCHEMA,
            "propagation_quality": self.quality,
            "tropospheric_duct_present": self.duct,
            "noise_level": self.noise_level,
            "timestamp": self.timestamp,
            "duct_strength": self.strength,
            "refractivity_gradient": self.gradient,
            "refraction": refraction_class(self.gradient),
        }
        optional = {"alert": self.alert, "station": self.station, "profile_time": self.profile_time}
        return message | {key: value for key, value in optional.items() if value not in ("", None)}


class DuctAlert:
    """Raised once when the strength reaches `on` M-units, cleared once when it falls below `off`.

    Between the two it stays as it is, so that a duct about as strong as a threshold does not ring at every
    sounding.
    """

    def __init__(self, on: float = 6.0, off: float = 3.0) -> None:
        if not 0 < off < on < math.inf:
            raise ValueError(f"duct alert on at {on:g}, off at {off:g} M-units: expected 0 < off < on")
        self._on, self._off = on, off
        self.standing = False

    def update(self, strength: float) -> str:
        """`raised`, `cleared`, or empty where nothing changed."""
        if not self.standing and strength >= self._on:
            self.standing = True
            return "raised"
        if self.standing and strength < self._off:
            self.standing = False
            return "cleared"
        return ""


class ConditionsSource:
    """Turns profiles into conditions for one receiver.

    frequency: Hz; ducts that do not trap it do not count. environment: a key of ENVIRONMENTS.
    water_temperature: °C, where the path is over sea: adds the evaporation duct of profiles whose wind is
    known. alert_on, alert_off: M-units, see DuctAlert. Raises ValueError.
    """

    def __init__(
        self,
        frequency: float,
        environment: str = "rural",
        water_temperature: float | None = None,
        alert_on: float = 6.0,
        alert_off: float = 3.0,
    ) -> None:
        if not 1e6 <= frequency <= 1e12:
            raise ValueError(f"frequency is {frequency:g} Hz, expected 1e6 to 1e12")
        self._frequency = frequency
        self._noise = noise_level(frequency, environment)
        self._water = water_temperature
        self._alert = DuctAlert(alert_on, alert_off)

    def assess(self, profile: Profile) -> Conditions:
        """The conditions of a profile, stated now; moves the alert."""
        ducts = all_ducts(profile, self._water)
        strength = max((d.strength for d in ducts if d.min_frequency <= self._frequency), default=0.0)
        gradient = profile.gradient()
        alert = self._alert.update(strength)
        return Conditions(
            quality=propagation_quality(gradient, strength),
            duct=self._alert.standing,
            noise_level=self._noise,
            timestamp=time.time(),
            alert=alert,
            strength=strength,
            gradient=gradient,
            ducts=tuple(ducts),
            station=profile.station,
            profile_time=profile.time.timestamp() if profile.time else None,
        )


def all_ducts(profile: Profile, water_temperature: float | None = None) -> list[Duct]:
    """Ducts of the profile, and before them the evaporation duct where wind and water temperature are
    known."""
    ducts = find_ducts(profile)
    if water_temperature is not None and profile.surface is not None and profile.surface.wind is not None:
        evaporation = evaporation_duct(profile.surface, water_temperature)
        ducts = ([evaporation] if evaporation else []) + ducts
    return ducts


def propagation_quality(gradient: float, strength: float) -> float:
    """0..1, the formula at the top. gradient: N-units per km; strength: M-units."""
    anomaly = min(1.0, abs(gradient - STANDARD_GRADIENT) / _GRADIENT_SPAN)
    return (1 - anomaly) * _DUCT_SCALE / (_DUCT_SCALE + strength)


def noise_level(frequency: float, environment: str) -> float:
    """Man-made and galactic noise, dB above k·290 K·bandwidth; ITU-R P.372 measured up to 250 MHz only."""
    if environment not in ENVIRONMENTS:
        raise ValueError(f"environment {environment!r}: expected one of {', '.join(ENVIRONMENTS)}")
    f = math.log10(frequency / 1e6)
    return 10 * math.log10(sum(10 ** ((c - d * f) / 10) for c, d in (ENVIRONMENTS[environment], _GALACTIC)))
