# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Loads a fast model (ONNX) into torch, for evaluation and tests; in a flowgraph the C++ engine runs it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import nn
from torch.nn import functional

from .contract import METADATA_KEY, Contract
from .model import Model


class FastModelError(ValueError):
    """A fast model cannot be used; the message names the file, what is wrong and what was expected."""


def load_fast_model(path: str | Path) -> Model:
    """Reads NAME.onnx and its contract. Raises FastModelError or ContractError, both ValueErrors."""
    try:
        weights = Path(path).read_bytes()
    except OSError as error:
        raise FastModelError(f"{path}: expected a fast model as ONNX: {error.strerror}") from None
    try:
        model = onnx.load_from_string(weights)
    except Exception as error:  # protobuf's DecodeError has no stable home
        raise FastModelError(f"{path}: damaged or not an ONNX file: {error}") from None
    documents = [entry.value for entry in model.metadata_props if entry.key == METADATA_KEY]
    if not documents:
        raise FastModelError(
            f"{path}: expected the metadata key {METADATA_KEY!r}: not a model of gr-speculative"
        )
    contract = Contract.from_json(documents[0], str(path))
    if contract.role != "fast":
        raise FastModelError(f"{path}: expected a fast model, found the role {contract.role!r}")
    return Model(OnnxNetwork(model.graph, str(path)), contract, hashlib.sha256(weights).hexdigest())


class OnnxNetwork(nn.Module):
    """Runs the ONNX subset of docs/model-format.md, node by node."""

    def __init__(self, graph: onnx.GraphProto, source: str) -> None:
        super().__init__()
        self._nodes = [
            (n, {a.name: onnx.helper.get_attribute_value(a) for a in n.attribute}) for n in graph.node
        ]
        for node, _ in self._nodes:
            if node.op_type not in OPS:
                found = f"node {node.name!r} has the operator {node.op_type}"
                raise FastModelError(f"{source}: {found}: expected one of {', '.join(OPS)}")
        self._constants = {t.name: torch.tensor(numpy_helper.to_array(t)) for t in graph.initializer}

    def forward(self, spectrum: torch.Tensor, rate: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        values = self.values(spectrum, rate)
        return values["logits"], values["features"]

    def values(self, spectrum: torch.Tensor, rate: torch.Tensor) -> dict[str, torch.Tensor]:
        """What each node gives, by name."""
        values = {**self._constants, "spectrum": spectrum, "rate": rate}
        for node, attributes in self._nodes:
            values[node.output[0]] = OPS[node.op_type]([values[name] for name in node.input], attributes)
        return values


def _conv(x: list[torch.Tensor], a: dict) -> torch.Tensor:
    padded = functional.pad(x[0], a.get("pads", (0, 0)))
    return functional.conv1d(padded, *x[1:], stride=a.get("strides", 1), groups=a.get("group", 1))


def _gemm(x: list[torch.Tensor], a: dict) -> torch.Tensor:
    product = x[0] @ (x[1].T if a.get("transB") else x[1])
    return product + x[2] if len(x) == 3 else product


def _quantize(x: list[torch.Tensor], a: dict) -> torch.Tensor:
    return torch.clamp(torch.round(x[0] / x[1]) + x[2], 0, 255).to(torch.uint8)


def _dequantize(x: list[torch.Tensor], a: dict) -> torch.Tensor:
    zero = x[2].float() if len(x) == 3 else 0.0
    scale = x[1].reshape(-1, *[1] * (x[0].ndim - 1)) if x[1].ndim else x[1]  # of each row, or one
    return (x[0].float() - zero) * scale


def _max_pool(x: list[torch.Tensor], a: dict) -> torch.Tensor:
    padded = functional.pad(x[0], a.get("pads", (0, 0)), value=-torch.inf)
    return functional.max_pool1d(padded, a["kernel_shape"], a.get("strides", 1))


def _average_pool(x: list[torch.Tensor], a: dict) -> torch.Tensor:
    left, right = a.get("pads", (0, 0))
    if left != right:
        raise FastModelError("AveragePool with unequal pads is not supported")
    padded = bool(a.get("count_include_pad", 0))
    return functional.avg_pool1d(x[0], a["kernel_shape"], a.get("strides", 1), left, False, padded)


OPS = {
    "Conv": _conv,
    "Gemm": _gemm,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalMaxPool": lambda x, a: x[0].amax(dim=2, keepdim=True),
    "GlobalAveragePool": lambda x, a: x[0].mean(dim=2, keepdim=True),
    "TopK": lambda x, a: torch.topk(x[0], int(x[1][0]), dim=2).values,
    "Relu": lambda x, a: torch.relu(x[0]),
    "Add": lambda x, a: x[0] + x[1],
    "QuantizeLinear": _quantize,
    "DequantizeLinear": _dequantize,
    "Concat": lambda x, a: torch.cat(x, dim=a["axis"]),
    "Flatten": lambda x, a: x[0].flatten(1),
    "Reshape": lambda x, a: x[0].flatten(1) if len(x[1]) == 2 else x[0][:, :, None],
    "Unsqueeze": lambda x, a: x[0][:, :, None],
    "Squeeze": lambda x, a: x[0].flatten(1),
    "Softmax": lambda x, a: torch.softmax(x[0], dim=-1),
    "Identity": lambda x, a: x[0],
}
