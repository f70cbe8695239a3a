# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
import numpy as np
import pytest

from gr_speculative import metrics

LABEL = np.array([0, 0, 0, 1, 1, 2])
GUESS = np.array([0, 0, 1, 1, 1, 0])


def test_counts():
    assert metrics.accuracy(GUESS, LABEL) == pytest.approx(4 / 6)
    assert metrics.balanced_accuracy(GUESS, LABEL) == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert metrics.confusion(GUESS, LABEL, 4).tolist() == [
        [2, 1, 0, 0],
        [0, 2, 0, 0],
        [1, 0, 0, 0],
        [0, 0, 0, 0],
    ]


def test_likelihood_and_margin():
    p = np.array([[0.5, 0.3, 0.2], [0.1, 0.9, 0.0]])
    assert metrics.nll(p, np.array([0, 1])) == pytest.approx(-(np.log(0.5) + np.log(0.9)) / 2)
    assert metrics.nll(p, np.array([0, 2])) < 20  # a certain miss stays finite
    np.testing.assert_allclose(metrics.margin(p), [0.2, 0.8])


def test_calibration_error_of_a_calibrated_and_of_a_boastful_model():
    rng = np.random.default_rng(1)
    confidence = rng.uniform(0.3, 1, 60_000)
    correct = rng.random(60_000) < confidence
    assert metrics.expected_calibration_error(confidence, correct) < 0.01
    assert metrics.expected_calibration_error(np.full(60_000, 0.95), correct) == pytest.approx(0.3, abs=0.01)
    bins = metrics.calibration_bins(confidence, correct)
    assert bins.shape == (15, 3) and bins[:, 2].sum() == pytest.approx(1) and np.ptp(bins[:, 2]) < 1e-4


def test_deferral_between_random_and_oracle():
    rng = np.random.default_rng(2)
    fast, merged = rng.random(2000) < 0.7, rng.random(2000) < 0.9
    gain = merged.astype(float) - fast
    perfect = metrics.deferral(-gain, fast, merged)
    assert perfect.quality == pytest.approx(1)
    assert perfect.rule[0] == fast.mean() and perfect.rule[-1] == pytest.approx(merged.mean())
    assert metrics.deferral(gain, fast, merged).quality < -0.5
    assert abs(metrics.deferral(rng.random(2000), fast, merged).quality) < 0.15
    assert np.all(perfect.oracle >= perfect.random - 1e-12)
    assert np.isnan(metrics.deferral(gain, fast, fast).quality)


def test_risk_and_coverage():
    correct = np.array([True, False, True, True])
    coverage, risk = metrics.risk_coverage(np.array([0.9, 0.2, 0.8, 0.7]), correct)
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1] and risk.tolist() == [0, 0, 0, 0.25]
    assert metrics.augrc(np.array([0.9, 0.2, 0.8, 0.7]), correct) == pytest.approx(0.5 * 0.25 * 0.25)
    assert metrics.augrc(np.array([0.1, 0.9, 0.2, 0.3]), correct) > 0.15


def test_auroc():
    assert metrics.auroc(np.array([2.0, 3]), np.array([0.0, 1])) == 1
    assert metrics.auroc(np.array([0.0]), np.array([1.0])) == 0
    assert metrics.auroc(np.array([1.0, 1]), np.array([1.0])) == 0.5


def test_bootstrap_draws_files_not_windows():
    """A hundred equal windows of each file are no more evidence than one."""
    value = np.array([0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0])
    few = metrics.bootstrap(np.arange(8), lambda rows: value[rows].mean())
    repeated, files = np.repeat(value, 100), np.repeat(np.arange(8), 100)
    many = metrics.bootstrap(files, lambda rows: repeated[rows].mean())
    np.testing.assert_allclose(few, many)
    assert few[0] < 0.45 and few[1] > 0.8
