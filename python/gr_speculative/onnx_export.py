# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Writes a FastNet as ONNX, norms folded, with its contract in the metadata (docs/model-format.md)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from torch import nn

from .contract import METADATA_KEY, Contract
from .models.fast import FastNet

OPSET = 17


def export_fast(path: str | Path, network: FastNet, contract: Contract) -> None:
    """Writes NAME.onnx: spectrum [batch, 1, N], rate [batch, 1] -> logits [batch, C], features [batch, F]."""
    graph = _Graph()
    w, scale, bias = _fold(network.conv1, network.norm1)
    x = graph.conv("conv1", "spectrum", w, bias, network.conv1)
    w_rate = network.rate1.weight.detach().numpy() * scale[:, None]
    rate = graph.add("Gemm", "rate1", ["rate", graph.tensor("rate1.weight", w_rate)], transB=1)
    rate = graph.add("Unsqueeze", "rate1_axis", [rate, graph.tensor("rate1_axis.axes", np.array([2]))])
    x = graph.add("Relu", "relu1", [graph.add("Add", "add1", [x, rate])])
    x = graph.add("MaxPool", "pool1", [x], kernel_shape=[2], strides=[2])
    for number, conv, norm in ((2, network.conv2, network.norm2), (3, network.conv3, network.norm3)):
        w, _, bias = _fold(conv, norm)
        x = graph.add("Relu", f"relu{number}", [graph.conv(f"conv{number}", x, w, bias, conv)])
    count = graph.tensor("strongest.count", np.array([network.strongest]))
    graph.nodes.append(helper.make_node("TopK", [x, count], ["strongest", "where"], name="strongest", axis=2))
    mean = graph.add("Flatten", "mean", [graph.add("GlobalAveragePool", "pool_mean", [x])], axis=1)
    rest = graph.add("Concat", "rest", [mean, "rate"], axis=1)
    # One layer in two products: what TopK leaves is read where it lies.
    split = network.strongest * network.conv3.out_channels
    weight = network.hidden.weight.detach().numpy()
    parts = [
        graph.product("hidden", graph.add("Flatten", "flat", ["strongest"], axis=1), weight[:, :split]),
        graph.product("hidden_rest", rest, weight[:, split:], network.hidden.bias.detach().numpy()),
    ]
    features = graph.add("Relu", "features", [graph.add("Add", "add_rest", parts)])
    head = network.head
    graph.product("logits", features, head.weight.detach().numpy(), head.bias.detach().numpy())

    def value(name: str, *shape: int | str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    n, labels, width = contract.fft_size, len(contract.labels), network.hidden.out_features
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            contract.name,
            [value("spectrum", "batch", 1, n), value("rate", "batch", 1)],
            [value("logits", "batch", labels), value("features", "batch", width)],
            graph.initializers,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=8,  # what opset 17 came with: older readers accept it
        producer_name="gr-speculative",
    )
    helper.set_model_props(model, {METADATA_KEY: contract.to_json()})
    onnx.checker.check_model(model, full_check=True)
    Path(path).write_bytes(model.SerializeToString())


def _fold(conv: nn.Conv1d, norm: nn.BatchNorm1d) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights of conv followed by norm in evaluation, the norm's scale, and the bias."""
    with torch.no_grad():
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        weight = conv.weight * scale[:, None, None]
        bias = norm.bias - norm.running_mean * scale
    return weight.numpy(), scale.numpy(), bias.numpy()


class _Graph:
    """Collects nodes; an output is named as its node."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def tensor(self, name: str, values: np.ndarray) -> str:
        values = values.astype(np.int64 if values.dtype.kind == "i" else np.float32)
        self.initializers.append(onnx.numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def add(self, op: str, name: str, inputs: list[str], **attributes) -> str:
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def conv(self, name: str, x: str, weight: np.ndarray, bias: np.ndarray, conv: nn.Conv1d) -> str:
        inputs = [x, self.tensor(f"{name}.weight", weight), self.tensor(f"{name}.bias", bias)]
        pads = [conv.padding[0]] * 2
        return self.add(
            "Conv", name, inputs, kernel_shape=[*conv.kernel_size], strides=[*conv.stride], pads=pads
        )

    def product(self, name: str, x: str, weight: np.ndarray, bias: np.ndarray | None = None) -> str:
        inputs = [x, self.tensor(f"{name}.weight", weight)]
        if bias is not None:
            inputs.append(self.tensor(f"{name}.bias", bias))
        return self.add("Gemm", name, inputs, transB=1)
