# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The anomaly head: what it has seen is near, what it has not is far, and the threshold keeps its word."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from gr_speculative.canvas import Canvas
from gr_speculative.contract import Preprocessing
from gr_speculative.data import spectra
from gr_speculative.heads import HeadError, Heads, injected
from gr_speculative.heads.anomaly import AnomalyHead, Reference, load, order_statistics
from gr_speculative.heads.anomaly_net import AnomalyNet, reduced
from gr_speculative.heads.anomaly_training import fitted, reduced_samples
from gr_speculative.heads.false_alarms import false_alarms
from gr_speculative.heads.pca import PcaResidual
from gr_speculative.impairments import white_noise
from gr_speculative.modulators import ook_ism
from gr_speculative.wire import Request, check_heads

SHIPPED = Path(__file__).parents[1] / "models" / "anomaly.safetensors"
RATE, K, N = 250e3, 16, 1024


def context(rng, snr_db=20.0):
    """A keyed remote at 433 MHz in noise."""
    canvas = Canvas(RATE, K * N)
    ook_ism(canvas, rng)
    return canvas.samples * 10 ** (snr_db / 20) + white_noise(rng, K * N)


def features(samples_list):
    pairs = [reduced_samples(samples, RATE) for samples in samples_list]
    return order_statistics(*(np.stack(part) for part in zip(*pairs, strict=True)))


def wideband(rng):
    return (
        white_noise(rng, K * N, 1.0)
        + injected.band_limited_resample(white_noise(rng, K * N // 2 + 64, 1e3), 0.5, 1.0)[: K * N]
    )


def test_what_was_seen_is_nearer_than_what_was_not():
    rng = np.random.default_rng(1)
    reference = Reference(features([context(rng) for _ in range(60)]))
    same = reference.distance(features([context(rng) for _ in range(20)]))
    other = reference.distance(features([wideband(rng) for _ in range(20)]))
    assert np.max(same) < np.min(other)


def test_features_do_not_depend_on_where_a_signal_is():
    rng = np.random.default_rng(2)
    x = rng.random((3, K, 256), np.float32)
    rate = np.zeros((3, 1), np.float32)
    np.testing.assert_array_equal(
        order_statistics(x, rate), order_statistics(np.roll(x, 40, axis=2)[:, :, ::-1], rate)
    )


def requests_of(samples):
    db = spectra(samples, N, Preprocessing())
    level = np.clip((db + 60) * 2, 0, 255).astype(np.uint8)
    request = Request(1, 1, level, 0.5, -60.0, RATE, 100.0, "ook_ism", 0.5, "n")
    return [request], request.decibels(K)[None]


def test_a_head_comes_back_from_its_file_and_answers_what_it_declares(tmp_path):
    rng = np.random.default_rng(3)
    torch.manual_seed(1)
    head = AnomalyHead(
        AnomalyNet(8, 4),
        Reference(features([context(rng) for _ in range(40)])),
        {"threshold": 3.0, "false_alarm_rate": 0.01, "architecture": {"latent": 8, "width": 4}},
    )
    path = tmp_path / "own.safetensors"
    head.save(path)
    requests, db = requests_of(wideband(rng))
    (answer,) = head.answer(requests, db, np.zeros((1, 8)))
    assert load(str(path)).answer(requests, db, np.zeros((1, 8))) == [answer]
    assert answer.keys() == head.outputs.keys()
    assert answer["alarm"] == int(answer["score"] > 3.0) == 1
    assert len(answer["bins"]) % 2 == 0 and all(0 <= b < N for b in answer["bins"])
    check_heads("heads", {"anomaly": answer})
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(HeadError, match="own.safetensors"):
        Heads([f"gr_speculative.heads.anomaly:load={path}"])


def test_damaged_or_missing_metadata_is_an_error(tmp_path):
    path = tmp_path / "x.safetensors"
    with pytest.raises(OSError):
        load(str(path))
    path.write_bytes(b"")
    path.with_suffix(".json").write_text(json.dumps({"schema": 1, "head": "other"}))
    with pytest.raises(ValueError, match="not an anomaly head"):
        load(str(path))


class Recorded:
    """A recording in memory, as data.Recording is used here."""

    sample_rate = RATE

    def __init__(self, name, samples):
        self.name = self.group = name
        self._samples = samples

    def window_labels(self, size, labels):
        return np.full(len(self._samples) // size, 1)

    def read(self, start, count):
        return self._samples[start : start + count].astype(np.complex64)


def test_the_threshold_lets_through_what_it_says():
    rng = np.random.default_rng(4)
    own = [Recorded(f"r{i}", np.concatenate([context(rng), context(rng)])) for i in range(16)]
    head = fitted(AnomalyNet(8, 4), own, 0.1, seed=1)
    fresh = features([context(rng) for _ in range(100)])
    alarms = np.mean(head.reference.distance(fresh) > head.about["threshold"])
    assert 0.01 <= alarms <= 0.25
    with pytest.raises(ValueError, match="expected at least 9999"):
        fitted(AnomalyNet(8, 4), own[:4], 1e-4, seed=1)


def test_the_stated_rate_is_measured_on_devices_that_had_no_part_in_it():
    rng = np.random.default_rng(9)
    alike = [Recorded(f"d{i}", np.concatenate([context(rng) for _ in range(3)])) for i in range(15)]
    found = false_alarms(alike, seed=1)
    for score in ("neighbours", "pca residual"):
        measured = found[score]["0.05"]
        assert (measured["devices"], measured["contexts"]) == (15, 15 * 16)
        assert measured["low"] <= measured["rate"] <= measured["high"] and measured["rate"] < 0.15
    strange = [Recorded(f"s{i}", np.concatenate([wideband(rng) for _ in range(3)])) for i in range(1)]
    rate = false_alarms(alike + strange, seed=1)["neighbours"]["0.05"]["rate"]
    assert rate >= 1 / 16  # a device without its like alarms on all that it hears


def test_pca_leaves_nothing_of_what_its_components_span():
    rng = np.random.default_rng(10)
    base = rng.standard_normal((3, K, 256))
    seen = np.einsum("ni,ikc->nkc", rng.standard_normal((40, 3)), base)
    inside = np.einsum("ni,ikc->nkc", rng.standard_normal((5, 3)), base)
    pca = PcaResidual(seen, 3)
    np.testing.assert_allclose(pca(inside), 0, atol=1e-12)
    assert np.all(pca(inside + rng.standard_normal(inside.shape)) > 0.9)


@pytest.mark.parametrize("kind", injected.UNKNOWN_KINDS)
def test_unknown_signals_are_on_air_in_the_last_vector(kind):
    x, rate = injected.unknown(np.random.default_rng(5), kind, K)
    assert x.shape == (K * N,) and x.dtype == np.complex64 and rate > 0
    db = spectra(x, N, Preprocessing())[-1]
    assert db.max() > np.median(db) + 8


def test_injections_are_seeded_keep_the_length_and_can_be_seen():
    for name, inject in injected.INJECTIONS.items():
        x = context(np.random.default_rng(6)).astype(np.complex64)
        a, b = (inject(np.random.default_rng(7), x, RATE) for _ in range(2))
        np.testing.assert_array_equal(a, b)
        assert a.shape == x.shape and not np.allclose(a, x), name


def test_the_residual_points_at_a_jammer():
    """The shipped autoencoder on a keyed remote, with a band of noise elsewhere from the middle of the
    context on."""
    if not SHIPPED.exists():
        pytest.skip("the anomaly head is not in models/")
    head = load(str(SHIPPED))
    rng = np.random.default_rng(8)
    hits = 0
    for _ in range(20):
        x = context(rng)
        band = injected.band_limited_resample(white_noise(rng, K * N // 20 + 64), 0.05, 1.0)[: K * N]
        start = rng.uniform(0.25, 0.4) * rng.choice([-1, 1])
        jam = 30 * np.sqrt(0.05) * band * np.exp(2j * np.pi * start * np.arange(len(band)))
        x[: len(band)][len(band) // 2 :] += jam[len(band) // 2 :]
        clean, dirty = (head.residual(*_one(samples)) for samples in (context(rng), x))
        extra = np.convolve((dirty - clean)[0], np.ones(9) / 9, "same")
        hits += abs(int(np.argmax(extra)) - (128 + 256 * start)) < 20
    assert hits >= 9  # chance: 3


def _one(samples):
    db = spectra(samples.astype(np.complex64), N, Preprocessing())[None]
    return reduced(db, np.array([RATE]), Preprocessing())
