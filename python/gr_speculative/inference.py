# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""What every server of a slow model does with requests: refuse those that do not fit, score the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from .contract import Contract
from .handshake import Hello
from .wire import HeadAnswer, Request, printable


class Model(Protocol):
    """What is asked of a slow model."""

    contract: Contract

    def predict(self, db: np.ndarray, sample_rate: np.ndarray) -> np.ndarray:
        """Probabilities, float32 [batch, classes].

        db: float32 [batch, context, fft_size], decibels; sample_rate: float64 [batch], Hz.
        """


# Scores, float32 [batch, classes], and of each request what the heads say (docs/heads.md), empty without any
Answers = tuple[np.ndarray, Sequence[dict[str, HeadAnswer]]]


class InferenceError(RuntimeError):
    """The model failed on a batch; the message is fit for a verdict."""


def mismatch(contract: Contract, request: Request) -> str | None:
    """Why a model of this contract cannot answer `request`, and what to do; None if it can."""
    if (reason := _wrong_size(contract, request.levels.shape[1])) is not None:
        return reason
    if request.fast_label not in contract.labels:
        return _wrong_labels(contract, f"label {request.fast_label!r} is unknown to")
    return None


def misfit(contract: Contract, hello: Hello) -> str | None:
    """Why a model of this contract is not the partner of a node that says `hello`; None if it is."""
    if hello.fft_size is not None and (reason := _wrong_size(contract, hello.fft_size)) is not None:
        return reason
    if hello.labels is not None and hello.labels != contract.labels:
        return _wrong_labels(contract, f"labels {', '.join(hello.labels)} differ from those of")
    return None


def _wrong_size(contract: Contract, fft_size: int) -> str | None:
    if fft_size == contract.fft_size:
        return None
    return (
        f"fft_size {fft_size}, but the slow model {printable(contract.name)} wants {contract.fft_size}: "
        "set the node's FFT size to that, or use a slow model trained for yours"
    )


def _wrong_labels(contract: Contract, what: str) -> str:
    return printable(
        f"{what} the slow model {contract.name} ({', '.join(contract.labels)}): "
        "fast and slow model must be trained on the same labels, in the same order"
    )


def infer(model: Model, requests: Sequence[Request]) -> np.ndarray:
    """Scores of requests that fit, float32 [len(requests), classes]. Raises InferenceError and nothing else.

    A row that is not made of probabilities is NaN throughout; the others stand.
    """
    contract = model.contract
    try:
        db = np.stack([request.decibels(contract.context) for request in requests])
        rate = np.array([request.sample_rate for request in requests])
        scores = np.array(model.predict(db, rate), np.float32)
        if scores.shape != (len(requests), len(contract.labels)):
            raise ValueError(f"scores of shape {scores.shape}, not {(len(requests), len(contract.labels))}")
    except Exception as error:  # whatever a user's model raises
        raise InferenceError(printable(f"the slow model failed: {type(error).__name__}: {error}")) from error
    scores[~np.all((scores >= 0) & (scores <= 1), axis=1)] = np.nan
    return scores
