# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""What a hub knows of those who speak to it: credit, offences, and when it last heard of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gr_speculative.front import Message
    from gr_speculative.handshake import Hello
    from gr_speculative.lane import Lane

_DRAINED_S = 2.0  # nothing more comes of a connection that was cut off
_OFFENCES = 64  # in one second; a node that keeps to its credit commits none


@dataclass(eq=False)
class Peer:
    """One connection, by its routing id."""

    identity: bytes
    key_name: str  # of the allow-list; empty without encryption
    heard: float  # seconds, monotonic
    connection: int  # front.Message
    name: str = ""
    hello: Hello | None = None
    lane: Lane | None = None  # the model that answers it; None before a hello, and when it is refused
    in_flight: int = 0
    offences: int = 0  # of this second
    unasked: int = 0  # messages other than requests, of this second
    cut_off: bool = False  # what it had sent may still come


class Peers:
    """All peers, at most `capacity`; those silent for longer than `lease_s` are forgotten."""

    def __init__(self, capacity: int, lease_s: float) -> None:
        self._capacity, self._lease = capacity, lease_s
        self._peers: dict[bytes, Peer] = {}

    def __len__(self) -> int:
        return len(self._peers)

    def __iter__(self) -> Iterator[Peer]:
        return iter(list(self._peers.values()))

    def get(self, identity: bytes, now: float) -> Peer | None:
        """The peer of that routing id, if it is known; counts as a sign of life."""
        peer = self._peers.get(identity)
        if peer is not None:
            peer.heard = now
        return peer

    def add(self, message: Message, now: float) -> Peer | None:
        """A new peer, in the place of one that is not served if need be; None where there are too many."""
        if len(self._peers) >= self._capacity:
            idle = [peer for peer in self._peers.values() if peer.lane is None and not peer.in_flight]
            if not idle:
                return None
            self.drop(min(idle, key=lambda peer: peer.heard))
        peer = Peer(message.identity, message.key_name, now, message.connection, message.key_name)
        self._peers[message.identity] = peer
        return peer

    def drop(self, peer: Peer) -> None:
        self._peers.pop(peer.identity, None)

    def offend(self, peer: Peer) -> bool:
        """Counts an offence; True when the peer is to be cut off."""
        peer.offences += 1
        return peer.offences > _OFFENCES and not peer.cut_off

    def tidy(self, now: float) -> None:
        """Forgives offences and forgets those not heard of; to be called once a second."""
        for peer in self:
            peer.offences = peer.unasked = 0
            silence = now - peer.heard
            if silence > (_DRAINED_S if peer.cut_off else self._lease) and not peer.in_flight:
                self.drop(peer)
