# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""`gr-speculative calibrate`: sets the deferral threshold that keeps a promised risk, or says why none does.

What is promised, and on which conditions: docs/deferral.md.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import torch

from . import rules
from .calibration import disagreement
from .cascade_predictions import predict
from .contract import METADATA_KEY, Contract, Strata
from .data import DataError, Dataset, Recording, load
from .fast_model import load_fast_model
from .promise import choose, groups, split, table, thresholds, whole
from .rule_comparison import compare, markdown
from .slow_model import load_slow_model
from .terms import EDGES_DB, STRATUM, Terms


def run(args: argparse.Namespace) -> int:
    """The command: 0 if the promise is certified, 1 if not. Raises ValueError or OSError with one line."""
    _check(args)
    torch.set_num_threads(args.threads)
    fast, slow = load_fast_model(args.model), load_slow_model(args.slow_model)
    contract = fast.contract
    if contract.labels != slow.contract.labels or contract.slow_context != slow.contract.context:
        raise ValueError(f"{args.model}, {args.slow_model}: no pair: their labels or their context differ")
    dataset = load(args.data)
    for problem in dataset.problems:
        print(f"warning: {problem}", file=sys.stderr)
    held_out = _is_held_out(args, dataset, contract)
    found = predict(_split(args, args.split, dataset), fast, slow)
    rule, benefit = args.rule or contract.rule, rules.Benefit.of(contract)
    if args.compare or args.rule == "benefit":
        other = predict(_split(args, args.fit_split, dataset), fast, slow)
        benefit = rules.fit_benefit(other.fast, other.levels, other.gained())
    if args.compare:
        print(markdown(compare(found, {f"benefit, fitted on {args.fit_split}": benefit})))
        return 0
    terms = Terms(args.mode, args.risk, args.confidence, args.unit, args.budget, args.sample_rate, args.seed)
    score = rules.score(rule, found.fast, found.levels, benefit)
    own = groups(terms, found, args.strata, contract) if args.strata else None
    parts = split(terms, found, score, own) if own else [whole(terms, found, score)]
    if args.unit == "emission":
        print(
            f"warning: emissions of one file are rarely independent; there are "
            f"{len(set(found.units['file']))} files (docs/deferral.md)",
            file=sys.stderr,
        )
    print(
        f"{args.split}: {len(found.label)} vectors; one at random of each {args.unit} (seed {args.seed}); "
        f"rule {rule}\npromise: {args.mode}, risk {args.risk:g}, confidence {args.confidence:g}"
    )
    if own:
        for name, count in zip(own.names, own.support, strict=True):
            verdict = "has" if count >= STRATUM else f"is refused (below {STRATUM})"
            print(f"{name}: {count} {args.unit}s: {verdict} a threshold of its own")
    confidence = 1 - (1 - args.confidence) / len(parts)  # so that all hold at once with args.confidence
    choices = [choose(terms, part, confidence) for part in parts]
    for part, choice in zip(parts, choices, strict=True):
        print(f"{part.name}\n{table(part, confidence)}\n{choice.text}")
    certified = all(choice.certified for choice in choices)
    record = {"certified": certified, "held_out": held_out, "n": sum(part.sequence.n for part in parts)}
    record |= {name: getattr(args, name) for name in ("mode", "risk", "confidence", "unit", "split", "seed")}
    record |= {"data_sha256": dataset.sha256, "slow_sha256": slow.sha256}
    threshold, strata = choices[-1].threshold, None
    if own:
        threshold, values = thresholds(own, choices)
        if len(own.supported):
            strata = Strata(args.strata, values, EDGES_DB if args.strata == "snr" else ())
    fields: dict[str, Any] = {"rule": rule, "threshold": threshold, "strata": strata and strata.to_dict()}
    record |= fields
    limits = rules.thresholds(replace(contract, threshold=threshold, strata=strata), found.fast, found.levels)
    differs = found.labels("fast") != found.labels("slow")
    fields["disagreement"] = disagreement(rules.is_accepted(score, limits), differs, found.units["file"])
    if args.out and (certified or args.uncertified):
        calibration = {"guarantee": record} | ({"benefit": benefit.to_dict()} if rule == "benefit" else {})
        write_calibrated(args.model, args.out, fields, calibration)
        print(f"wrote {args.out}: rule {rule}, threshold {threshold:g}, certified: {certified}")
    elif args.out:
        print(f"{args.out} is not written (--uncertified writes the threshold that seems right)")
    return 0 if certified else 1


def write_calibrated(source: Path, target: Path, fields: dict[str, Any], calibration: dict[str, Any]) -> None:
    """Copies a fast model with other `fields` of its contract, without those that are None; `calibration` adds
    to the record in it.

    Nothing else changes, so weights and predictions stay; the SHA-256 of the file does not. `target` may be
    `source`, and is replaced at once or not at all.
    """
    model = onnx.load(source)
    entry = next(entry for entry in model.metadata_props if entry.key == METADATA_KEY)
    document = json.loads(entry.value)
    document |= fields | {"calibration": document["calibration"] | calibration}
    document = {key: value for key, value in document.items() if value is not None}
    Contract.from_dict(document, str(target))
    entry.value = json.dumps(document, indent=2, allow_nan=False) + "\n"
    part = target.with_name(target.name + ".part")
    part.write_bytes(model.SerializeToString())
    os.replace(part, target)


def _check(args: argparse.Namespace) -> None:
    for name, value, good, expected in (
        ("risk", args.risk, 0 < args.risk < 1, "a number between 0 and 1"),
        ("confidence", args.confidence, 0 < args.confidence < 1, "a number between 0 and 1"),
        ("budget", args.budget, args.budget > 0, "deferrals a second, > 0"),
        ("sample-rate", args.sample_rate, 0 <= args.sample_rate < math.inf, "Hz, > 0"),
        ("seed", args.seed, args.seed >= 0, "0 or more"),
        ("threads", args.threads, args.threads >= 1, "1 or more"),
    ):
        if not good:
            raise ValueError(f"--{name} {value:g}: expected {expected}")
    if args.strata and args.budget < math.inf:
        raise ValueError("--strata and --budget cannot be combined: a budget belongs to one threshold")
    if args.split == args.fit_split and (args.compare or args.rule == "benefit"):
        raise ValueError(f"--fit-split {args.split}: fit the rule on other recordings than it is tested on")


def _split(args: argparse.Namespace, name: str, dataset: Dataset) -> tuple[Recording, ...]:
    recordings = dataset.split(name)
    if not any(recording.spans for recording in recordings):
        there = ", ".join(repr(s) for s in sorted({r.split for r in dataset.recordings if r.spans}))
        raise DataError(f"{args.data}: no labelled recording of the split {name!r}; there are: {there}")
    return recordings


def _is_held_out(args: argparse.Namespace, dataset: Dataset, contract: Contract) -> bool:
    """Whether nothing in the model was fitted on these recordings; refuses those that it was trained on."""
    if contract.training.get("data_sha256") != dataset.sha256:
        return True
    if args.split != contract.calibration.get("split", "val"):
        if args.split in ("train", ""):
            raise ValueError(
                f"--split {args.split!r}: the model was trained on these recordings: take others"
            )
        return True
    print(
        f"warning: temperature and merge weights of the model were fitted on the split {args.split!r}: "
        "what is said about it is a little too good",
        file=sys.stderr,
    )
    return False
