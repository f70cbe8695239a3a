# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""A slow model that answers at once, and always the same: for tests of everything but its accuracy."""

import time

import numpy as np

from gr_speculative.contract import Contract


class InstantModel:
    contract = Contract(role="slow", name="instant", context=16)

    def predict(self, db: np.ndarray, sample_rate: np.ndarray) -> np.ndarray:
        scores = np.full((len(db), len(self.contract.labels)), 0.01, np.float32)
        scores[:, -1] = 1.0 - 0.01 * (len(self.contract.labels) - 1)
        return scores


def make() -> InstantModel:
    return InstantModel()


class BatchModel(InstantModel):
    """Takes 3 ms for a batch, whatever its size, as a GPU does for what is small to it."""

    def predict(self, db: np.ndarray, sample_rate: np.ndarray) -> np.ndarray:
        time.sleep(3e-3)
        return super().predict(db, sample_rate)


def make_batch() -> BatchModel:
    return BatchModel()
