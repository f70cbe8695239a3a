# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Heads: loaded by name, asked beside the class, and never able to cost it."""

import contextlib
import json

import numpy as np
import pytest

from gr_speculative import wire
from gr_speculative.heads import HeadError, Heads
from gr_speculative.model_process import ModelProcess
from gr_speculative.wire import Request, Verdict, WireError


@pytest.fixture(autouse=True)
def _importable(monkeypatch, request):
    folder = str(request.path.parent)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", folder)


def request_of(level: int, node: str = "n1") -> Request:
    return Request(
        1, 2, np.full((3, 1024), level, np.uint8), 0.5, -100.0, 2e6, 100.0, "noise", 0.5, node, 7, 433.9e6
    )


SCORES = np.array([[0.1, 0.7, 0.2], [0.8, 0.1, 0.1]], np.float32)


def test_heads_answer_by_name_and_take_an_argument():
    heads = Heads(["some_heads:Loudness=3"])
    first, second = heads.answer(16, [request_of(100), request_of(200, "n2")], SCORES)
    assert first == {"loudness": {"peak": -47.0, "node": "n1 noise 4.339e+08", "top": [0.1, 0.2, 0.7]}}
    assert second["loudness"]["peak"] == 3.0
    assert heads.declared() == {
        "loudness": {"peak": "dB", "node": "who asked", "top": "the three largest scores"}
    }


def test_without_heads_there_is_nothing_to_say():
    assert Heads().answer(16, [request_of(1)], SCORES[:1]) == [{}]


@pytest.mark.parametrize(
    ("factory", "complaint"),
    [
        ("failing", "out of luck"),
        ("undeclared", "does not declare: other"),
        ("not_finite", "heads.saying.value"),
        ("too_few", "0 answers to 1"),
    ],
)
def test_a_head_that_fails_costs_its_own_answer_only(factory, complaint):
    heads = Heads([f"some_heads:{factory}", "some_heads:Loudness"])
    (answer,) = heads.answer(16, [request_of(100)], SCORES[:1])
    assert complaint in answer["saying"]["error"]
    assert answer["loudness"]["peak"] == -50.0
    wire.check_heads("heads", answer)


@pytest.mark.parametrize(
    ("specifications", "complaint"),
    [
        (["nothing_there:make"], "nothing_there"),
        (["some_heads:absent"], "absent"),
        (["some_heads"], "module:factory"),
        (["some_heads:nameless"], "`name` of a-z"),
        (["some_heads:Loudness=loud"], "loud"),
        (["some_heads:Loudness", "some_heads:Loudness"], "names that differ"),
    ],
)
def test_what_is_no_head_is_refused(specifications, complaint):
    with pytest.raises(HeadError, match=complaint):
        Heads(specifications)


def test_verdicts_carry_heads_through_the_wire():
    heads = {"anomaly": {"score": 1.5, "alarm": 1, "bins": [3, 9]}, "who": {"name": "a", "all": ["b", 2]}}
    frames = wire.encode_verdict(Verdict(1, 2, "ok", SCORES[0], heads=heads))
    assert wire.decode_verdict(frames).heads == heads
    assert wire.decode_verdict(wire.encode_verdict(Verdict(1, 2, "ok", SCORES[0]))).heads is None


@pytest.mark.parametrize(
    "heads",
    [
        [],
        "anomaly",
        {"a": 1},
        {"A": {}},
        {"a": {"B": 1}},
        {"a": {"b": {}}},
        {"a": {"b": None}},
        {"a": {"b": True}},
        {"a": {"b": [[1]]}},
        {"a": {"b": [1] * 65}},
        {"a": {"b": "x" * 513}},
        {"a": {"b": 1e301}},
        {"a": {"b": 10**400}},
        {f"a{i}": {} for i in range(9)},
        {"a": {f"b{i}": 1 for i in range(17)}},
    ],
)
def test_heads_that_break_the_rules_are_refused(heads):
    version, header, payload = wire.encode_verdict(Verdict(1, 2, "ok", SCORES[0]))
    header = json.dumps(json.loads(header) | {"heads": heads}).encode()
    with pytest.raises(WireError, match="heads"):
        wire.decode_verdict([version, header, payload])


def test_a_models_process_asks_the_heads():
    process = ModelProcess("instant_slow_model:make", heads=["some_heads:Loudness=3", "some_heads:failing"])
    with contextlib.closing(process):
        process.load()
        scores, heads = process.infer([request_of(100), request_of(200, "n2")])
    assert scores.shape == (2, 8)
    assert [h["loudness"]["peak"] for h in heads] == [-47.0, 3.0]
    assert heads[1]["loudness"]["node"] == "n2 noise 4.339e+08"
    assert "out of luck" in heads[0]["saying"]["error"]


def test_a_models_process_says_which_head_it_cannot_load():
    process = ModelProcess("instant_slow_model:make", heads=["nothing_there:make"])
    with contextlib.closing(process), pytest.raises(RuntimeError, match="nothing_there"):
        process.load()
