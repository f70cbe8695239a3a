# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""`gr-speculative anomaly`: trains the anomaly head on recordings, or fits it to what one node has seen.

train: the autoencoder on augmented examples of the split `train`, the reference from the same recordings.
fit: keeps the autoencoder, and takes reference and threshold from a folder of the node's own recordings.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

import numpy as np
import torch
from tqdm import tqdm

from gr_speculative.augment import VERSION, Sampler
from gr_speculative.contract import LABELS, Preprocessing
from gr_speculative.data import UNSURE, Recording, load, spectra
from gr_speculative.pool import SHARD, Pool
from gr_speculative.preprocessing import pad_context

from .anomaly import AnomalyHead, Reference, order_statistics
from .anomaly import load as load_head
from .anomaly_net import CONTEXT, AnomalyNet, reduced

_SIZE = 1024
_PER_FILE = 16
_MOST_REFERENCES = 4500
_FOLDS = 8
_WIDTH, _LATENT = 8, 32


def run(args: argparse.Namespace) -> int:
    """Writes the head and says what its threshold is."""
    if not 0 < args.false_alarm_rate < 1:
        raise ValueError(f"--false-alarm-rate {args.false_alarm_rate:g}: expected 0 to 1")
    torch.set_num_threads(1)
    dataset = load(args.recordings)
    chosen = known(dataset.split("train", "") if args.action == "train" else dataset.recordings)
    if len(chosen) < 4:
        raise ValueError(f"{args.recordings}: {len(chosen)} recordings of known signals, expected at least 4")
    network = _train(chosen, args, dataset.sha256) if args.action == "train" else load_head().network
    head = fitted(network, chosen, args.false_alarm_rate, args.seed, by_device=args.action == "train")
    head.about |= {
        "architecture": {"latent": _LATENT, "width": _WIDTH},
        "training": {
            "data_sha256": dataset.sha256,
            "seed": args.seed,
            "command": f"gr-speculative anomaly {args.action} RECORDINGS --epochs {args.epochs} "
            f"--shards {args.shards} --seed {args.seed}",
        },
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    head.save(args.out)
    print(f"{args.out}: {json.dumps(head.about['calibration'])}, threshold {head.about['threshold']:.3f}")
    return 0


def known(recordings: Sequence[Recording]) -> list[Recording]:
    """Those with a span that a label of the models names."""
    return [r for r in recordings if any(span.label in LABELS for span in r.spans)]


def contexts_of(recordings: Sequence[Recording], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Up to 16 labelled contexts a recording, as anomaly_net.reduced: x [n, 16, 256], rate [n, 1]."""
    xs, rates = [], []
    for recording in recordings:
        labels = recording.window_labels(_SIZE, LABELS)
        known = np.flatnonzero((labels != UNSURE) & (labels < len(LABELS)))
        for last in rng.permutation(known)[:_PER_FILE]:
            first = max(0, last + 1 - CONTEXT) * _SIZE
            x, rate = reduced_samples(
                recording.read(first, (last + 1) * _SIZE - first), recording.sample_rate
            )
            xs.append(x)
            rates.append(rate)
    return np.stack(xs), np.stack(rates)


def reduced_samples(samples: np.ndarray, sample_rate: float) -> tuple[np.ndarray, np.ndarray]:
    """complex64 [up to 16 · 1024 or more] -> x [16, 256], rate [1]."""
    db = pad_context(spectra(samples, _SIZE, Preprocessing())[None, -CONTEXT:], CONTEXT)
    x, rate = reduced(db, np.array([sample_rate]), Preprocessing())
    return x[0], rate[0]


def fitted(
    network: AnomalyNet, recordings: Sequence[Recording], rate: float, seed: int, by_device: bool = False
) -> AnomalyHead:
    """A head whose reference are these recordings, and whose threshold lets `rate` of them through.

    For the threshold each recording (by_device: each device's) is measured against the others, in eight
    parts, for neighbouring contexts are alike. Raises ValueError if there are too few."""
    rng = np.random.default_rng(seed)
    units = sorted({_unit(r, by_device) for r in recordings})
    part_of = dict(zip(units, rng.permutation(len(units)) % _FOLDS, strict=True))
    features = [order_statistics(*contexts_of([r], rng)) for r in recordings]
    parts = np.concatenate(
        [np.full(len(f), part_of[_unit(r, by_device)]) for r, f in zip(recordings, features, strict=True)]
    )
    features = np.concatenate(features)
    about = {
        "threshold": round(held_out_threshold(features, parts, rate), 4),
        "false_alarm_rate": rate,
        "calibration": {"recordings": len(recordings), "units": len(units), "contexts": len(features)},
    }
    reference = Reference(features[rng.permutation(len(features))[:_MOST_REFERENCES]])
    return AnomalyHead(network, reference, about)


def held_out_threshold(features: np.ndarray, parts: np.ndarray, rate: float) -> float:
    """Distance that `rate` of these features exceed, each measured against those of the other parts.

    features: float32 [n, 31]; parts: int [n]. Raises ValueError if there are too few."""
    distances = np.sort(
        np.concatenate(
            [Reference(features[parts != k]).distance(features[parts == k]) for k in np.unique(parts)]
        )
    )
    # The rank that makes a new, exchangeable score exceed the threshold with probability of at most `rate`.
    rank = int(np.ceil((len(distances) + 1) * (1 - rate)))
    if rank > len(distances):
        raise ValueError(
            f"{len(distances)} contexts cannot set a false-alarm rate of {rate:g}: "
            f"expected at least {int(np.ceil(1 / rate)) - 1}, so record more or allow more alarms"
        )
    return float(distances[rank - 1])


def _unit(recording: Recording, by_device: bool) -> str:
    return recording.group if by_device else recording.name


def _train(recordings: Sequence[Recording], args: argparse.Namespace, sha256: str) -> AnomalyNet:
    """Gaussian likelihood; weighted by σ, as in Seitzer et al., "On the pitfalls of heteroscedastic
    uncertainty estimation", 2022, for the likelihood alone gives up on whatever varies."""
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    x, rate = _examples(recordings, args, sha256)
    network = AnomalyNet(_LATENT, _WIDTH).to(memory_format=torch.channels_last)
    steps = args.epochs * (len(x) // 128)
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, steps)
    for epoch in range(args.epochs):
        network.train()
        total = 0.0
        batches = torch.from_numpy(rng.permutation(len(x))[: len(x) // 128 * 128]).view(-1, 128)
        for batch in tqdm(batches, desc=f"epoch {epoch + 1}/{args.epochs}", disable=None, leave=False):
            target = torch.roll(x[batch].float(), int(rng.integers(-20, 21)), 2)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                mean, log_sigma = network(target, rate[batch])
            mean, log_sigma = mean.float(), log_sigma.float()
            likelihood = log_sigma + 0.5 * ((target - mean) / log_sigma.exp()) ** 2
            loss = (likelihood * log_sigma.detach().exp()).mean()
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            total += likelihood.detach().mean().item()
        tqdm.write(f"epoch {epoch + 1}: mean negative log-likelihood {total / len(batches):.3f}")
    return network.eval()


def _examples(recordings: Sequence[Recording], args, sha256: str) -> tuple[torch.Tensor, torch.Tensor]:
    sampler = Sampler(recordings, CONTEXT, synthetic=0.0)
    pool = Pool(args.cache, sampler, args.seed, f"{VERSION} {sha256} {len(recordings)} anomaly")
    rng = np.random.default_rng(args.seed)
    xs, rates = [], []
    try:
        for index in tqdm(range(args.shards), desc="examples", unit="shard", disable=None, leave=False):
            shard = pool.shard(index, index + 1 if index + 1 < args.shards else None)
            for rows in np.split(np.arange(SHARD), 10):
                x, rate = reduced(shard.db(rows, rng, CONTEXT), shard.rate[rows], Preprocessing())
                xs.append(x.astype(np.float16))
                rates.append(rate)
    finally:
        pool.close()
    return torch.from_numpy(np.concatenate(xs)), torch.from_numpy(np.concatenate(rates))
