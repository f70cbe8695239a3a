# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""A trained network together with its contract: decibels in, calibrated probabilities out."""

from __future__ import annotations

import numpy as np
import torch

from .contract import Contract
from .preprocessing import pad_context, prepare


class Model:
    """A network in evaluation mode. Attributes: `contract`, and `sha256` of the weights file.

    network: takes spectrum [B, K, N] and rate [B, 1], returns logits [B, C] and features [B, F].
    """

    def __init__(
        self, network: torch.nn.Module, contract: Contract, sha256: str = "", device: str = "cpu"
    ) -> None:
        self.contract = contract
        self.sha256 = sha256
        self._device = torch.device(device)
        self._network = network.eval().to(self._device)

    def outputs(self, db: np.ndarray, sample_rate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Logits (before the temperature) float32 [B, C] and features float32 [B, F].

        db: float32 [B, k, N], decibels, oldest vector first, DC at bin N/2, 1 ≤ k ≤ contract.context;
        sample_rate: Hz, float64 [B]. Raises ValueError on any other shape.
        """
        contract = self.contract
        if db.ndim != 3 or not 1 <= db.shape[1] <= contract.context or db.shape[2] != contract.fft_size:
            expected = f"[B, 1..{contract.context}, {contract.fft_size}]"
            raise ValueError(f"context of shape {list(db.shape)}: {contract.name} expects {expected}")
        inputs = prepare(pad_context(db, contract.context), sample_rate, contract.preprocessing)
        with torch.inference_mode():
            logits, features = self._network(*(torch.from_numpy(x).to(self._device) for x in inputs))
        return logits.cpu().numpy(), features.cpu().numpy()

    def predict(self, db: np.ndarray, sample_rate: np.ndarray) -> np.ndarray:
        """Calibrated class probabilities, float32 [B, C]; arguments and errors as for `outputs`."""
        return softmax(self.outputs(db, sample_rate)[0] / self.contract.temperature)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Over the last axis, in the type of its input."""
    z = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return z / z.sum(axis=-1, keepdims=True)
