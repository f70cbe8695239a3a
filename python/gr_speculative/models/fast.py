# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The fast network: one vector, about 50,000 multiplications, all of them in dense rows."""

from __future__ import annotations

import torch
from torch import nn


class FastNet(nn.Module):
    """Strided convolutions over the bins, then the strongest responses of each filter, by order, and their mean.

    Several of the strongest tell two tones (FSK) from one, and a comb from a line; where they lie does not matter.

    The rate enters as a bias of the first layer, since a filter's bandwidth in Hz is what names a class, and
    again before the head. spectrum [B, 1, 1024], rate [B, 1] -> logits [B, labels], features [B, features].
    """

    def __init__(
        self,
        labels: int = 8,
        channels: tuple[int, int, int] = (8, 16, 32),
        features: int = 32,
        strongest: int = 4,
    ) -> None:
        super().__init__()
        self.strongest = strongest  # responses of each filter that the head sees, 1 to 8
        c1, c2, c3 = channels
        self.conv1 = nn.Conv1d(1, c1, 16, stride=8, padding=4, bias=False)  # [B, c1, 128]
        self.rate1 = nn.Linear(1, c1, bias=False)
        self.norm1 = nn.BatchNorm1d(c1)
        self.conv2 = nn.Conv1d(c1, c2, 3, stride=2, padding=1, bias=False)  # [B, c2, 32], after the pool
        self.norm2 = nn.BatchNorm1d(c2)
        self.conv3 = nn.Conv1d(c2, c3, 2, stride=2, bias=False)  # [B, c3, 16]
        self.norm3 = nn.BatchNorm1d(c3)
        self.hidden = nn.Linear((strongest + 1) * c3 + 1, features)
        self.head = nn.Linear(features, labels)

    def forward(self, spectrum: torch.Tensor, rate: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.relu(self.norm1(self.conv1(spectrum) + self.rate1(rate)[:, :, None]))
        x = nn.functional.max_pool1d(x, 2)
        x = torch.relu(self.norm2(self.conv2(x)))
        x = torch.relu(self.norm3(self.conv3(x)))
        strongest = x.topk(self.strongest, dim=2).values.flatten(
            1
        )  # [B, strongest · c3], those of a filter in a row
        pooled = torch.cat([strongest, x.mean(dim=2), rate], dim=1)
        features = torch.relu(self.hidden(pooled))
        return self.head(features), features
