#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Time a vector of a model on other engines, one thread: engines.py MODEL.onnx, in a venv that has them.

The network alone: power, decibels and noise floor are not part of an ONNX file. Prints JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import numpy as np

BATCHES = (1, 16, 64)


def microseconds(run: Callable[[], object], vectors: int) -> float:
    """CPU time of the best of many short rounds: other work on the machine only ever adds time."""
    for _ in range(50):
        run()
    rounds = []
    for _ in range(30):
        start = time.process_time()
        for _ in range(50):
            run()
        rounds.append((time.process_time() - start) / 50 / vectors * 1e6)
    return min(rounds)


def inputs(batch: int) -> dict[str, np.ndarray]:
    x = np.random.default_rng(1).normal(0, 0.3, (batch, 1, 1024)).astype(np.float32)
    return {"spectrum": x, "rate": np.full((batch, 1), 0.3, np.float32)}


def onnx_runtime(model: str, batch: int) -> Callable[[], object]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    values = inputs(batch)
    return lambda: session.run(["logits"], values)


def openvino(model: str, batch: int) -> Callable[[], object]:
    from openvino import Core

    core = Core()
    network = core.read_model(model)
    network.reshape({name: value.shape for name, value in inputs(batch).items()})
    settings = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    request = core.compile_model(network, "CPU", settings).create_infer_request()
    values = inputs(batch)
    return lambda: request.infer(values, share_inputs=True, share_outputs=True)


def torch_eager(model: str, batch: int) -> Callable[[], object]:
    import torch

    from gr_speculative.models import FastNet

    torch.set_num_threads(1)
    network = FastNet().eval()  # the same layers, untrained: they cost the same
    values = [torch.from_numpy(value) for value in inputs(batch).values()]

    def run() -> None:
        with torch.inference_mode():
            network(*values)

    return run


def main() -> None:
    figures = {}
    for engine in (onnx_runtime, openvino, torch_eager):
        try:
            figures[engine.__name__] = {b: microseconds(engine(sys.argv[1], b), b) for b in BATCHES}
        except ImportError:
            continue
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
