# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Slow models for tests of everything but accuracy, as `stand_in_models:NAME`; none of them needs torch."""

import os
import time

import numpy as np

from gr_speculative.contract import Contract


class Model:
    """Always says "signal". `seconds`: what a batch takes."""

    contract = Contract("slow", "double", labels=("noise", "signal"), fft_size=32, context=4)
    sha256 = "cd" * 32

    def __init__(self, seconds=0.0):
        self.seconds = seconds

    def predict(self, db, sample_rate):
        time.sleep(self.seconds)
        return np.tile(np.float32([0, 1]), (len(db), 1))


def good():
    return Model()


def broken():
    raise ValueError("broken: not a model")


def slow_to_load():
    time.sleep(60)


def hang():
    return Model(60)


def crash():
    """Ends its process at the first batch."""
    model = Model()
    model.predict = lambda *_: os._exit(3)
    return model


def large():
    """Holds 200 MB."""
    model = Model()
    model.weights = np.ones(200 << 20, np.uint8)
    return model


def hundred_a_second():
    """Ten requests a batch, at most, and a tenth of a second for each."""
    return Model(0.1)
