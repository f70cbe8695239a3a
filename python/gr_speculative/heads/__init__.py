# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Heads: further answers of the slow side to the same request, beside the class (docs/heads.md).

A head is loaded by `module:factory`, or `module:factory=ARGUMENT` where the factory takes one text. It sees
what the slow model sees and what that said, and answers with the outputs that it declares. A head that fails
costs its own answer only.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from gr_speculative.rate_limited import RateLimitedWarning
from gr_speculative.wire import HEAD_NAME, HeadAnswer, Request, check_heads, printable

log = logging.getLogger(__name__)


class Head(Protocol):
    """What is asked of a head. name: lower-case letters, digits and underscores. outputs: of each output, its
    meaning and unit."""

    name: str
    outputs: dict[str, str]

    def answer(self, requests: Sequence[Request], db: np.ndarray, scores: np.ndarray) -> Sequence[HeadAnswer]:
        """One answer a request, from output to a finite number, a text, or a list of at most 64 of them.

        db: float32 [B, K, N], decibels, oldest vector first; scores: float32 [B, C], the slow model's.
        """


class HeadError(ValueError):
    """A head cannot be loaded; the message names it and what was expected."""


class Heads:
    """The heads of one server, asked together.

    specifications: `module:factory` or `module:factory=ARGUMENT` each. Raises HeadError.
    """

    def __init__(self, specifications: Sequence[str] = ()) -> None:
        self._heads = [_load(text) for text in specifications]
        names = [head.name for head in self._heads]
        if len(set(names)) < len(names):
            raise HeadError(f"heads {', '.join(names)}: expected names that differ")
        self._warn = RateLimitedWarning(log)

    def __len__(self) -> int:
        return len(self._heads)

    def declared(self) -> dict[str, dict[str, str]]:
        """Of each head its outputs with their meaning."""
        return {head.name: dict(head.outputs) for head in self._heads}

    def answer(
        self, context: int, requests: Sequence[Request], scores: np.ndarray
    ) -> list[dict[str, HeadAnswer]]:
        """Of each request, what each head answers; {"error": text} of one that failed. Never raises.

        context: vectors that the slow model sees; scores: float32 [len(requests), C].
        """
        answers: list[dict[str, HeadAnswer]] = [{} for _ in requests]
        if not self._heads:
            return answers
        db = np.stack([request.decibels(context) for request in requests])
        for head in self._heads:
            for mine, answer in zip(answers, self._ask(head, requests, db, scores), strict=True):
                mine[head.name] = answer
        return answers

    def _ask(
        self, head: Head, requests: Sequence[Request], db: np.ndarray, scores: np.ndarray
    ) -> list[HeadAnswer]:
        try:
            answers = head.answer(requests, db, scores)
            found = [{key: _builtin(value) for key, value in answer.items()} for answer in answers]
            if len(found) != len(requests):
                raise ValueError(f"{len(found)} answers to {len(requests)} requests")
            for answer in found:
                if undeclared := answer.keys() - head.outputs.keys():
                    raise ValueError(f"outputs that it does not declare: {', '.join(sorted(undeclared))}")
                check_heads("heads", {head.name: answer})
            return found
        except Exception as error:  # whatever a user's head raises
            text = printable(f"{type(error).__name__}: {error}")
            self._warn("head %s failed: %s", head.name, text)
            return [{"error": text} for _ in requests]


def _builtin(value):
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value


def _load(text: str) -> Head:
    path, _, argument = text.partition("=")
    module, _, factory = path.partition(":")
    try:
        make = getattr(importlib.import_module(module), factory)
        head = make(argument) if argument else make()
    except (ImportError, AttributeError, TypeError, ValueError, OSError) as error:
        raise HeadError(f"head {text}: expected module:factory or module:factory=ARGUMENT: {error}") from None
    name, outputs = getattr(head, "name", None), getattr(head, "outputs", None)
    if not isinstance(name, str) or not HEAD_NAME.fullmatch(name) or not isinstance(outputs, dict):
        raise HeadError(
            f"head {text}: expected an object with a `name` of a-z, 0-9 and _, `outputs`, and `answer`"
        )
    if not outputs or not all(isinstance(key, str) and HEAD_NAME.fullmatch(key) for key in outputs):
        raise HeadError(f"head {text}: expected `outputs` whose names are of a-z, 0-9 and _")
    if not callable(getattr(head, "answer", None)):
        raise HeadError(f"head {text}: expected a method `answer`")
    return head
