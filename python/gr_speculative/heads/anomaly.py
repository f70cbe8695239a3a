# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The anomaly head ("ghost"): is this spectrogram like those that the node has seen?

Two views. The score is the distance, in whitened order statistics of the spectrogram and its rate, to the
third nearest of a reference set: what the node saw. The autoencoder's residual tells which bins look unusual.
The residual itself makes a poor score, as docs/heads.md shows: a simple unknown signal is reconstructed
better than a busy known one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from gr_speculative.contract import Preprocessing
from gr_speculative.installed import default_anomaly_model
from gr_speculative.wire import Request

from .anomaly_net import COLUMNS, CONTEXT, AnomalyNet, reduced

_RANKS = np.array([0, 1, 3, 7, 15, 31, 63, 127, 191, 255])  # of the columns, largest first
_NEIGHBOUR = 3
_MAX_RANGES = 4


class Reference:
    """Spectrograms that count as seen. `distance` is how far others are from them, in standard deviations."""

    def __init__(self, features: np.ndarray) -> None:
        """features: float32 [n, 31] of `order_statistics`."""
        self.features = np.ascontiguousarray(features, np.float32)
        self._mean = features.mean(axis=0)
        centred = features - self._mean
        scale = centred.std(axis=0) + 1e-3
        _, singular, axes = np.linalg.svd(centred / scale, full_matrices=False)
        kept = singular > 0.02 * singular[0]  # the rest is rounding and repetition
        self._whiten = axes[kept].T / singular[kept] * np.sqrt(len(features)) / scale[:, None]
        self._points = centred @ self._whiten

    def distance(self, features: np.ndarray) -> np.ndarray:
        """float32 [m, 31] -> [m]."""
        q = (features - self._mean) @ self._whiten
        squared = (q**2).sum(1)[:, None] + (self._points**2).sum(1) - 2 * q @ self._points.T
        nearest = np.partition(squared, _NEIGHBOUR - 1, axis=1)[:, _NEIGHBOUR - 1]
        return np.sqrt(np.maximum(nearest, 0))


def order_statistics(x: np.ndarray, rate: np.ndarray) -> np.ndarray:
    """float32 [B, 31] of anomaly_net.reduced: the columns' mean, maximum, and deviation over time, each in
    descending order at a few ranks, and the rate. Nothing of it depends on where in the band a signal is."""
    views = (x.mean(axis=1), x.max(axis=1), x.std(axis=1))
    ordered = [np.sort(view, axis=1)[:, ::-1][:, _RANKS] for view in views]
    return np.concatenate([*ordered, rate], axis=1).astype(np.float32)


class AnomalyHead:
    """Outputs: see `outputs`. threshold: a distance above it is an alarm; false_alarm_rate: at which it was
    set."""

    name = "anomaly"
    outputs = {
        "score": "distance to what the node has seen, standard deviations",
        "threshold": "score above which it is an alarm",
        "false_alarm_rate": "of the threshold, on spectra like the reference",
        "alarm": "0 or 1",
        "residual": "mean squared residual of the autoencoder, 1 where it is as usual",
        "bins": "most unusual bins, first and last of each range, of the FFT",
    }

    def __init__(self, network: AnomalyNet, reference: Reference, about: dict[str, Any]) -> None:
        self.network = network.eval()
        self.reference = reference
        self.about = about
        self._threshold = float(about["threshold"])
        self._rate = float(about["false_alarm_rate"])

    def answer(
        self, requests: Sequence[Request], db: np.ndarray, scores: np.ndarray
    ) -> list[dict[str, float | list[int]]]:
        """One answer a request. db: float32 [B, K, N]; the last 16 vectors count."""
        rates = np.array([request.sample_rate for request in requests])
        x, rate = reduced(last_vectors(db), rates, Preprocessing())
        distance = self.reference.distance(order_statistics(x, rate))
        columns = self.residual(x, rate)
        per_column = db.shape[2] // COLUMNS
        return [
            {
                "score": round(float(d), 3),
                "threshold": self._threshold,
                "false_alarm_rate": self._rate,
                "alarm": int(d > self._threshold),
                "residual": round(float(z.mean()), 3),
                "bins": _ranges(z, per_column),
            }
            for d, z in zip(distance, columns, strict=True)
        ]

    def residual(self, x: np.ndarray, rate: np.ndarray) -> np.ndarray:
        """Mean over time of the squared residual in units of σ, [B, 256]."""
        with torch.inference_mode():
            mean, log_sigma = (t.numpy() for t in self.network(torch.from_numpy(x), torch.from_numpy(rate)))
        return (((x - mean) / np.exp(log_sigma)) ** 2).mean(axis=1)

    def save(self, path: str | Path) -> None:
        """Writes NAME.safetensors and NAME.json."""
        path = Path(path)
        tensors = {k: v.contiguous() for k, v in self.network.state_dict().items()}
        path.write_bytes(save_tensors(tensors | {"reference": torch.from_numpy(self.reference.features)}))
        about = {"schema": 1, "head": "anomaly", **self.about}
        path.with_suffix(".json").write_text(
            json.dumps(about, indent=2, allow_nan=False) + "\n", encoding="utf-8"
        )


def load(path: str = "") -> AnomalyHead:
    """The head of NAME.safetensors with NAME.json beside it; of the shipped one where empty. Raises
    ValueError, OSError."""
    path = Path(path or default_anomaly_model())
    weights = path.read_bytes()
    try:
        about = json.loads(path.with_suffix(".json").read_bytes())
        if about["schema"] != 1 or about["head"] != "anomaly":
            raise ValueError("expected schema 1 of the head anomaly")
        tensors = load_tensors(weights)
        reference = Reference(tensors.pop("reference").numpy())
        network = AnomalyNet(**about["architecture"])
        network.load_state_dict(tensors)
        about["sha256"] = hashlib.sha256(weights).hexdigest()
        return AnomalyHead(network, reference, about)
    except (SafetensorError, RuntimeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: not an anomaly head, or damaged: {error}") from None


def last_vectors(db: np.ndarray) -> np.ndarray:
    """dB [B, K, N] -> [B, 16, N]: the newest, the oldest repeated where there are fewer."""
    return db[:, np.maximum(np.arange(-CONTEXT, 0) + db.shape[1], 0)]


def _ranges(z: np.ndarray, width: int) -> list[int]:
    """The most unusual columns, joined, as [first bin, last bin, first, last, ...]."""
    smooth = np.convolve(z, np.ones(3) / 3, "same")
    hot = np.flatnonzero(smooth > max(4 * np.median(smooth), 2.0))
    groups = np.split(hot, np.flatnonzero(np.diff(hot) > 2) + 1) if len(hot) else []
    strongest = sorted(groups, key=lambda g: -smooth[g].sum())[:_MAX_RANGES]
    return [
        int(v) for g in sorted(strongest, key=lambda g: g[0]) for v in (g[0] * width, (g[-1] + 1) * width - 1)
    ]
