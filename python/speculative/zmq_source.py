# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The block zmq_source: the samples that another flowgraph's ZMQ PUB sink sends, with what was lost on the way."""

from __future__ import annotations

import logging
import struct
import time

import numpy as np
import pmt
import zmq
from gnuradio import gr

log = logging.getLogger(__name__)

_PATIENCE_S = 0.2  # of one call to work
_SILENCE_S = 10.0  # without samples, before that is said
_MAX_QUEUED = 256  # messages
_HEADER = struct.Struct("<3sQQ")  # gr-zeromq's: magic and version, offset of the first item, number of tags
_MAGIC = b"\xf0\x5f\x01"
_FORGET_S = 3600.0  # more lost than this: the sender has started anew


class zmq_source(gr.sync_block):
    """Complex samples from a gr-zeromq PUB sink (item type complex, any vector length).

    Where the sink passes tags, they come out again, and its count of samples tells what ZeroMQ dropped: that many
    NaN come out instead, so that a classifier counts their vectors as invalid and dates the others right.
    Without tags nobody can know of a loss.

    endpoint: where the sink listens, such as tcp://192.168.1.7:5556
    sample_rate: Hz

    `losses` counts gaps. Raises ValueError for what is no endpoint.
    """

    at_end = False  # a sink that went may come again

    def __init__(self, endpoint: str, sample_rate: float) -> None:
        gr.sync_block.__init__(self, "zmq_source", in_sig=None, out_sig=[np.complex64])
        self._endpoint, self._rate = endpoint, sample_rate
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.set(zmq.RCVHWM, _MAX_QUEUED)
        self._socket.set(zmq.SUBSCRIBE, b"")
        try:
            self._socket.connect(endpoint)
        except zmq.ZMQError as error:
            self._context.destroy(0)
            raise ValueError(f"{endpoint!r}: {error}; an endpoint looks like tcp://host:5556") from None
        self._samples = np.empty(0, np.complex64)  # of the message that is being given
        self._tags: list[tuple[int, pmt.pmt_base, pmt.pmt_base]] = []  # index in _samples, key, value
        self._tagged: bool | None = None  # whether the sink passes tags, once the first message tells
        self._missing = 0  # NaN to give before them
        self._expected: int | None = None  # the sender's count at the next message
        self._heard: float | None = time.monotonic()  # None: silence has been told
        self.losses = 0

    def stop(self) -> bool:
        self._context.destroy(0)
        return True

    def work(self, input_items: list[np.ndarray], output_items: list[np.ndarray]) -> int:
        out = output_items[0]
        try:
            if self._missing == 0 and len(self._samples) == 0 and not self._receive():
                return 0
        except (
            ValueError,
            RuntimeError,
            struct.error,
        ) as error:  # of numpy, pmt and struct, on what is no stream
            log.error(
                "%s sends no complex samples: set its PUB sink's type to complex (%s)", self._endpoint, error
            )
            return -1  # WORK_DONE
        if self._missing:
            n = min(self._missing, len(out))
            out[:n] = np.nan
            self._missing -= n
            return n
        n = min(len(self._samples), len(out))
        out[:n] = self._samples[:n]
        for index, key, value in self._tags:
            if index < n:
                self.add_item_tag(0, self.nitems_written(0) + index, key, value)
        self._tags = [(index - n, key, value) for index, key, value in self._tags if index >= n]
        self._samples = self._samples[n:]
        return n

    def _receive(self) -> bool:
        """Takes the next message, within the patience of a call."""
        if not self._socket.poll(round(_PATIENCE_S * 1e3)):
            if self._heard is not None and time.monotonic() > self._heard + _SILENCE_S:
                log.warning("no samples from %s: does a ZMQ PUB sink listen there?", self._endpoint)
                self._heard = None
            return False
        self._heard = time.monotonic()
        message = self._socket.recv_multipart()[-1]  # a key, if there is one, comes first
        if self._tagged is None:
            self._tagged = message[: len(_MAGIC)] == _MAGIC
        samples_at = self._read_header(message) if self._tagged else 0
        self._samples = np.frombuffer(
            message, np.complex64, offset=samples_at
        )  # ValueError: no whole samples
        if self._expected is not None:
            self._expected += len(self._samples)
        return True

    def _read_header(self, message: bytes) -> int:
        """Notes tags and losses; where the samples begin."""
        magic, offset, count = _HEADER.unpack_from(message)
        if magic != _MAGIC:
            raise ValueError("a header is missing")
        self._note_loss(offset)
        self._expected = offset
        at, self._tags = _HEADER.size, []
        for _ in range(count):
            (where,) = struct.unpack_from("<Q", message, at)
            at += 8
            parts = []
            for _ in ("key", "value", "source"):
                parts.append(pmt.deserialize_str(message[at:]))
                at += len(pmt.serialize_str(parts[-1]))
            self._tags.append((where - offset, parts[0], parts[1]))
        return at

    def _note_loss(self, offset: int) -> None:
        if self._expected is None or offset == self._expected:
            return
        self.losses += 1
        lost = offset - self._expected
        # A sender that has started anew: nobody knows for how long it was away.
        self._missing = lost if 0 < lost < _FORGET_S * self._rate else 1
