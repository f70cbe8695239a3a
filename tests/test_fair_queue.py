# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The hub's queue against a plain model of it."""

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from gr_speculative.fair_queue import FairQueue


class Item(NamedTuple):
    deadline: float
    serial: int
    sender: int


steps = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 9), st.sampled_from(["pop", "expire", "remove"])), max_size=60
)


@given(st.integers(1, 6), steps, st.integers(1, 4))
def test_it_keeps_its_bound_its_order_and_every_item(capacity, steps, taken):
    fair, kept = FairQueue(capacity), []
    for serial, (sender, deadline, then) in enumerate(steps):
        item = Item(deadline, serial, sender)
        displaced = fair.push(sender, item)
        kept.append(item)
        if displaced is not None:
            kept.remove(displaced)
        assert len(fair) == len(kept) <= capacity
        assert fair.senders() == len({item.sender for item in kept})
        assert fair.waiting(sender) == sum(item.sender == sender for item in kept)
        if then == "expire":
            out = fair.expire(deadline - 1)
            assert sorted(out) == sorted(item for item in kept if item.deadline <= deadline - 1)
        elif then == "remove":
            out = fair.remove(sender)
            assert out == sorted(item for item in kept if item.sender == sender)
        else:
            waiting = {item.sender for item in kept}
            out = fair.pop(taken)
            assert len(out) == min(taken, len(kept))
            assert len({item.sender for item in out[: len(waiting)]}) == min(taken, len(waiting))
            for item in out:  # the most urgent of its sender, the older of two
                assert item == min(other for other in kept if other.sender == item.sender)
                kept.remove(item)
            out = []
        kept = [item for item in kept if item not in out]
    assert sorted(fair.pop(capacity)) == sorted(kept)


def test_the_longest_queue_gives_way_and_its_least_urgent_item_first():
    fair = FairQueue(3)
    greedy = [Item(deadline, deadline, 0) for deadline in (5, 9, 7)]
    assert [fair.push(0, item) for item in greedy] == [None] * 3
    assert fair.push(1, Item(1, 3, 1)) == Item(9, 9, 0)
    assert fair.push(0, Item(2, 4, 0)) == Item(2, 4, 0)
    assert fair.pop(3) == [Item(5, 5, 0), Item(1, 3, 1), Item(7, 7, 0)]
