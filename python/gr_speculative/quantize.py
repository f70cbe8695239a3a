# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Post-training quantisation of a fast model: products in 8-bit integers, written as ONNX's own operators.

Weights become int8 from −64 to 64 with a scale for each output channel (7 bits: the sums of neighbouring
products fit 16 bits on every processor), what they are multiplied with uint8 with one scale. The spectrum's
range is known, the others' is the largest that the examples show. docs/model-format.md, "Integers".
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper

from .contract import METADATA_KEY
from .fast_model import OnnxNetwork, load_fast_model
from .preprocessing import prepare

OPSET = 19  # the first whose reference implementation is kept
LARGEST_WEIGHT = 64
SMALLEST_DEPTH = 64  # of a Gemm that is worth it; what the others read, the rate among it, has no bound


def quantize(source: str | Path, target: str | Path, db: np.ndarray, sample_rate: np.ndarray) -> None:
    """Writes the fast model `source` with integer products to `target`, which may be the same file.

    db: float32 [n, 1, N] and sample_rate: Hz [n], examples from training. Raises FastModelError or ContractError
    for a source that is no fast model, ValueError for one that is quantised already.
    """
    fast = load_fast_model(source)
    model = onnx.load(source)
    graph = model.graph
    if any(node.op_type == "QuantizeLinear" for node in graph.node):
        raise ValueError(f"{source}: it is quantised already: give the float32 model")
    constants = fast.contract.preprocessing
    x, rate = (torch.from_numpy(values) for values in prepare(db, sample_rate, constants))
    with torch.inference_mode():
        values = OnnxNetwork(graph, str(source)).values(x, rate)
    tensors = {t.name: t for t in graph.initializer}
    nodes = []
    for node in graph.node:
        if _is_large(node, tensors):
            nodes += _bytes_of(graph, node.input[0], values[node.input[0]], constants)
            nodes.append(_integers_of(graph, tensors[node.input[1]]))
            node.input[0], node.input[1] = nodes[-2].output[0], nodes[-1].output[0]
        nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    calibration = fast.contract.calibration | {"quantized": {"from": fast.sha256, "examples": len(db)}}
    contract = replace(fast.contract, calibration=calibration)
    model.opset_import[0].version, model.ir_version = OPSET, 9
    helper.set_model_props(model, {METADATA_KEY: contract.to_json()})
    onnx.checker.check_model(model, full_check=True)
    Path(target).write_bytes(model.SerializeToString())


def _is_large(node: onnx.NodeProto, tensors: dict[str, onnx.TensorProto]) -> bool:
    return node.op_type == "Conv" or (
        node.op_type == "Gemm" and max(tensors[node.input[1]].dims) >= SMALLEST_DEPTH
    )


def _bytes_of(
    graph: onnx.GraphProto, name: str, seen: torch.Tensor, constants
) -> tuple[onnx.NodeProto, onnx.NodeProto]:
    """Nodes that round a value to uint8 and say what that means; the spectrum alone is ever negative."""
    low, high = (constants.clip_low, constants.clip_high) if name == "spectrum" else (0.0, float(seen.max()))
    step = max(high - low, 1e-6) / 255
    inputs = [
        _constant(graph, f"{name}.scale", np.float32(step)),
        _constant(graph, f"{name}.zero", np.uint8(round(-low / step))),
    ]
    rounded = helper.make_node("QuantizeLinear", [name, *inputs], [f"{name}.bytes"], name=f"{name}.bytes")
    meant = helper.make_node(
        "DequantizeLinear", [f"{name}.bytes", *inputs], [f"{name}.rounded"], name=f"{name}.rounded"
    )
    return rounded, meant


def _integers_of(graph: onnx.GraphProto, tensor: onnx.TensorProto) -> onnx.NodeProto:
    """The node that says what the weights, from now on int8, mean."""
    weights = numpy_helper.to_array(tensor)
    largest = np.abs(weights).reshape(len(weights), -1).max(axis=1)
    scale = (np.maximum(largest, 1e-6) / LARGEST_WEIGHT).astype(np.float32)
    integers = np.rint(weights / scale.reshape(-1, *[1] * (weights.ndim - 1))).astype(np.int8)
    tensor.CopyFrom(numpy_helper.from_array(integers, tensor.name))
    inputs = [tensor.name, _constant(graph, f"{tensor.name}.scale", scale)]
    return helper.make_node(
        "DequantizeLinear", inputs, [f"{tensor.name}.float"], name=f"{tensor.name}.float", axis=0
    )


def _constant(graph: onnx.GraphProto, name: str, value: np.ndarray) -> str:
    graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    return name
