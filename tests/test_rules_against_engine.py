# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The deferral rules and strata of the C++ engine against those that calibrate and evaluate reckon with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("gnuradio.speculative", reason="the GNU Radio module is not installed")

from gnuradio import speculative  # noqa: E402

from gr_speculative import rules  # noqa: E402
from gr_speculative.calibrate import write_calibrated  # noqa: E402
from gr_speculative.contract import LABELS, RULES, Strata  # noqa: E402
from gr_speculative.fast_model import load_fast_model  # noqa: E402
from gr_speculative.installed import default_fast_model  # noqa: E402

BENEFIT = rules.Benefit((-2.0, 1.0, 3.0, 0.5, 1.5, 0.3, -4.0), tuple(np.linspace(-1, 1, len(LABELS))), -0.2)
STRATA = (
    None,
    Strata("label", (0.0, 0.3, None, 0.9, 1.0, 0.5, None, 0.2)),
    Strata("snr", (0.9, None, 0.1, 0.6), (15.0, 25.0, 40.0)),
)


@pytest.fixture(scope="module")
def vectors() -> tuple[np.ndarray, np.ndarray]:
    """Posteriors, some certain, and normalised spectra with all kinds of peaks, some on an edge."""
    rng = np.random.default_rng(5)
    p = rng.dirichlet(np.full(len(LABELS), 0.3), 400).astype(np.float32)
    p[:8] = np.eye(8)
    x = rng.uniform(-1, 0.8, (400, 1024)).astype(np.float32)
    x[np.arange(400), rng.integers(0, 1024, 400)] = rng.choice([0.5, 0.75, 1, 1.25, 2, 2.5, 3], 400)
    return p, x


def written(path: Path, strata: Strata | None, rule: str = "benefit") -> Path:
    fields = {"rule": rule, "threshold": 0.7, "strata": strata and strata.to_dict()}
    write_calibrated(Path(default_fast_model()), path, fields, {"benefit": BENEFIT.to_dict()})
    return path


def test_scores_are_equal(vectors, tmp_path) -> None:
    p, x = vectors
    engine = speculative.fast_model(str(written(tmp_path / "fast.onnx", None)))
    assert engine.rule == speculative.deferral_rule.benefit
    for rule in RULES:
        expected = rules.score(rule, p.astype(float), rules.levels(x), BENEFIT)
        found = engine.score(getattr(speculative.deferral_rule, rule), p, x)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert np.ptp(found) > 0.3  # of the benefit: not all the same


@pytest.mark.parametrize("strata", STRATA, ids=["one threshold", "label", "snr"])
@pytest.mark.parametrize("rule", ["margin", "benefit"])
def test_the_same_vectors_are_deferred(vectors, tmp_path, strata, rule) -> None:
    p, x = vectors
    path = written(tmp_path / "fast.onnx", strata, rule)
    model, contract = speculative.fast_model(str(path)), load_fast_model(path).contract
    levels = rules.levels(x)
    score, threshold = rules.score(rule, p, levels, BENEFIT), rules.thresholds(contract, p, levels)
    clear = np.abs(score - threshold) > 1e-5
    assert clear.sum() > 350
    cascade = speculative.offline_cascade(model, -1, 1e6, 0)
    answers = [cascade.on_vector(*pair) for pair in zip(p, x, strict=True)]
    # Nobody answers, so that in the end the table is full.
    deferred = np.array([answer.deferred or answer.source == "fast_fallback" for answer in answers])
    expected = ~rules.is_accepted(score, threshold)
    assert np.array_equal(deferred[clear], expected[clear])
    assert 0.05 < expected.mean() < 0.95


def test_a_threshold_for_all_puts_strata_aside(vectors, tmp_path) -> None:
    p, x = vectors
    model = speculative.fast_model(str(written(tmp_path / "fast.onnx", STRATA[1], "margin")))
    cascade = speculative.offline_cascade(model, 0.0, 1e6, 0)
    assert not any(cascade.on_vector(*pair).deferred for pair in zip(p, x, strict=True))


def test_a_model_without_a_benefit_says_so(vectors) -> None:
    p, x = vectors
    model = speculative.fast_model(default_fast_model())
    with pytest.raises(ValueError, match="calibration.benefit"):
        model.score(speculative.deferral_rule.benefit, p, x)
