# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
import json
from dataclasses import replace

import pytest

from gr_speculative.contract import Contract, ContractError, Merge, Strata

FAST = Contract("fast", "fast-1", merge=Merge("log_linear", 0.3, 0.9), calibration={"n": 3})
STRATIFIED = replace(FAST, strata=Strata("snr", (0.5, None, 0.0), (15.0, 40.0)))
SLOW = Contract("slow", "slow-1", context=16, architecture={"class": "SlowNet", "arguments": {}})


@pytest.mark.parametrize(
    "contract", [FAST, SLOW, STRATIFIED, replace(FAST, merge=Merge("linear", lambda_=0.7))]
)
def test_round_trip(contract):
    again = Contract.from_json(contract.to_json(), "x")
    assert again.to_json() == contract.to_json()
    assert again.labels == contract.labels and again.merge.rule == contract.merge.rule


DELETE = object()


@pytest.mark.parametrize(
    "path, value",
    [
        ("schema", 2),
        ("schema", DELETE),
        ("role", "medium"),
        ("name", ""),
        ("labels", ["noise", "noise"]),
        ("labels", "noise"),
        ("fft_size", 1000),
        ("fft_size", 1024.0),
        ("fft_size", True),
        ("context", 16),
        ("preprocessing", []),
        ("preprocessing.version", 2),
        ("preprocessing.floor_blocks", 33),
        ("preprocessing.floor_rank", 32),
        ("preprocessing.reference_rank", 32),
        ("preprocessing.max_depth_db", -1),
        ("preprocessing.scale_db", 0),
        ("preprocessing.clip_high", -2),
        ("preprocessing.window", DELETE),
        ("temperature", 0),
        ("temperature", "1"),
        ("rule", "loudest"),
        ("threshold", 1.5),
        ("disagreement", 0),
        ("disagreement", 0.7),
        ("merge.rule", "vote"),
        ("merge.weight_fast", -1),
        ("slow_context", 0),
        ("calibration", 3),
        ("strata", 3),
        ("strata.by", "mood"),
        ("strata.edges_db", [40, 15]),
        ("strata.edges_db", [None, 15]),
        ("strata.thresholds", [0.5, None]),
        ("strata.thresholds", [0.5, None, 2]),
    ],
)
def test_an_error_names_file_and_field(path, value):
    document = json.loads(STRATIFIED.to_json() if path.startswith("strata.") else FAST.to_json())
    *parents, key = path.split(".")
    target = document
    for parent in parents:
        target = target[parent]
    if value is DELETE:
        del target[key]
    else:
        target[key] = value
    with pytest.raises(ContractError, match="model.onnx") as caught:
        Contract.from_dict(document, "model.onnx")
    assert repr(path) in str(caught.value) and "expected" in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", b"\xff\xfe", '{"schema": NaN}'])
def test_what_is_not_a_contract(text):
    with pytest.raises(ContractError, match="model.json"):
        Contract.from_json(text, "model.json")


def test_both_weights_zero():
    with pytest.raises(ContractError, match="weight_slow"):
        replace(FAST, merge=Merge("log_linear", 0.0, 0.0)).to_json()
