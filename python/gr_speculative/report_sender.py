# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""A node's results and counters to its hub, from a thread of its own (docs/protocol.md, `report`)."""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import zmq

from gr_speculative.keys import read_key
from gr_speculative.node_report import MAX_RECORDS, RESULT_FIELDS, Report, encode_report
from gr_speculative.wire import WireError

_INTERVAL_S = 0.1  # between two reports: half of what the hub puts up with
_TELEMETRY_EVERY = 10  # reports
_WAITING = 20_000  # results that wait for a hub; the oldest give way
_BYTES = 400  # that a result takes, at most about
_HEARTBEAT_MS = 2_000
_LAST_MS = 500  # that the end waits for the hub


class ReportSender:
    """While entered, sends what `add` is given; nothing here waits for the hub.

    endpoint: the hub's. node_id: this node's name. telemetry: called once a second, for numbers by name.
    key, hub_key: key files of `gr-speculative keys`, both empty: plaintext. Raises KeyFileError.
    Results wait for a hub that is not there, and where there are more than some 1600 a second; the oldest of
    too many are left out, and `omitted` counts them.
    """

    def __init__(
        self,
        endpoint: str,
        node_id: str,
        telemetry: Callable[[], dict[str, float]],
        key: str = "",
        hub_key: str = "",
    ) -> None:
        self.omitted = 0
        self._node_id, self._telemetry = node_id, telemetry
        self._session = secrets.randbits(64)
        self._waiting: deque[dict[str, Any]] = deque(maxlen=_WAITING)
        self._stopping = threading.Event()
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        for option, value in {
            zmq.LINGER: 200,
            zmq.IMMEDIATE: 1,
            zmq.SNDHWM: 10,
            zmq.RCVHWM: 0,  # with heartbeats, none: docs/protocol.md
            zmq.HEARTBEAT_IVL: _HEARTBEAT_MS // 2,
            zmq.HEARTBEAT_TIMEOUT: _HEARTBEAT_MS,
        }.items():
            self._socket.setsockopt(option, value)
        if key:
            self._socket.curve_secretkey = secret = read_key(key)
            self._socket.curve_publickey = zmq.curve_public(secret)
            self._socket.curve_serverkey = read_key(hub_key)
        self._socket.connect(endpoint)
        self._thread = threading.Thread(target=self._run, name="report", daemon=True)

    def add(self, result: dict[str, Any]) -> None:
        """A result as on the port `results`. Any thread."""
        if len(self._waiting) == _WAITING:
            self.omitted += 1
        self._waiting.append(result)

    def __enter__(self) -> ReportSender:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(5.0)

    def _run(self) -> None:
        number = 0
        while not self._stopping.wait(_INTERVAL_S):
            self._report(with_telemetry=number % _TELEMETRY_EVERY == 0)
            number += 1
        while self._socket.poll(_LAST_MS, zmq.POLLOUT) and self._waiting:
            self._report(with_telemetry=False)
        self._report(with_telemetry=True)
        self.omitted += len(self._waiting)
        self._socket.close()
        self._context.term()

    def _report(self, with_telemetry: bool) -> None:
        if not self._socket.poll(0, zmq.POLLOUT):  # no hub, or a slow one
            return
        count = min(len(self._waiting), MAX_RECORDS, 65_536 // _BYTES)
        results = [_plain(self._waiting.popleft()) for _ in range(count)]
        if not results and not with_telemetry:
            return
        telemetry = self._telemetry() if with_telemetry else None
        try:
            frames = encode_report(Report(self._node_id, self._session, results, telemetry, self.omitted))
            self._socket.send_multipart(frames, zmq.NOBLOCK)
        except (WireError, zmq.Again):  # a result that the protocol does not know; the hub went just now
            self.omitted += count


def _plain(result: dict[str, Any]) -> dict[str, Any]:
    return {key: result[key] for key in RESULT_FIELDS if key in result}
