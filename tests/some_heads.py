# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Heads for tests."""


class Loudness:
    name = "loudness"
    outputs = {"peak": "dB", "node": "who asked", "top": "the three largest scores"}

    def __init__(self, offset: str = "0"):
        self.offset = float(offset)

    def answer(self, requests, db, scores):
        return [
            {
                "peak": float(d.max()) + self.offset,
                "node": f"{r.node_id} {r.fast_label} {r.center_frequency:g}",
                "top": [round(float(v), 3) for v in sorted(s)[-3:]],
            }
            for r, d, s in zip(requests, db, scores, strict=True)
        ]


class Saying:
    """Answers what it is told to, or raises it."""

    outputs = {"value": "anything"}

    def __init__(self, value, name="saying"):
        self.name, self.value = name, value

    def answer(self, requests, db, scores):
        if isinstance(self.value, Exception):
            raise self.value
        return [self.value for _ in requests]


def failing():
    return Saying(RuntimeError("out of luck"))


def undeclared():
    return Saying({"other": 1.0})


def not_finite():
    return Saying({"value": float("nan")})


def too_few():
    head = Saying({})
    head.answer = lambda requests, db, scores: []
    return head


def nameless():
    return Saying({}, name="No Name")
