# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
import numpy as np
import pytest

from gr_speculative.metrics import auroc
from gr_speculative.unknown import Prototypes, fit_prototypes


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


def test_a_byte_a_component_is_enough(fitted):
    prototypes, centres = fitted
    again = Prototypes.from_dict(prototypes.to_dict())
    np.testing.assert_allclose(again.score(centres), prototypes.score(centres), atol=0.01)


@pytest.mark.parametrize("change", [{"shape": [3, 3]}, {"int8": "*"}, {"int8": 5}, {"shape": None}])
def test_a_damaged_record_is_refused(fitted, change):
    with pytest.raises(ValueError, match="calibration.unknown"):
        Prototypes.from_dict(fitted[0].to_dict() | change)


def test_fewer_examples_than_prototypes_and_a_dead_feature():
    features = np.zeros((3, 4), np.float32)
    features[0, 0] = 1
    assert np.isfinite(fit_prototypes(features, 8).score(features)).all()
