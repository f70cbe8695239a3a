# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The contract of a model file: what goes in, what comes out, how it was calibrated (docs/model-format.md).

The fast model carries it in its ONNX metadata, the slow model in a JSON file beside its weights.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

SCHEMA = 1
METADATA_KEY = "gr_speculative"
LABELS = ("noise", "ook_ism", "fsk_ism", "gfsk_1m", "oqpsk_154", "wifi_ofdm", "lte_ofdm", "adsb_1090")
RULES = ("margin", "max_probability", "entropy", "benefit")
STRATA = ("label", "snr")


class ContractError(ValueError):
    """A contract breaks the format; the message names the file, the field, and what was expected."""


@dataclass(frozen=True)
class Preprocessing:
    """Constants of the preprocessing (docs/architecture.md, "Preprocessing, version 1")."""

    version: int = 1
    window: str = "blackmanharris"
    floor_blocks: int = 32
    floor_rank: int = 3
    reference_rank: int = 24
    max_depth_db: float = 20.0
    scale_db: float = 20.0
    clip_low: float = -1.0
    clip_high: float = 3.0


@dataclass(frozen=True)
class Merge:
    """How fast and slow posteriors become one: `log_linear`, or `linear` with `lambda_` as the slow share."""

    rule: str = "log_linear"
    weight_fast: float = 0.5
    weight_slow: float = 0.5
    lambda_: float = 0.7

    def to_dict(self) -> dict[str, Any]:
        if self.rule == "linear":
            return {"rule": "linear", "lambda": self.lambda_}
        return {"rule": self.rule, "weight_fast": self.weight_fast, "weight_slow": self.weight_slow}


@dataclass(frozen=True)
class Strata:
    """Thresholds of parts of the vectors, None: the common one.

    by `label`: one for each label of the fast model; by `snr`: one for each band of the largest bin over the
    floor between ascending edges_db, of which each belongs to the band above it.
    """

    by: str
    thresholds: tuple[float | None, ...]
    edges_db: tuple[float, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        edges = {"edges_db": [*self.edges_db]} if self.by == "snr" else {}
        return {"by": self.by} | edges | {"thresholds": [*self.thresholds]}


@dataclass(frozen=True)
class Contract:
    """One model's contract.

    `rule`, `threshold`, `strata`, `disagreement`, `merge` and `slow_context` belong to a fast model,
    `architecture` to a slow one.
    """

    role: str
    name: str
    labels: tuple[str, ...] = LABELS
    fft_size: int = 1024
    context: int = 1
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    temperature: float = 1.0
    rule: str = "margin"
    threshold: float = 0.85
    strata: Strata | None = None
    disagreement: float = 0.004
    merge: Merge = field(default_factory=Merge)
    slow_context: int = 16
    calibration: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    architecture: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """The JSON document of this contract, checked on the way out."""
        document: dict[str, Any] = {
            "schema": SCHEMA,
            "role": self.role,
            "name": self.name,
            "labels": list(self.labels),
            "fft_size": self.fft_size,
            "context": self.context,
            "preprocessing": asdict(self.preprocessing),
            "temperature": self.temperature,
        }
        if self.role == "fast":
            document |= {
                "rule": self.rule,
                "threshold": self.threshold,
                "disagreement": self.disagreement,
                "merge": self.merge.to_dict(),
                "slow_context": self.slow_context,
            }
            if self.strata:
                document["strata"] = self.strata.to_dict()
        else:
            document["architecture"] = self.architecture
        document |= {"calibration": self.calibration, "training": self.training}
        Contract.from_dict(document, self.name)
        return json.dumps(document, indent=2, allow_nan=False) + "\n"

    @staticmethod
    def from_json(text: str | bytes, source: str) -> Contract:
        """Parses and checks a contract; `source` is the file that errors name. Raises ContractError."""
        try:
            document = json.loads(text)
        except ValueError as error:  # also UnicodeDecodeError
            raise ContractError(f"{source}: the contract is not JSON: {error}") from None
        return Contract.from_dict(document, source)

    @staticmethod
    def from_dict(document: Any, source: str) -> Contract:
        """Checks a parsed JSON document. Raises ContractError."""
        read = _Reader(document, source)
        read.number("schema", lambda v: v == SCHEMA, f"the integer {SCHEMA}", int)
        role = read.text("role", ("fast", "slow"))
        fft_size = read.number("fft_size", lambda v: v >= 32 and v % 32 == 0, "a multiple of 32", int)
        context = read.number("context", lambda v: v >= 1, "an integer ≥ 1", int)
        if role == "fast" and context != 1:
            raise read.wrong("context", "1 (a fast model sees one vector)")
        contract = Contract(
            role=role,
            name=read.text("name"),
            labels=read.labels(),
            fft_size=fft_size,
            context=context,
            preprocessing=_preprocessing(read.child("preprocessing"), fft_size),
            temperature=read.number("temperature", lambda v: v > 0, "a number > 0"),
            calibration=read.object("calibration"),
            training=read.object("training"),
        )
        if role == "slow":
            return replace(contract, architecture=read.object("architecture"))
        return replace(
            contract,
            rule=read.text("rule", RULES),
            threshold=read.number("threshold", lambda v: 0 <= v <= 1, "a number from 0 to 1"),
            strata=_strata(read.child("strata"), len(contract.labels)) if "strata" in document else None,
            disagreement=read.number("disagreement", lambda v: 1e-4 <= v <= 0.5, "a share from 0.0001 to 0.5")
            if "disagreement" in document
            else Contract.disagreement,
            merge=_merge(read.child("merge")),
            slow_context=read.number("slow_context", lambda v: v >= 1, "an integer ≥ 1", int),
        )


def _preprocessing(read: _Reader, fft_size: int) -> Preprocessing:
    version = read.number("version", lambda v: v == 1, "1 (the only version this release knows)", int)
    divides = f"a divisor of {fft_size}"
    blocks = read.number("floor_blocks", lambda v: v > 0 and fft_size % v == 0, divides, int)
    low = read.number("clip_low")

    def is_rank(value: int) -> bool:
        return 0 <= value < blocks

    return Preprocessing(
        version=version,
        window=read.text("window"),
        floor_blocks=blocks,
        floor_rank=read.number("floor_rank", is_rank, f"0 to {blocks - 1}", int),
        reference_rank=read.number("reference_rank", is_rank, f"0 to {blocks - 1}", int),
        max_depth_db=read.number("max_depth_db", lambda v: v >= 0, "a number ≥ 0"),
        scale_db=read.number("scale_db", lambda v: v > 0, "a number > 0"),
        clip_low=low,
        clip_high=read.number("clip_high", lambda v: v > low, "a number > clip_low"),
    )


def _strata(read: _Reader, labels: int) -> Strata:
    by, edges, count = read.text("by", STRATA), (), labels
    if by == "snr":
        expected = "1 to 64 ascending numbers of dB"
        edges = read.numbers("edges_db", lambda v: v is not None and abs(v) <= 1e6, expected)
        if not 1 <= len(edges) <= 64 or list(edges) != sorted(edges):
            raise read.wrong("edges_db", expected)
        count = len(edges) + 1
    expected = f"{count} times a number from 0 to 1, or null"
    thresholds = read.numbers("thresholds", lambda v: v is None or 0 <= v <= 1, expected)
    if len(thresholds) != count:
        raise read.wrong("thresholds", expected)
    return Strata(by, thresholds, edges)


def _merge(read: _Reader) -> Merge:
    if read.text("rule", ("log_linear", "linear")) == "linear":
        return Merge("linear", lambda_=read.number("lambda", lambda v: 0 <= v <= 1, "a number from 0 to 1"))
    fast = read.number("weight_fast", lambda v: v >= 0, "a number ≥ 0")
    slow = read.number("weight_slow", lambda v: v >= 0 and v + fast > 0, "a number ≥ 0, not both zero")
    return Merge("log_linear", fast, slow)


class _Reader:
    """Reads checked fields of a JSON object; every error names the file and the dotted path of the field."""

    def __init__(self, document: Any, source: str, prefix: str = "") -> None:
        if not isinstance(document, dict):
            what = f"field {prefix.rstrip('.')!r}" if prefix else "the contract"
            raise ContractError(f"{source}: {what}: expected a JSON object, found {_show(document)}")
        self._document, self._source, self._prefix = document, source, prefix

    def wrong(self, key: str, expected: str) -> ContractError:
        found = _show(self._document[key]) if key in self._document else "nothing"
        where = f"{self._source}: field {self._prefix + key!r}"
        return ContractError(f"{where}: expected {expected}, found {found}")

    def text(self, key: str, choices: tuple[str, ...] = ()) -> str:
        value = self._document.get(key)
        if not isinstance(value, str) or not value or (choices and value not in choices):
            raise self.wrong(key, " or ".join(map(repr, choices)) if choices else "a text that is not empty")
        return value

    def number(self, key: str, valid=lambda v: True, expected: str = "a number", kind: type = float) -> Any:
        value = self._document.get(key)
        types = (int,) if kind is int else (int, float)
        right_type = isinstance(value, types) and not isinstance(value, bool)
        if not right_type or not math.isfinite(value) or not valid(value):
            raise self.wrong(key, expected)
        return kind(value)

    def numbers(
        self, key: str, valid: Callable[[float | None], bool], expected: str
    ) -> tuple[float | None, ...]:
        """A list of numbers and nulls, each of them valid."""
        values = self._document.get(key)
        if not isinstance(values, list):
            raise self.wrong(key, expected)
        for value in values:
            number = value is None or (isinstance(value, int | float) and not isinstance(value, bool))
            if not number or not valid(value):
                raise self.wrong(key, expected)
        return tuple(values)

    def labels(self) -> tuple[str, ...]:
        value = self._document.get("labels")
        strings = isinstance(value, list) and len(value) >= 2 and all(isinstance(v, str) and v for v in value)
        if not strings or len(set(value)) != len(value):
            raise self.wrong("labels", "a list of at least two different texts")
        return tuple(value)

    def object(self, key: str) -> dict[str, Any]:
        if not isinstance(self._document.get(key), dict):
            raise self.wrong(key, "a JSON object")
        return self._document[key]

    def child(self, key: str) -> _Reader:
        return _Reader(self._document.get(key), self._source, f"{self._prefix}{key}.")


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
