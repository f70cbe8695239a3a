# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
import numpy as np
import pytest

from gr_speculative.contract import Preprocessing
from gr_speculative.preprocessing import (
    dequantise,
    is_valid,
    noise_floor,
    pad_context,
    prepare,
    quantise,
    rate_feature,
    to_db,
    window,
)

CONSTANTS = Preprocessing()


@pytest.fixture
def db():
    return np.random.default_rng(1).normal(-60, 6, (3, 4, 1024)).astype(np.float32)


def test_decibels():
    np.testing.assert_allclose(to_db(np.array([1.0, 100.0, 0.0, 1e-30])), [0, 20, -200, -200])


def test_floor_is_the_fourth_smallest_block_mean():
    blocks = np.random.default_rng(2).permutation(32).astype(np.float32) / 4
    assert noise_floor(np.repeat(blocks, 32), CONSTANTS) == 0.75


def test_a_signal_that_fills_28_blocks_leaves_the_floor(db):
    quiet = np.full(1024, -90, np.float32)
    quiet[128:] = -72
    assert noise_floor(quiet, CONSTANTS) == -90


def test_a_stopband_is_not_the_floor():
    """Half of the band is empty, as after a resampler: the noise of the other half stays on the scale."""
    db = np.full(1024, -150, np.float32)
    db[:512] = -60
    assert noise_floor(db, CONSTANTS) == -80
    db[512:] = -75  # a floor within reach is one
    assert noise_floor(db, CONSTANTS) == -75


def test_one_floor_for_a_context(db):
    db[:, 1] -= 30
    spectrum, rate = prepare(db, np.array([1.024e6, 2.048e6, 1.024e7]), CONSTANTS)
    assert spectrum.shape == db.shape and spectrum.dtype == np.float32 and rate.shape == (3, 1)
    floor = noise_floor(db, CONSTANTS)[:, 1]
    np.testing.assert_allclose(spectrum[:, 0], np.clip((db[:, 0] - floor[:, None]) / 20, -1, 3), atol=1e-6)
    np.testing.assert_allclose(rate[:, 0], [0, np.log10(2), 1], atol=1e-6)


def test_gain_does_not_matter(db):
    one, _ = prepare(db, np.full(3, 1e6), CONSTANTS)
    two, _ = prepare(db + np.float32(17.3), np.full(3, 1e6), CONSTANTS)
    np.testing.assert_allclose(one, two, atol=2e-5)


def test_silence_is_finite():
    spectrum, _ = prepare(np.full((1, 1, 1024), -np.inf, np.float32), np.array([1e6]), CONSTANTS)
    assert np.all(spectrum == 0)


def test_validity():
    power = np.ones((4, 32), np.float32)
    power[1, 3], power[2, 5], power[3, 7] = np.nan, np.inf, -np.inf
    assert list(is_valid(power)) == [True, False, False, False]
    assert list(is_valid(power, power=False)) == [True, False, False, True]


def test_padding_repeats_the_oldest(db):
    padded = pad_context(db, 6)
    assert padded.shape == (3, 6, 1024)
    assert np.all(padded[:, :3] == db[:, :1]) and np.all(padded[:, 2:] == db)


def test_quantisation_error_is_half_a_step(db):
    values, scale, offset = quantise(db)
    assert values.dtype == np.uint8
    assert np.max(np.abs(dequantise(values, scale, offset) - db)) <= scale / 2 + 1e-4


def test_quantisation_keeps_the_top():
    db = np.array([-200.0, 0.0, 10.0], np.float32)
    values, scale, offset = quantise(db)
    np.testing.assert_allclose(dequantise(values, scale, offset), [10 - 127.5, 0, 10], atol=scale / 2 + 1e-4)
    assert quantise(np.zeros((2, 4), np.float32))[1] == 1.0


def test_windows_are_gnuradios():
    shape = window("blackmanharris", 1024)
    assert shape[0] == pytest.approx(6e-5, abs=1e-6) and np.all(shape == shape[::-1])
    assert shape.sum() == pytest.approx(0.35875 * 1023, rel=1e-3)
    with pytest.raises(ValueError, match="kaiser"):
        window("kaiser", 1024)


def test_rate_feature_of_a_scalar():
    assert rate_feature(1.024e6, 1024) == pytest.approx(0)
