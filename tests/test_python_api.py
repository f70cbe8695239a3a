# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The Python API: every snippet of its page, and SpeculativeInferenceManager when things go wrong."""

import doctest
import inspect
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from gr_speculative.contract import Contract
from gr_speculative.wire import Verdict

speculative = pytest.importorskip(
    "gnuradio.speculative", reason="the GNU Radio module is not installed", exc_type=ImportError
)
from gnuradio.speculative import SpeculativeInferenceManager  # noqa: E402

ROOT = Path(__file__).parents[1]
PATIENCE_S = 20.0
RATE = 2e6


def bins(seed=1):
    rng = np.random.default_rng(seed)
    return rng.normal(size=1024) + 1j * rng.normal(size=1024)


class Slow:
    """Certain of label 1; `gate` holds it up, `error` makes it fail."""

    def __init__(self, labels, error=None):
        self.contract = Contract("slow", "slow", context=16, labels=tuple(labels))
        self.gate = threading.Event()
        self.gate.set()
        self.error = error
        self.seen = []

    def predict(self, db, sample_rate):
        self.gate.wait(PATIENCE_S)
        self.seen.append(db[0])
        if self.error:
            raise self.error
        return np.eye(len(self.contract.labels), dtype=np.float32)[[1] * len(db)]


@pytest.fixture
def make():
    made = []

    def make(slow=None, **options):
        manager = SpeculativeInferenceManager("", slow, **options)
        manager.sample_rate = RATE
        made.append(manager)
        return manager

    yield make
    for manager in made:
        manager.close()


LABELS = speculative.fast_model(speculative.default_fast_model()).labels


def test_the_page():
    failed, tried = doctest.testfile(str(ROOT / "docs" / "python-api.md"), module_relative=False)
    assert tried > 30 and failed == 0


def test_the_signature():
    parameters = inspect.signature(SpeculativeInferenceManager).parameters
    assert list(parameters) == [
        "fast_model",
        "slow_model",
        "confidence_threshold",
        "slow_model_timeout",
        "comm_network",
        "enable_atmospheric_scaling",
    ]
    assert [p.default for p in parameters.values()][2:] == [0.85, 2.0, None, False]


def test_the_fast_answer_is_the_fast_models(make):
    model = speculative.fast_model(speculative.default_fast_model())
    manager = make()
    for seed in range(5):
        answer = manager.infer(bins(seed))
        x = model.preprocess(bins(seed)[None], speculative.input_kind.complex_fft)["x"]
        found = model.classify(x, np.array([model.rate_feature(RATE)], np.float32))
        np.testing.assert_array_equal(answer["probabilities"], found["posterior"][0])
        np.testing.assert_array_equal(answer["latent_features"], found["features"][0])
        z = answer["logits"] / model.temperature
        np.testing.assert_allclose(np.exp(z) / np.exp(z).sum(), found["posterior"][0], atol=1e-6)


def test_the_slow_model_sees_the_context_until_a_reset_or_an_invalid_vector(make):
    slow = Slow(LABELS)
    manager = make(slow, confidence_threshold=1.0)
    distinct = lambda db: len({row.tobytes() for row in db})  # noqa: E731
    for seed in range(3):
        manager.infer(bins(seed))
    assert [distinct(db) for db in slow.seen] == [1, 2, 3]
    manager.reset()
    manager.infer(bins(4))
    assert distinct(slow.seen[-1]) == 1
    manager.infer(bins(5))
    assert manager.infer(np.full(1024, np.nan + 0j))["source"] == "invalid"
    manager.infer(bins(6))
    assert distinct(slow.seen[-1]) == 1
    statistics = manager.get_statistics()
    assert statistics["total_inferences"] == 7 and statistics["invalid"] == 1
    parts = ("fast_path_ratio", "slow_path_ratio", "fallback_ratio", "invalid_ratio")
    assert sum(statistics[part] for part in parts) == pytest.approx(1)


def test_emissions_are_asked_about_once_until_a_reset(make, answered):
    slow = Slow(LABELS)
    manager = make(slow, confidence_threshold=0.05)
    manager.set_per_emission(True)
    answers = [manager.infer(bins(seed)) for seed in range(60)]
    asked = [answer["deferred"] for answer in answers].index(True)
    assert {answer["emission"] for answer in answers} == {0}
    assert sum(answer["deferred"] for answer in answers) == len(slow.seen) < 6
    assert answers[asked - 1]["source"] == "fast"
    assert {(a["source"], a["prediction"]) for a in answers[asked:]} == {(answered, LABELS[1])}
    manager.reset()
    after = manager.infer(bins(60))
    assert (after["emission"], after["source"]) == (1, "fast")
    assert manager.get_statistics()["emissions"] == 2
    manager.set_per_emission(False)
    assert manager.infer(bins(61))["emission"] is None


def test_a_slow_model_that_hangs_costs_its_timeout_once_and_its_verdict_is_late(make, answered):
    slow = Slow(LABELS)
    slow.gate.clear()
    manager = make(slow, confidence_threshold=1.0, slow_model_timeout=0.05)
    assert [manager.infer(bins(seed))["source"] for seed in range(3)] == ["fast_fallback"] * 3
    assert (manager.get_statistics()["timed_out"], manager.get_statistics()["failed"]) == (1, 2)
    slow.gate.set()
    end = time.monotonic() + PATIENCE_S
    while manager.get_statistics()["late"] == 0:
        assert time.monotonic() < end
        time.sleep(0.005)
    assert manager.infer(bins(9))["source"] == answered


@pytest.mark.parametrize("network", [False, True])
def test_a_slow_model_that_fails_leaves_the_fast_answer(make, network):
    def broken(request, timeout):
        raise RuntimeError("no network")

    slow = None if network else Slow(LABELS, ValueError("broken"))
    manager = make(slow, confidence_threshold=1.0, comm_network=broken if network else None)
    answer = manager.infer(bins())
    assert answer["source"] == "fast_fallback" and answer["prediction"] == answer["fast_prediction"]
    assert manager.get_statistics()["failed"] == 1


def test_a_network_of_ones_own(make, answered):
    asked = []

    def ask(request, timeout):
        asked.append((request.levels.shape, request.sample_rate, timeout))
        return Verdict(request.session, request.seq, "ok", np.eye(len(LABELS), dtype=np.float32)[2])

    answer = make(confidence_threshold=1.0, comm_network=ask, slow_model_timeout=5.0).infer(bins())
    assert asked == [((1, 1024), RATE, 5.0)]
    assert (answer["prediction"], answer["source"]) == (LABELS[2], answered)


def test_a_model_of_other_labels_is_refused_and_counted(make):
    manager = make(Slow(["a", "b"]), confidence_threshold=1.0)
    assert manager.infer(bins())["source"] == "fast_fallback"


def test_conditions_count_only_where_they_may(make):
    poor = {"propagation_quality": 0.0, "timestamp": time.time()}
    manager = make(Slow(LABELS), confidence_threshold=0.6)
    assert manager.update_conditions(poor) is False
    assert manager.get_statistics()["current_confidence_threshold"] == 0.6
    manager = make(Slow(LABELS), confidence_threshold=0.6, enable_atmospheric_scaling=True)
    assert manager.update_conditions(poor | {"timestamp": 0}) is False
    assert manager.update_conditions(poor) is True
    assert manager.get_statistics()["current_confidence_threshold"] == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"confidence_threshold": 1.5}, "threshold"),
        ({"confidence_threshold": -1}, "threshold"),
        ({"slow_model_timeout": 0}, "deadline"),
        ({"comm_network": "nowhere"}, "nowhere"),
    ],
)
def test_refuses_what_is_out_of_range(options, name):
    with pytest.raises((ValueError, OSError), match=name):
        SpeculativeInferenceManager("", None, **options)


@pytest.mark.parametrize(
    ("vector", "options", "said"),
    [
        (np.zeros((2, 1024)), {}, "one FFT of 1024 bins"),
        (np.ones(1024), {"kind": "complex"}, "kind"),
        (np.ones(1024, complex), {"kind": "power"}, "kind"),
        (np.ones(1024), {"kind": "volts"}, "kind"),
        (np.full(1024, -3.0), {}, "decibel"),
        (np.ones(1024), {"sample_rate": 0}, "sample_rate"),
    ],
)
def test_refuses_what_is_no_vector(make, vector, options, said):
    with pytest.raises(ValueError, match=said):
        make().infer(vector, **options)


def test_a_hub_answers_a_python_client(make, answered):
    pytest.importorskip("torch")
    from gr_speculative.worker import Worker

    with Worker(speculative.default_slow_model()) as worker:
        manager = make(confidence_threshold=1.0, comm_network=worker.endpoint, slow_model_timeout=PATIENCE_S)
        assert [manager.infer(bins(seed))["source"] for seed in range(2)] == [answered] * 2
