# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""A bounded queue that serves its senders in turn."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class FairQueue(Generic[Item]):
    """First in, first out for one sender; round robin among senders; at most `capacity` items in all.

    When it is full, whoever has the most items waiting gives way, so that a flood displaces only itself.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._size = 0
        self._queues: OrderedDict[Hashable, deque[Item]] = OrderedDict()  # no empty ones; next turn first

    def __len__(self) -> int:
        return self._size

    def push(self, sender: Hashable, item: Item) -> Item | None:
        """Queues `item`. Returns the item that has no room: `item` itself, a displaced one, or None."""
        if self._size >= self._capacity:
            longest = max(self._queues, key=lambda other: len(self._queues[other]))
            if len(self._queues[longest]) <= len(self._queues.get(sender, ())) + 1:
                return item
            displaced = self._queues[longest].pop()
            self._size -= 1
        else:
            displaced = None
        self._queues.setdefault(sender, deque()).append(item)
        self._size += 1
        return displaced

    def pop(self, count: int) -> list[Item]:
        """Takes up to `count` items, one of each sender in turn."""
        items = []
        while self._queues and len(items) < count:
            sender, queue = self._queues.popitem(last=False)
            items.append(queue.popleft())
            if queue:
                self._queues[sender] = queue
        self._size -= len(items)
        return items

    def remove(self, condition: Callable[[Item], bool]) -> list[Item]:
        """Takes every item for which `condition` holds."""
        removed = []
        for sender, queue in list(self._queues.items()):
            taken = [item for item in queue if condition(item)]
            if taken:
                removed += taken
                self._queues[sender] = deque(item for item in queue if not condition(item))
                if not self._queues[sender]:
                    del self._queues[sender]
        self._size -= len(removed)
        return removed
