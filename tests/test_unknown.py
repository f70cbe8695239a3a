# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
import numpy as np
import pytest

from gr_speculative.metrics import auroc
from gr_speculative.unknown import Strangeness, fit_prototypes


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(1)
    centres = rng.normal(0, 1, (5, 16))
    return fit_prototypes(
        np.concatenate([c + 0.1 * rng.normal(size=(200, 16)) for c in centres]), 32
    ), centres


def test_what_training_showed_is_nearer_than_what_it_did_not(fitted):
    prototypes, centres = fitted
    rng = np.random.default_rng(2)
    familiar = np.concatenate([c + 0.1 * rng.normal(size=(50, 16)) for c in centres])
    strange = rng.normal(0, 1, (250, 16))
    assert auroc(prototypes.score(strange), prototypes.score(familiar)) > 0.99
    np.testing.assert_allclose(prototypes.score(3 * familiar), prototypes.score(familiar), atol=1e-5)


@pytest.fixture(scope="module")
def known(fitted):
    prototypes, centres = fitted
    rng = np.random.default_rng(3)
    p = rng.dirichlet([20, 1, 1], 1000)
    return Strangeness.fit(np.repeat(centres, 200, axis=0) + 0.1 * rng.normal(size=(1000, 16)), p), p


def test_strange_is_what_is_far_or_in_doubt(fitted, known):
    strangeness, p = known
    near, sure = fitted[1][:1], np.array([[1.0, 0, 0]])
    assert strangeness.score(near, sure) < 1
    assert strangeness.score(-near, sure) > 1
    assert strangeness.score(near, np.array([[0.4, 0.3, 0.3]])) > 1
    assert np.mean(1 - p.max(axis=1) > strangeness.doubt) == pytest.approx(0.05, abs=0.002)


def test_a_byte_a_component_is_enough(fitted, known):
    strangeness, centres = known[0], fitted[1]
    again, sure = Strangeness.from_dict(strangeness.to_dict()), np.eye(3)[[0] * 5]
    np.testing.assert_allclose(again.score(centres, sure), strangeness.score(centres, sure), atol=0.3)
    assert (again.distance, again.doubt) == (strangeness.distance, strangeness.doubt)


@pytest.mark.parametrize(
    "change",
    [{"shape": [3, 3]}, {"int8": "*"}, {"int8": 5}, {"shape": None}, {"distance": 0}, {"doubt": "much"}],
)
def test_a_damaged_record_is_refused(known, change):
    with pytest.raises(ValueError, match="calibration.unknown"):
        Strangeness.from_dict(known[0].to_dict() | change)


def test_fewer_examples_than_prototypes_and_a_dead_feature():
    features = np.zeros((3, 4), np.float32)
    features[0, 0] = 1
    assert np.isfinite(fit_prototypes(features, 8).score(features)).all()
