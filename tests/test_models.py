# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
import hashlib
import types

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from onnx.reference import ReferenceEvaluator  # noqa: E402

from gr_speculative.contract import Contract, ContractError  # noqa: E402
from gr_speculative.fast_model import FastModelError, load_fast_model  # noqa: E402
from gr_speculative.model import Model  # noqa: E402
from gr_speculative.models import FastNet, SlowNet, build  # noqa: E402
from gr_speculative.models.slow import SPECTROGRAM, four_strongest  # noqa: E402
from gr_speculative.onnx_export import export_fast  # noqa: E402
from gr_speculative.preprocessing import prepare  # noqa: E402
from gr_speculative.slow_model import SlowModelError, load_slow_model, save_slow_model  # noqa: E402

ARCHITECTURE = {"class": "SlowNet", "arguments": {"labels": 8, "width": 8}}
SLOW = Contract("slow", "slow-t", context=16, temperature=1.5, architecture=ARCHITECTURE)
FAST = Contract("fast", "fast-t", temperature=0.8)


def shaken(network):
    """Norm statistics as after training, so that a fold that forgets one is seen."""
    torch.manual_seed(3)
    for module in network.modules():
        if isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
            torch.nn.init.normal_(module.running_mean, 0, 0.3)
            torch.nn.init.uniform_(module.running_var, 0.3, 3)
            torch.nn.init.normal_(module.weight, 1, 0.3)
            torch.nn.init.normal_(module.bias, 0, 0.3)
    return network.eval()


@pytest.fixture
def db():
    return np.random.default_rng(1).normal(-70, 8, (5, 16, 1024)).astype(np.float32)


RATE = np.array([250e3, 1e6, 2e6, 10e6, 20e6])


def test_exported_fast_model_equals_torch(tmp_path, db):
    network = shaken(FastNet())
    path = tmp_path / "fast.onnx"
    export_fast(path, network, FAST)
    loaded = load_fast_model(path)
    assert loaded.contract.to_json() == FAST.to_json()
    assert loaded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    expected = Model(network, FAST).outputs(db[:, -1:], RATE)
    for ours, theirs in zip(loaded.outputs(db[:, -1:], RATE), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    x, r = np.random.default_rng(2).normal(0, 1, (3, 1, 1024)), np.array([[-1.0], [0.0], [1.0]])
    feeds = {"spectrum": x.astype(np.float32), "rate": r.astype(np.float32)}
    reference = ReferenceEvaluator(str(path)).run(["logits", "features"], feeds)
    with torch.no_grad():
        for theirs, ours in zip(reference, network(*map(torch.from_numpy, feeds.values())), strict=True):
            np.testing.assert_allclose(theirs, ours.numpy(), atol=1e-5)


def test_exported_operators_are_those_that_the_engine_documents(tmp_path):
    export_fast(tmp_path / "fast.onnx", FastNet(), FAST)
    graph = onnx.load(tmp_path / "fast.onnx").graph
    allowed = {
        "Conv",
        "Relu",
        "MaxPool",
        "GlobalAveragePool",
        "TopK",
        "Gemm",
        "Add",
        "Concat",
        "Flatten",
        "Unsqueeze",
    }
    assert {node.op_type for node in graph.node} <= allowed
    assert all(node.name for node in graph.node)
    assert all(tensor.raw_data for tensor in graph.initializer)


def test_slow_model_round_trip(tmp_path, db):
    network = shaken(SlowNet(width=8))
    path = tmp_path / "slow.safetensors"
    save_slow_model(path, network, SLOW)
    model = load_slow_model(path)
    assert model.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    p = model.predict(db, RATE)
    assert p.shape == (5, 8) and p.dtype == np.float32
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
    logits, features = Model(network, SLOW).outputs(db, RATE)
    np.testing.assert_allclose(np.log(p[:, 0] / p[:, 1]), (logits[:, 0] - logits[:, 1]) / 1.5, atol=1e-4)
    assert features.shape[0] == 5


def test_experts_of_the_slow_network_learn_apart_and_answer_together(db):
    network = shaken(SlowNet(width=8)).eval()
    network.dropout.p = 0.0
    spectrum, rate = (torch.from_numpy(x) for x in prepare(db, RATE, SLOW.preprocessing))
    with torch.no_grad():
        together = network(spectrum, rate)[0]
        network.training = True  # of the network itself: its norms stay as they are
        experts = network(spectrum, rate)[0]
        assert experts.shape == (5, 8, 2)
        torch.testing.assert_close(together, experts @ torch.tensor([SPECTROGRAM, 1 - SPECTROGRAM]))
        torch.testing.assert_close(experts[..., 1], network.vector(spectrum[:, -1:], rate)[0])
    assert not torch.allclose(experts[..., 0], experts[..., 1], atol=1e-2)


def test_short_context_is_padded_with_its_oldest_vector(db):
    model = Model(shaken(SlowNet(width=8)), SLOW)
    padded = np.concatenate([np.repeat(db[:, :1], 14, axis=1), db[:, 1:3]], axis=1)
    np.testing.assert_allclose(model.predict(db[:, :3], RATE), model.predict(padded, RATE), atol=1e-6)


def test_a_batch_is_as_good_as_one_by_one(db):
    model = Model(shaken(SlowNet(width=8)), SLOW)
    singly = np.concatenate([model.predict(db[i : i + 1], RATE[i : i + 1]) for i in range(5)])
    np.testing.assert_allclose(model.predict(db, RATE), singly, atol=1e-5)


@pytest.mark.parametrize("shape", [(5, 17, 1024), (5, 0, 1024), (5, 16, 512), (16, 1024)])
def test_wrong_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="slow-t expects"):
        Model(SlowNet(width=8), SLOW).predict(np.zeros(shape, np.float32), np.full(shape[0], 1e6))


def damage_absent(path):
    path.unlink()


def damage_contract(path):
    path.with_suffix(".json").unlink()


def damage_json(path):
    path.with_suffix(".json").write_text("{}")


def damage_role(path):
    path.with_suffix(".json").write_text(FAST.to_json())


def damage_truncated(path):
    path.write_bytes(path.read_bytes()[:-100])


def damage_foreign(path):
    path.write_bytes(b"PK\x03\x04 not weights")


def damage_width(path):
    text = path.with_suffix(".json").read_text()
    path.with_suffix(".json").write_text(text.replace('"width": 8', '"width": 16'))


def damage_class(path):
    text = path.with_suffix(".json").read_text()
    path.with_suffix(".json").write_text(text.replace('"SlowNet"', '"os.system"'))


def damage_argument(path):
    text = path.with_suffix(".json").read_text()
    path.with_suffix(".json").write_text(text.replace('"width"', '"depth"'))


@pytest.mark.parametrize("damage", [v for k, v in sorted(globals().items()) if k.startswith("damage_")])
def test_a_damaged_slow_model_is_refused_by_name(tmp_path, damage):
    path = tmp_path / "slow.safetensors"
    save_slow_model(path, SlowNet(width=8), SLOW)
    damage(path)
    with pytest.raises(SlowModelError, match="slow"):
        load_slow_model(path)


def test_a_damaged_fast_model_is_refused_by_name(tmp_path):
    path = tmp_path / "fast.onnx"
    with pytest.raises(FastModelError, match="fast.onnx"):
        load_fast_model(path)
    export_fast(path, FastNet(), FAST)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FastModelError, match="fast.onnx"):
        load_fast_model(path)
    model = onnx.load_from_string(whole)
    del model.metadata_props[:]
    path.write_bytes(model.SerializeToString())
    with pytest.raises(FastModelError, match="gr_speculative"):
        load_fast_model(path)
    onnx.helper.set_model_props(model, {"gr_speculative": "{}"})
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ContractError, match="schema"):
        load_fast_model(path)


def test_a_users_own_model(monkeypatch):
    module = types.ModuleType("own_model")
    module.good = lambda: types.SimpleNamespace(contract=SLOW, predict=lambda db, rate: None)
    module.bad = lambda: object()
    monkeypatch.setitem(__import__("sys").modules, "own_model", module)
    assert load_slow_model("own_model:good").contract is SLOW
    for path in ("own_model:bad", "own_model:absent", "no_such_module:good"):
        with pytest.raises(SlowModelError, match=path):
            load_slow_model(path)


def test_build_names_what_it_knows():
    assert isinstance(build(ARCHITECTURE), SlowNet)
    with pytest.raises(ValueError, match="SlowNet"):
        build({"class": "Other"})


def test_the_slow_networks_pooling_is_that_of_torch():
    x = torch.relu(torch.randn((3, 5, 8, 4), generator=torch.Generator().manual_seed(1)))  # with ties at 0
    for ours, theirs in zip(four_strongest(x), x.topk(4, dim=2).values.unbind(2), strict=True):
        assert torch.equal(ours, theirs)
    network = shaken(SlowNet(width=8))
    spectrum, rate = torch.randn((2, 16, 1024)), torch.randn((2, 1))
    seen = []
    hook = network.blocks[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        network(spectrum, rate)
        hook.remove()
        x = network.conv1(spectrum[:, None]) + network.rate1(rate)[:, :, None, None]
        expected = torch.nn.functional.max_pool2d(torch.relu(network.norm1(x)), (1, 2))
    # Its convolution has another layout, which some processors' kernels round differently.
    torch.testing.assert_close(seen[0], expected, rtol=1e-5, atol=1e-6)
