# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Operating curves of the heads: `gr-speculative heads RECORDINGS --out DIR` (docs/heads.md shows its
figures)."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import torch
from tqdm import tqdm

from gr_speculative.contract import LABELS
from gr_speculative.data import UNSURE, Recording, load
from gr_speculative.metrics import auroc

from . import injected, passes
from .anomaly import AnomalyHead, order_statistics
from .anomaly import load as load_anomaly
from .anomaly_net import CONTEXT
from .anomaly_training import fitted, known, reduced_samples
from .false_alarms import false_alarms
from .fingerprint import follow
from .orbit import Orbit
from .pca import PcaResidual

_SIZE = 1024
_PER_FILE = 16
_NOISE_HZ = (3.0, 30.0, 300.0)
_DURATIONS_S = (30, 60, 120, 240, 480)
CURVE = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)  # shares of normal spectra that alarm


def run(args: argparse.Namespace) -> int:
    """Measures, prints, and writes both heads' curves."""
    torch.set_num_threads(1)
    dataset = load(args.recordings)
    head = load_anomaly(args.model)
    report = {"seed": args.seed, "data_sha256": dataset.sha256, "anomaly": {}, "mimic": mimic(args.seed)}
    validation, unknown = dataset.split("val"), dataset.split("ood_dev")
    if len(validation) >= 8:
        report["anomaly"] = anomaly(head, validation, unknown, args.seed)
        report["false_alarms"] = false_alarms(known(dataset.split("train", "")), args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "heads.json").write_text(json.dumps(report, indent=2, allow_nan=False) + "\n")
    print(_text(report))
    from .evaluation_picture import draw  # matplotlib

    print(f"  {args.out / 'heads.json'}, {draw(args.out / 'heads.png', report)}")
    return 0


def anomaly(
    head: AnomalyHead, recordings: Sequence[Recording], unknown: Sequence[Recording], seed: int
) -> dict[str, dict]:
    """Of each score and kind of anomaly AUROC, share caught, and of normal spectra the share of false alarms.

    Every score is measured twice: `shipped`, on receivers that it never met, and `fitted`, after half of
    these recordings, drawn by file, have become its reference. Tests use the other half."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(recordings))
    own, tested = ([recordings[i] for i in part] for part in (order[::2], order[1::2]))
    kinds, x, rate = _examples(rng, tested, unknown)
    mine = fitted(head.network, own, head.about["false_alarm_rate"], seed)
    report = {}
    for name, model in (("shipped", head), ("fitted", mine)):
        scores = {"neighbours": model.reference.distance(order_statistics(x, rate))}
        if name == "shipped":
            scores["autoencoder residual"] = head.residual(x, rate).mean(axis=1)
        else:
            scores["pca residual"] = PcaResidual(_contexts(rng, own)[0])(x)
        report[name] = {
            score: _measured(kinds, value, model.about["threshold"] if score == "neighbours" else None)
            for score, value in scores.items()
        }
    report["windows"] = {kind: int(np.sum(kinds == kind)) for kind in dict.fromkeys(kinds)}
    return report


def _measured(kinds: np.ndarray, score: np.ndarray, threshold: float | None) -> dict[str, dict[str, float]]:
    """Share caught where 1 % and 5 % of the normal spectra are above, and along CURVE; false alarms at the
    stated threshold."""
    normal = score[kinds == "normal"]
    result = {}
    if threshold is not None:
        result["normal"] = {"alarms": round(float(np.mean(normal > threshold)), 3)}
    for kind in dict.fromkeys(kinds[kinds != "normal"]):
        value = score[kinds == kind]
        result[str(kind)] = {
            "auroc": round(float(auroc(value, normal)), 3),
            "caught_1": round(float(np.mean(value > np.quantile(normal, 0.99))), 3),
            "caught_5": round(float(np.mean(value > np.quantile(normal, 0.95))), 3),
            "curve": [round(float(np.mean(value > np.quantile(normal, 1 - p))), 3) for p in CURVE],
        }
    return result


def _examples(rng, recordings: Sequence[Recording], unknown: Sequence[Recording]):
    kinds, xs, rates = [], [], []

    def keep(kind: str, samples: np.ndarray, sample_rate: float) -> None:
        x, rate = reduced_samples(samples, sample_rate)
        kinds.append(kind)
        xs.append(x)
        rates.append(rate)

    for recording in tqdm(recordings, desc="anomalies", disable=None, leave=False):
        for samples, label in _windows(rng, recording):
            keep("normal", samples, recording.sample_rate)
            for kind, inject in injected.INJECTIONS.items():
                if rng.random() < 0.4 and (LABELS[label] != "noise" or kind in ("spur", "jammer")):
                    keep(kind, inject(rng, samples, recording.sample_rate), recording.sample_rate)
    for recording in unknown:
        for samples, label in _windows(rng, recording, 40):
            if label == len(LABELS):
                keep("ood_dev", samples, recording.sample_rate)
    for kind in injected.UNKNOWN_KINDS:
        for _ in range(60):
            keep(kind, *injected.unknown(rng, kind, CONTEXT))
    return np.array(kinds), np.stack(xs), np.stack(rates)


def _windows(rng, recording: Recording, most: int = _PER_FILE):
    labels = recording.window_labels(_SIZE, LABELS)
    for last in rng.permutation(np.flatnonzero(labels != UNSURE))[:most]:
        first = max(0, last + 1 - CONTEXT) * _SIZE
        yield recording.read(first, (last + 1) * _SIZE - first), int(labels[last])


def _contexts(rng, recordings: Sequence[Recording]) -> tuple[np.ndarray, np.ndarray]:
    pairs = [reduced_samples(s, r.sample_rate) for r in recordings for s, _ in _windows(rng, r)]
    return tuple(np.stack(part) for part in zip(*pairs, strict=True))


def mimic(seed: int, rate: float = 0.01) -> dict[str, dict]:
    """Share of impostors that the Doppler test calls so, and of genuine passes that it wrongs, by noise of a
    carrier measurement (Hz) and observed time (s)."""
    rng = np.random.default_rng(seed)
    orbit = Orbit(passes.TLE)
    all_passes = passes.passes(orbit, passes.STATION)
    limit = NormalDist().inv_cdf(1 - rate)
    report: dict[str, dict] = {"passes": len(all_passes), "false_alarm_rate": rate}
    for name, make in {"genuine": passes.genuine, **passes.IMPOSTORS}.items():
        report[name] = {
            f"{noise:g}": {
                str(duration): _share(rng, orbit, all_passes, make, noise, duration, limit)
                for duration in _DURATIONS_S
            }
            for noise in _NOISE_HZ
        }
    return report


def _share(
    rng, orbit, all_passes, make, noise: float, duration: float, limit: float, repeats: int = 20
) -> float:
    points = int(duration / passes.STEP_S)
    alarms = []
    for times in all_passes:
        if len(times) < points:
            continue
        for _ in range(repeats):
            first = int(rng.integers(0, len(times) - points + 1))
            part = times[first : first + points]
            expected = passes.FREQUENCY + orbit.doppler(passes.STATION, part, passes.FREQUENCY)
            fit = follow(part, make(rng, orbit, part, noise), expected, 0.5)
            alarms.append(fit.misfit > limit)
    return round(float(np.mean(alarms)), 3) if alarms else 0.0


def _text(report: dict) -> str:
    lines = []
    for fit, scores in report["anomaly"].items():
        if fit == "windows":
            continue
        for score, kinds in scores.items():
            alarms = kinds.get("normal", {}).get("alarms")
            lines.append(f"{fit}, {score}" + (f": false alarms {alarms:.1%}" if alarms is not None else ""))
            cells = [
                f"{k} {v['auroc']:.2f}/{v['caught_1']:.0%}/{v['caught_5']:.0%}"
                for k, v in kinds.items()
                if k != "normal"
            ]
            lines.append("  AUROC/caught at 1 %/at 5 %: " + ", ".join(cells))
    for score, rates in report.get("false_alarms", {}).items():
        cells = [f"{p}: {m['rate']:.2%} [{m['low']:.2%}, {m['high']:.2%}]" for p, m in rates.items()]
        lines.append(f"{score}, stated and measured on devices left out: " + ", ".join(cells))
    for name, noises in report["mimic"].items():
        if isinstance(noises, dict):
            cells = [f"{n} Hz: " + " ".join(f"{v:.2f}" for v in row.values()) for n, row in noises.items()]
            lines.append(f"mimic {name}: " + "; ".join(cells))
    return "\n".join(lines)
