# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Post-training quantisation: what it writes, that ONNX's own reference agrees, and the C++ engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator

from gr_speculative.contract import Contract
from gr_speculative.fast_model import load_fast_model
from gr_speculative.models import FastNet
from gr_speculative.onnx_export import export_fast
from gr_speculative.preprocessing import prepare
from gr_speculative.quantize import quantize

RATE = np.full(48, 2e6)


def _examples(seed: int) -> np.ndarray:
    """Noise with a tone or a hump, dB float32 [48, 1, 1024]."""
    rng = np.random.default_rng(seed)
    db = rng.normal(-90, 5, (48, 1, 1024))
    for row in db[:, 0]:
        at, width = rng.integers(0, 900), rng.integers(1, 120)
        row[at : at + width] += rng.uniform(5, 50)
    return db.astype(np.float32)


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> tuple[Path, Path]:
    """A float32 model and the same in integers."""
    folder = tmp_path_factory.mktemp("quantize")
    torch.manual_seed(1)
    network = FastNet().eval()
    for parameter in network.parameters():  # large enough that classes differ
        parameter.data *= 2
    export_fast(folder / "float32.onnx", network, Contract("fast", "tiny"))
    quantize(folder / "float32.onnx", folder / "bytes.onnx", _examples(1), RATE)
    return folder / "float32.onnx", folder / "bytes.onnx"


def test_weights_are_seven_bits_and_large_products_are_integers(pair) -> None:
    graph = onnx.load(pair[1]).graph
    integers = [
        onnx.numpy_helper.to_array(t) for t in graph.initializer if t.data_type == onnx.TensorProto.INT8
    ]
    assert [w.shape[0] for w in integers] == [8, 16, 32, 32]  # three convolutions and the hidden layer
    for weights in integers:
        assert np.abs(weights).max() == 64
    assert pair[1].stat().st_size < 0.7 * pair[0].stat().st_size


def test_logits_are_near_and_the_contract_says_what_was_done(pair) -> None:
    plain, integers = map(load_fast_model, pair)
    db = _examples(2)
    expected, found = plain.outputs(db, RATE)[0], integers.outputs(db, RATE)[0]
    spread = expected.std()
    assert spread > 0.05
    assert np.abs(found - expected).max() < 0.2 * spread
    assert np.abs(found - expected).max() > 0  # it is another network
    assert integers.contract.calibration["quantized"] == {"from": plain.sha256, "examples": 48}


def test_reference_implementation_of_onnx_agrees(pair) -> None:
    model = load_fast_model(pair[1])
    db = _examples(3)
    spectrum, rate = prepare(db, RATE, model.contract.preprocessing)
    found, _ = ReferenceEvaluator(str(pair[1])).run(None, {"spectrum": spectrum, "rate": rate.reshape(-1, 1)})
    assert found == pytest.approx(model.outputs(db, RATE)[0], abs=2e-5)


def test_engine_agrees_and_its_kernels_do_exactly(pair) -> None:
    speculative = pytest.importorskip("gnuradio.speculative", reason="the GNU Radio module is not installed")
    model = load_fast_model(pair[1])
    db = _examples(4)
    spectrum, rate = prepare(db, RATE, model.contract.preprocessing)
    with torch.inference_mode():
        values = model._network.values(torch.from_numpy(spectrum), torch.from_numpy(rate.reshape(-1, 1)))
    expected = torch.softmax(values["logits"] / model.contract.temperature, dim=1).numpy()
    for kernel in speculative.kernel_names():
        engine = speculative.fast_model(str(pair[1]), kernel)
        found = engine.classify(spectrum[:, 0], np.ravel(rate))["posterior"]
        assert found == pytest.approx(expected, abs=1e-4), kernel


def test_what_is_refused(pair, tmp_path) -> None:
    with pytest.raises(ValueError, match="quantised already: give the float32 model"):
        quantize(pair[1], tmp_path / "again.onnx", _examples(1), RATE)
    with pytest.raises(ValueError, match="expected a fast model as ONNX"):
        quantize(tmp_path / "absent.onnx", tmp_path / "again.onnx", _examples(1), RATE)
    assert not (tmp_path / "again.onnx").exists()
