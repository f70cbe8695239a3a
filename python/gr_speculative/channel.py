# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""A channel between two processes of one machine that speak in turn: JSON over a socket pair, arrays through
memory that both see.

A socket would hand a batch over in small pieces, and wake the other side for each of them.
"""

from __future__ import annotations

import json
import mmap
import os
import socket
import struct
import tempfile
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np

_LENGTHS = struct.Struct("<IQ")  # of the header, which follows, and of the body, in memory


def shared_memory() -> BinaryIO:
    """Memory for a channel, as a file without a name; it grows as needed."""
    if hasattr(os, "memfd_create"):  # Linux: no disk that could be full
        return open(os.memfd_create("gr-speculative"), "r+b", buffering=0)
    return tempfile.TemporaryFile(buffering=0)


class Channel:
    """One end, which owns the connected socket and the memory.

    Whoever sends last writes the memory; so each side must have received before it sends again.
    """

    def __init__(self, connection: socket.socket, memory: BinaryIO) -> None:
        self._socket, self._memory = connection, memory
        self._map: mmap.mmap | bytes = b""

    def send(self, header: dict[str, Any], body: Sequence[np.ndarray] = ()) -> None:
        """Raises OSError."""
        size = sum(part.nbytes for part in body)
        if size > len(self._map):
            self._memory.truncate(size)
            self._map = mmap.mmap(self._memory.fileno(), size)
        start = 0
        for part in body:
            stop = start + part.nbytes
            self._map[start:stop] = memoryview(part).cast("B")
            start = stop
        text = json.dumps(header).encode()
        self._socket.sendall(_LENGTHS.pack(len(text), size) + text)

    def receive(self, timeout_s: float | None = None) -> tuple[dict[str, Any], bytes]:
        """Header and body. Raises TimeoutError where the other side is silent for so long, or another OSError."""
        self._socket.settimeout(timeout_s)
        header, size = _LENGTHS.unpack(self._exactly(_LENGTHS.size))
        text = self._exactly(header)
        if size > len(self._map):
            self._map = mmap.mmap(self._memory.fileno(), size)
        return json.loads(text), self._map[:size]

    def close(self) -> None:
        self._socket.close()
        self._memory.close()

    def _exactly(self, count: int) -> bytearray:
        data = bytearray(count)
        view = memoryview(data)
        while view:
            received = self._socket.recv_into(view)
            if not received:
                raise ConnectionResetError("the other side has closed")
            view = view[received:]
        return data
