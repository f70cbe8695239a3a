# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""A bounded queue that serves its senders in turn, and of each the most urgent item first."""

from __future__ import annotations

import bisect
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar


class Urgent(Protocol):
    deadline: float


Item = TypeVar("Item", bound=Urgent)


class FairQueue(Generic[Item]):
    """Earliest `deadline` first for one sender; round robin among senders; at most `capacity` items in all.

    When it is full, whoever has the most items waiting gives way, so that a flood displaces only itself.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._size = 0
        self._queues: OrderedDict[Hashable, list[Item]] = OrderedDict()  # no empty ones; next turn first

    def __len__(self) -> int:
        return self._size

    def senders(self) -> int:
        """How many senders have items waiting."""
        return len(self._queues)

    def waiting(self, sender: Hashable) -> int:
        """How many items of `sender` wait."""
        return len(self._queues.get(sender, ()))

    def push(self, sender: Hashable, item: Item) -> Item | None:
        """Queues `item`. Returns the item that has no room: `item` itself, a displaced one, or None."""
        displaced = None
        if self._size >= self._capacity:
            longest = max(self._queues, key=lambda other: len(self._queues[other]))
            if len(self._queues[longest]) <= len(self._queues.get(sender, ())) + 1:
                return item
            displaced = self._queues[longest].pop()
            self._size -= 1
        bisect.insort(self._queues.setdefault(sender, []), item, key=lambda other: other.deadline)
        self._size += 1
        return displaced

    def pop(self, count: int) -> list[Item]:
        """Takes up to `count` items, one of each sender in turn."""
        items = []
        while self._queues and len(items) < count:
            sender, queue = self._queues.popitem(last=False)
            items.append(queue.pop(0))
            if queue:
                self._queues[sender] = queue
        self._size -= len(items)
        return items

    def expire(self, now: float) -> list[Item]:
        """Takes every item whose deadline is not after `now`."""
        removed = []
        for sender, queue in list(self._queues.items()):
            if queue[0].deadline <= now:
                late = bisect.bisect_right(queue, now, key=lambda item: item.deadline)
                removed += queue[:late]
                self._keep(sender, queue[late:])
        self._size -= len(removed)
        return removed

    def remove(self, sender: Hashable) -> list[Item]:
        """Takes every item of `sender`."""
        items = self._queues.pop(sender, [])
        self._size -= len(items)
        return items

    def _keep(self, sender: Hashable, items: list[Item]) -> None:
        if items:
            self._queues[sender] = items
        else:
            del self._queues[sender]
