# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The block atmosphere_source: radio propagation from the weather, as messages."""

from __future__ import annotations

import logging
import math
import threading
import time

import pmt
from gnuradio import gr

from gr_speculative.atmosphere.conditions import Conditions, ConditionsSource
from gr_speculative.atmosphere.profile import ProfileError
from gr_speculative.atmosphere.watch import ProfileSchedule, ProfileWatch

log = logging.getLogger(__name__)

_CONDITIONS = pmt.intern("conditions")
_POLL_S = 0.5  # how soon a new file is noticed
_STOP_S = 2.0


class atmosphere_source(gr.basic_block):
    """Publishes `conditions` (docs/protocol.md) from profiles of the atmosphere, on a thread of its own.

    Message port out: `conditions`, every `interval` seconds and at once when a new profile appears. While
    there is no readable profile that is recent enough, nothing is published, so that the last statement
    expires; why, is logged once.

    profile: a file (University of Wyoming text or CSV, IGRA 2, CSV, METAR), or a folder whose newest file
    counts. frequency: Hz; ducts that do not trap it do not count. interval: seconds, 0.01 to 86400. replay:
    play the file's (folder's) profiles one an interval, over and over, instead of watching for the newest.
    water_temperature: °C of the sea on the path, adds the evaporation duct; NaN: no sea. environment: of
    man-made noise: city, residential, rural or quiet_rural. elevation: of a METAR station, m above sea level.
    max_age: hours that a profile is good for (not in replay). alert_on, alert_off: strength of a duct,
    M-units, at which the alert is raised and below which it is cleared.

    Raises ValueError for a value out of range or, in replay, for profiles that cannot be read.
    """

    def __init__(
        self,
        profile: str,
        frequency: float,
        interval: float = 60.0,
        replay: bool = False,
        water_temperature: float = math.nan,
        environment: str = "rural",
        elevation: float = 0.0,
        max_age: float = 24.0,
        alert_on: float = 6.0,
        alert_off: float = 3.0,
    ) -> None:
        gr.basic_block.__init__(self, name="atmosphere_source", in_sig=None, out_sig=None)
        if not 0.01 <= interval <= 86400:
            raise ValueError(f"interval is {interval:g}, expected 0.01 to 86400 seconds")
        water = None if math.isnan(water_temperature) else water_temperature
        self._source = ConditionsSource(frequency, environment, water, alert_on, alert_off)
        self._watch = None if replay else ProfileWatch(profile, max_age, elevation)
        self._schedule = iter(ProfileSchedule(profile, elevation)) if replay else None
        self._interval = interval
        self.message_port_register_out(_CONDITIONS)

    def start(self) -> bool:
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="atmosphere_source", daemon=True)
        self._thread.start()
        return True

    def stop(self) -> bool:
        self._stopping.set()
        self._thread.join(_STOP_S)
        return True

    def _serve(self) -> None:
        due = time.monotonic()
        while not self._stopping.is_set():
            now = time.monotonic()
            profile, new = self._next(now >= due)
            if profile is not None and (new or now >= due):
                self._publish(self._source.assess(profile))
            if now >= due or new:
                due = now + self._interval
            wait = due - time.monotonic()
            self._stopping.wait(max(wait if self._schedule else min(_POLL_S, wait), 0))

    def _next(self, due: bool):
        if self._schedule is not None:
            return (next(self._schedule), True) if due else (None, False)
        try:
            return self._watch.poll()
        except (ProfileError, OSError) as error:
            log.warning("atmosphere_source: %s", error)
            return None, False

    def _publish(self, conditions: Conditions) -> None:
        if conditions.alert:
            log.warning(
                "atmosphere_source: duct alert %s: %.1f M-units, %s",
                conditions.alert,
                conditions.strength,
                conditions.station,
            )
        meta = pmt.make_dict()
        for key, value in conditions.message().items():
            meta = pmt.dict_add(meta, pmt.intern(key), _pmt(value))
        self.message_port_pub(_CONDITIONS, pmt.cons(meta, pmt.make_u8vector(0, 0)))


def _pmt(value: float | bool | str) -> pmt.pmt_base:
    if isinstance(value, bool):
        return pmt.from_bool(value)
    return pmt.intern(value) if isinstance(value, str) else pmt.from_double(value)
