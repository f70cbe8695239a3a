# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Loads and saves a slow model: NAME.safetensors with NAME.json beside it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from . import models
from .contract import Contract, ContractError
from .factory import SlowModelError, from_factory, is_factory
from .model import Model


def load_slow_model(path: str | Path, threads: int = 1, device: str = "cpu") -> Model:
    """Loads `NAME.safetensors` (with NAME.json beside it) or calls `module:factory`.

    threads: CPU threads of torch, for the whole process. device: a torch device, "cpu" or "cuda".
    Raises SlowModelError for whatever is missing, damaged, or not a slow model.
    """
    torch.set_num_threads(threads)
    _check_device(device)
    if is_factory(path):
        return from_factory(str(path))
    path = Path(path)
    if path.suffix != ".safetensors":
        raise SlowModelError(f"{path}: expected a slow model, NAME.safetensors with NAME.json beside it")
    weights = _read(path, "weights as safetensors")
    try:
        beside = path.with_suffix(".json")
        contract = Contract.from_json(_read(beside, "the contract of the model"), str(beside))
    except ContractError as error:
        raise SlowModelError(str(error)) from None
    if contract.role != "slow":
        raise SlowModelError(f"{path}: expected a slow model, found the role {contract.role!r}")
    try:
        network = models.build(contract.architecture)
        network.load_state_dict(load_tensors(weights))
    except SafetensorError as error:
        raise SlowModelError(f"{path}: damaged or not a safetensors file: {error}") from None
    except (RuntimeError, ValueError) as error:
        raise SlowModelError(f"{path}: does not fit the architecture in its .json: {error}") from None
    if isinstance(network, models.SlowNet):
        network = network.folded()
    return Model(network, contract, hashlib.sha256(weights).hexdigest(), device)


def save_slow_model(path: str | Path, network: torch.nn.Module, contract: Contract) -> None:
    """Writes NAME.safetensors and NAME.json."""
    path = Path(path)
    path.write_bytes(save_tensors({k: v.contiguous() for k, v in network.state_dict().items()}))
    path.with_suffix(".json").write_text(contract.to_json(), encoding="utf-8")


def _check_device(name: str) -> None:
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        why = str(error).splitlines()[0]
        raise SlowModelError(
            f"device {name!r} cannot be used here ({why}): expected cpu; or cuda, which needs an NVIDIA GPU, "
            "its driver, and a torch that was built for it"
        ) from None


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SlowModelError(f"{path}: expected {what}: {error.strerror}") from None
