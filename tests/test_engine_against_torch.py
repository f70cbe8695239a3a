# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The C++ engine against PyTorch on the shipped fast model, in float32 and in integers, and its preprocessing
against numpy's, on every kernel."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("gnuradio.speculative", reason="the GNU Radio module is not installed")

from gnuradio import speculative

from gr_speculative.fast_model import load_fast_model
from gr_speculative.installed import default_fast_model, float32_fast_model
from gr_speculative.model import Model
from gr_speculative.preprocessing import prepare, to_db, window
from gr_speculative.sigmf_io import open_recording

RECORDINGS = Path(
    os.environ.get("SPECULATIVE_RECORDINGS", Path(__file__).parents[2] / "shared" / "recordings")
)
BINS = 1024
RATE = 2e6


def _random() -> np.ndarray:
    """Spectra of noise with tones, over twelve decades of level, complex64 [256, BINS]."""
    rng = np.random.default_rng(1)
    noise = rng.standard_normal((256, BINS)) + 1j * rng.standard_normal((256, BINS))
    noise[np.arange(256), rng.integers(0, BINS, 256)] += 10 ** rng.uniform(0, 4, 256)
    return (noise * 10 ** rng.uniform(-6, 6, (256, 1))).astype(np.complex64)


def _recorded() -> np.ndarray:
    """Spectra of one recording of each class, complex64 [n, BINS]."""
    if not (RECORDINGS / "manifest.csv").is_file():
        pytest.skip(f"no recordings in {RECORDINGS}: compared on random vectors only")
    with open(RECORDINGS / "manifest.csv", newline="", encoding="utf-8") as file:
        first = {row["class"]: row for row in csv.DictReader(file) if row["sample_rate"]}
    spectra = []
    for row in first.values():
        samples = open_recording(RECORDINGS / row["file"], float(row["sample_rate"])).read(0, 32 * BINS)
        vectors = samples[: len(samples) // BINS * BINS].reshape(-1, BINS) * window("blackmanharris", BINS)
        spectra.append(np.fft.fftshift(np.fft.fft(vectors, axis=1), axes=1))
    return np.concatenate(spectra).astype(np.complex64)


def _compared(path: str, kernel: str, spectra: np.ndarray) -> tuple[dict, dict, Model]:
    """What the engine says of spectra, and what torch says of the same network inputs; the model."""
    engine, model = speculative.fast_model(path, kernel), load_fast_model(path)
    found = engine.preprocess(spectra, speculative.input_kind.complex_fft)
    assert found["valid"].all()

    db = to_db(np.abs(spectra.astype(np.complex128)).astype(np.float64) ** 2).astype(np.float32)
    x, rate = prepare(db[:, None], np.full(len(db), RATE), model.contract.preprocessing)
    np.testing.assert_allclose(found["x"], x.reshape(len(db), BINS), rtol=0, atol=1e-5)

    rates = np.full(len(db), engine.rate_feature(RATE), np.float32)
    np.testing.assert_allclose(rates, rate.ravel(), rtol=0, atol=1e-6)
    with torch.inference_mode():
        values = model._network.values(
            torch.from_numpy(found["x"][:, None]), torch.from_numpy(rates[:, None])
        )
    values["posterior"] = torch.softmax(values["logits"] / model.contract.temperature, dim=1)
    return engine.classify(found["x"], rates), values, model


@pytest.mark.parametrize("kernel", speculative.kernel_names())
@pytest.mark.parametrize("vectors", [_random, _recorded])
def test_engine_equals_torch(kernel, vectors) -> None:
    got, values, model = _compared(float32_fast_model(), kernel, vectors())
    posterior = values["posterior"].numpy()
    np.testing.assert_allclose(got["posterior"], posterior, rtol=0, atol=1e-4)
    np.testing.assert_allclose(got["features"], values["features"].numpy(), rtol=1e-4, atol=1e-4)
    # Logits are known up to a constant by their differences in the log posterior.
    sure = posterior > 1e-3
    ours = np.log(np.where(sure, got["posterior"], 1)) * model.contract.temperature
    theirs = np.log(np.where(sure, posterior, 1)) * model.contract.temperature
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)


def _from_a_tie(model: Model, values: dict) -> np.ndarray:
    """By vector, how many steps the value that is rounded nearest to a tie is away from it."""
    nearest = np.full(len(values["spectrum"]), np.inf)
    for node, _ in model._network._nodes:
        if node.op_type == "QuantizeLinear":
            value, step, zero = (values[name].double().numpy() for name in node.input)
            steps = np.clip(value / step + zero, 0, 255).reshape(len(nearest), -1)
            nearest = np.minimum(nearest, np.abs(steps - np.floor(steps) - 0.5).min(axis=1))
    return nearest


@pytest.mark.parametrize("kernel", speculative.kernel_names())
@pytest.mark.parametrize("vectors", [_random, _recorded])
def test_engine_equals_torch_in_integers(kernel, vectors) -> None:
    """Torch adds in float32 what the engine adds exactly, so where a value is all but a tie, one may round up."""
    got, values, model = _compared(default_fast_model(), kernel, vectors())
    off = np.abs(got["posterior"] - values["posterior"].numpy()).max(axis=1)
    clear = _from_a_tie(model, values) > 1e-4
    assert clear.mean() > 0.5
    assert off[clear].max() < 1e-4
    assert off.max() < 0.02
    features = values["features"].numpy()
    np.testing.assert_allclose(got["features"][clear], features[clear], rtol=1e-4, atol=1e-4)


def test_the_integers_are_made_of_the_float32_model() -> None:
    float32, integers = load_fast_model(float32_fast_model()), load_fast_model(default_fast_model())
    assert integers.contract.calibration["quantized"]["from"] == float32.sha256
    db = to_db(np.abs(_random()) ** 2)[:, None]
    expected, found = (m.outputs(db, np.full(len(db), RATE))[0] for m in (float32, integers))
    assert np.mean(expected.argmax(axis=1) == found.argmax(axis=1)) > 0.97
