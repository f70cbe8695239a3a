# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The network of the anomaly head: a spectrogram through a bottleneck, and how sure it is of every pixel."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from gr_speculative.contract import Preprocessing
from gr_speculative.preprocessing import prepare

CONTEXT, COLUMNS = 16, 256


class AnomalyNet(nn.Module):
    """x [B, 16, 256], rate [B, 1] -> mean and log σ, both [B, 16, 256].

    The bottleneck of `latent` numbers lets through what many training spectra share, and the likelihood loss
    makes σ large where they vary (inside bursts) and small where they do not (the floor): a residual counts
    in units of what is usual there.
    """

    def __init__(self, latent: int = 32, width: int = 16) -> None:
        super().__init__()
        w = width
        self.encoder = nn.Sequential(
            *_down(1, w, (1, 2)),  # [B, w, 16, 128]
            *_down(w, 2 * w, (2, 2)),  # 8, 64
            *_down(2 * w, 3 * w, (2, 2)),  # 4, 32
            *_down(3 * w, 4 * w, (2, 2)),  # 2, 16
            nn.Flatten(),
        )
        self.bottleneck = nn.Linear(4 * w * 2 * 16 + 1, latent)
        self.spread = nn.Linear(latent + 1, 4 * w * 2 * 16)
        self.decoder = nn.Sequential(
            nn.Unflatten(1, (4 * w, 2, 16)),
            *_up(4 * w, 3 * w, (2, 2)),
            *_up(3 * w, 2 * w, (2, 2)),
            *_up(2 * w, w, (2, 2)),
            *_up(w, w, (1, 2)),
            nn.Conv2d(w, 2, 3, padding=1),
        )

    def forward(self, x: torch.Tensor, rate: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        code = self.bottleneck(torch.cat([self.encoder(x[:, None]), rate], dim=1))
        out = self.decoder(torch.relu(self.spread(torch.cat([code, rate], dim=1))))
        return out[:, 0], out[:, 1].clamp(-4, 1)


def _down(inner: int, outer: int, stride: tuple[int, int]) -> list[nn.Module]:
    return [
        nn.Conv2d(inner, outer, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outer),
        nn.LeakyReLU(0.1),
    ]


def _up(inner: int, outer: int, factor: tuple[int, int]) -> list[nn.Module]:
    return [
        nn.Upsample(scale_factor=factor),
        nn.Conv2d(inner, outer, 3, padding=1, bias=False),
        nn.BatchNorm2d(outer),
        nn.LeakyReLU(0.1),
    ]


def reduced(
    db: np.ndarray, sample_rate: np.ndarray, constants: Preprocessing
) -> tuple[np.ndarray, np.ndarray]:
    """dB [B, 16, N] and Hz [B] -> x [B, 16, 256], the largest of every N / 256 neighbouring bins, and rate
    [B, 1]."""
    x, rate = prepare(db, sample_rate, constants)
    return x.reshape(*x.shape[:2], COLUMNS, -1).max(axis=-1), rate
