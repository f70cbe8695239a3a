# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The slow network: a spectrogram of K vectors, the last of which is the one in question."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.utils import fusion

from .fast import FastNet

SPECTROGRAM = 0.6  # weight of its expert; the other has the rest


class SlowNet(nn.Module):
    """Two experts, whose logits are averaged: one sees the spectrogram, one the last vector alone, and counts less.

    The one over the spectrogram: convolutions over time and frequency; pooled over frequency to the four strongest,
    by order, and the mean, over time to the last, the strongest and the mean. Several of the strongest tell two tones
    (FSK) from one. The one of the vector is a wide FastNet: it cannot take how a transmitter keys for what it sends.

    spectrum [B, K, 1024], rate [B, 1] -> logits [B, labels], features [B, features]. K is free. In training
    logits are [B, labels, 2], each expert's own, so that each learns as if it were alone.
    """

    def __init__(self, labels: int = 8, width: int = 24, features: int = 96, dropout: float = 0.2) -> None:
        super().__init__()
        self.vector = FastNet(labels, (16, 32, 64), features=64)
        self.conv1 = nn.Conv2d(1, width, (1, 16), stride=(1, 8), padding=(0, 4), bias=False)  # [B, w, K, 128]
        self.rate1 = nn.Linear(1, width, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        widths = (width, 2 * width, 2 * width, 3 * width)
        self.blocks = nn.ModuleList(  # [B, 2w, K, 32], [B, 2w, K, 16], [B, 3w, K, 8]
            nn.Sequential(
                nn.Conv2d(inner, outer, 3, stride=(1, 2), padding=1, bias=False),
                nn.BatchNorm2d(outer),
                nn.ReLU(inplace=True),
            )
            for inner, outer in zip(widths, widths[1:], strict=False)
        )
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(3 * 5 * widths[-1] + 1, features)
        self.head = nn.Linear(features, labels)

    def forward(self, spectrum: torch.Tensor, rate: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        # Eight bins as eight channels, which lie last in memory: faster than a stride of eight over one channel.
        x = nn.functional.pad(spectrum, (4, 4)).unflatten(2, (-1, 8)).permute(0, 3, 1, 2)  # [B, 8, K, 129]
        x = nn.functional.conv2d(x, self.conv1.weight.unflatten(3, (2, 8)).squeeze(1).permute(0, 3, 1, 2))
        rate1 = self.rate1(rate)[:, :, None, None]
        # Folded: what is added to all bins alike can wait until there are half as many.
        x = larger_of_two(x).add_(rate1) if self.norm1 is None else larger_of_two(self.norm1(x + rate1))
        x = x.relu_()  # [B, w, K, 64]
        for block in self.blocks:
            x = block(x)
        x = x.permute(0, 2, 3, 1)  # [B, K, 8, 3w], as it lies in memory
        x = torch.cat([*four_strongest(x), x.mean(dim=2)], dim=2)  # [B, K, 15w]
        x = torch.cat([x[:, -1], x.amax(dim=1), x.mean(dim=1), rate], dim=1)
        features = torch.relu(self.hidden(self.dropout(x)))
        experts = torch.stack([self.head(features), self.vector(spectrum[:, -1:], rate)[0]], dim=2)
        return experts if self.training else torch.lerp(
            experts[..., 1], experts[..., 0], SPECTROGRAM
        ), features

    def folded(self) -> SlowNet:
        """A copy for inference that computes the same in less time: its convolutions do the normalisation too."""
        net = copy.deepcopy(self).eval()
        norm = net.norm1
        statistics = norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        net.conv1.weight, _ = fusion.fuse_conv_bn_weights(net.conv1.weight, None, *statistics)
        net.rate1.weight, net.rate1.bias = fusion.fuse_linear_bn_weights(net.rate1.weight, None, *statistics)
        net.norm1 = None
        net.blocks = nn.ModuleList(
            nn.Sequential(fusion.fuse_conv_bn_eval(conv, norm), relu) for conv, norm, relu in net.blocks
        )
        return net.to(memory_format=torch.channels_last)


def larger_of_two(x: torch.Tensor) -> torch.Tensor:
    """Of neighbours on the last axis. Ten times as fast as max_pool2d."""
    return torch.maximum(x[..., ::2], x[..., 1::2])


def four_strongest(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """The four largest over the third axis, in their order, of 4, 8, 16, … values. Faster than topk: a merge of
    sorted halves, of which the larger of each pair, one list read backwards, are the best four (Batcher)."""
    high, low = torch.maximum(x[:, :, ::2], x[:, :, 1::2]), torch.minimum(x[:, :, ::2], x[:, :, 1::2])
    a, b, c, d = high[:, :, ::2], low[:, :, ::2], high[:, :, 1::2], low[:, :, 1::2]
    best = _ordered(a, b, d, c)
    while best[0].shape[2] > 1:
        ours, theirs = [v[:, :, ::2] for v in best], [v[:, :, 1::2] for v in best]
        best = _ordered(*(torch.maximum(u, v) for u, v in zip(ours, reversed(theirs), strict=True)))
    return tuple(v[:, :, 0] for v in best)


def _ordered(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor, d: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """A bitonic sequence, the largest first."""
    a, c = torch.maximum(a, c), torch.minimum(a, c)
    b, d = torch.maximum(b, d), torch.minimum(b, d)
    return torch.maximum(a, b), torch.minimum(a, b), torch.maximum(c, d), torch.minimum(c, d)
