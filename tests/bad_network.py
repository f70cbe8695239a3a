# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""A network of two ends, ours and one in a namespace, whose every packet a thread here carries or loses.

As tc's netem would, but with nothing that the kernel might lack: the ends are TUN devices.
"""

import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import threading
import time

_TUNSETIFF, _TUN_NO_HEADER = 0x400454CA, 0x1001
OURS, THEIRS = "198.51.100.1", "198.51.100.2"


class Unavailable(Exception):
    """There can be no such network here; the text says why."""


class BadNetwork:
    """While entered, THEIRS can be reached from here; `inside` begins commands that run there.

    loss: share of packets lost each way. delay_s: of each packet each way. Both may be set at any time.
    """

    def __init__(self) -> None:
        self.loss, self.delay_s = 0.0, 0.0
        self._space = f"speculative-{os.getpid()}"
        self.inside = ("ip", "netns", "exec", self._space)
        self._random = random.Random(1)
        self._stopping = threading.Event()

    def __enter__(self) -> "BadNetwork":
        if os.geteuid():
            raise Unavailable("needs root")
        try:
            _ip("netns", "add", self._space)
            self._files = [_tun(f"ta{os.getpid()}"), _tun(f"tb{os.getpid()}")]
            _ip("link", "set", f"tb{os.getpid()}", "netns", self._space)
            for where, name, own, other in (
                ((), f"ta{os.getpid()}", OURS, THEIRS),
                (("-n", self._space), f"tb{os.getpid()}", THEIRS, OURS),
            ):
                _ip(*where, "addr", "add", own, "peer", other, "dev", name)
                _ip(*where, "link", "set", name, "up")
        except (OSError, subprocess.CalledProcessError) as error:
            raise Unavailable(f"no namespaces or TUN devices: {error}") from None
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        for file in self._files:
            os.close(file)
        _ip("netns", "del", self._space)

    def _carry(self) -> None:
        on_the_way: list[tuple[float, int, int, bytes]] = []
        count = 0
        while not self._stopping.is_set():
            wait = min(on_the_way[0][0] - time.monotonic(), 0.1) if on_the_way else 0.1
            for file in select.select(self._files, [], [], max(wait, 0))[0]:
                packet = os.read(file, 65_536)
                if self._random.random() >= self.loss:
                    other = self._files[1 - self._files.index(file)]
                    count += 1
                    heapq.heappush(on_the_way, (time.monotonic() + self.delay_s, count, other, packet))
            while on_the_way and on_the_way[0][0] <= time.monotonic():
                _, _, file, packet = heapq.heappop(on_the_way)
                os.write(file, packet)


def _tun(name: str) -> int:
    file = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(file, _TUNSETIFF, struct.pack("16sH", name.encode(), _TUN_NO_HEADER))
    return file


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
