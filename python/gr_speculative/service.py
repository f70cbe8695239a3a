# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""What systemd wants to hear of a service (sd_notify(3)); outside systemd all of this does nothing."""

from __future__ import annotations

import contextlib
import os
import socket
import time


def notify(state: str) -> None:
    """Sends `READY=1`, `WATCHDOG=1`, `RELOADING=1`, … to the service manager, if there is one."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):  # Linux's abstract namespace
        address = "\0" + address[1:]
    with (
        contextlib.suppress(OSError),  # its loss must not be ours
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager,
    ):
        manager.sendto(state.encode(), address)


class Watchdog:
    """Tells the service manager that this process goes on, about once a second if asked often enough."""

    def __init__(self) -> None:
        self._due = 0.0

    def beat(self) -> None:
        if (now := time.monotonic()) >= self._due:
            self._due = now + 1.0
            notify("WATCHDOG=1")
