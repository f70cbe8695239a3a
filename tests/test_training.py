# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
from dataclasses import replace

import numpy as np
import pytest
from generated_recordings import write_recordings

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from gr_speculative.augment import RATES, Sampler  # noqa: E402
from gr_speculative.calibration import disagreement, fit_merge, fit_temperature, merge  # noqa: E402
from gr_speculative.cli import main  # noqa: E402
from gr_speculative.contract import LABELS, Contract  # noqa: E402
from gr_speculative.data import load  # noqa: E402
from gr_speculative.evaluation import Windows  # noqa: E402
from gr_speculative.fast_model import load_fast_model  # noqa: E402
from gr_speculative.metrics import balanced_accuracy, nll  # noqa: E402
from gr_speculative.model import softmax  # noqa: E402
from gr_speculative.models import FastNet  # noqa: E402
from gr_speculative.pool import Pool  # noqa: E402
from gr_speculative.preprocessing import dequantise  # noqa: E402
from gr_speculative.slow_model import load_slow_model  # noqa: E402
from gr_speculative.training import Settings, held_out, train  # noqa: E402

CONTEXT = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two devices a class for two classes, one of them for training: tones in noise, then noise alone."""
    recordings = [(kind, split, split) for kind in ("ook_ism", "lte_ofdm") for split in ("train", "val")]
    return write_recordings(tmp_path_factory.mktemp("recordings"), recordings, 16, 24, noise_from=17)


def test_examples_are_reproducible_balanced_and_at_many_rates(folder):
    sampler = Sampler(load(folder).split("train"), CONTEXT)
    first, second = ([sampler.draw(np.random.default_rng((1, i))) for i in range(200)] for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert np.array_equal(a.values, b.values) and (a.label, a.rate) == (b.label, b.rate)
    counts = np.bincount([e.label for e in first], minlength=len(LABELS))
    assert counts.min() >= 10 and counts[0] == counts.max()
    for index, label in enumerate(LABELS):
        rates = {e.rate for e in first if e.label == index}
        assert len(rates) >= 5
        low, high = RATES[label]
        assert all(0.39 * low <= rate <= 2.51 * high for rate in rates)


def test_an_example_shows_what_its_label_says(folder):
    """The strongest bins of the last vector stand out where it is a signal."""
    sampler = Sampler(load(folder).split("train"), CONTEXT)
    stands_out = {True: [], False: []}
    for i in range(200):
        example = sampler.draw(np.random.default_rng((2, i)))
        last = dequantise(example.values[-1], example.scale, example.offset)
        smooth = np.convolve(10 ** (last / 10), np.ones(5) / 5, "valid")
        stands_out[example.label == 0].append(10 * np.log10(smooth.max() / np.median(smooth)))
    assert np.median(stands_out[False]) > np.median(stands_out[True]) + 5


def test_a_pool_keeps_its_shards(folder, tmp_path, small_shards):
    pool = Pool(tmp_path, Sampler(load(folder).split("train"), CONTEXT), 1, "key")
    shard = pool.shard(0, following=1)
    assert shard.values.shape == (48, CONTEXT, 1024) and sorted(p.name for p in pool.folder.iterdir()) == [
        "00000.npz",
        "00001.npz",
    ]
    again = Pool(tmp_path, None, 1, "key").shard(0)  # from disk: a sampler is not needed
    assert np.array_equal(again.values, shard.values)
    assert Pool(tmp_path, None, 2, "key").folder != pool.folder
    db = shard.db(np.arange(3), np.random.default_rng(0), 2)
    step = shard.scale[:3, None, None]
    assert db.shape == (3, 2, 1024) and db.dtype == np.float32
    assert np.all(np.abs(db - (shard.offset[:3, None, None] + step * shard.values[:3, -2:])) <= step * 0.51)


def test_training_goes_on_from_its_checkpoint(folder, tmp_path, small_shards):
    dataset = load(folder)
    windows = Windows(dataset.split("val"))
    contract = Contract("fast", "t")
    pool = Pool(tmp_path, Sampler(dataset.split("train"), CONTEXT), 1, "key")

    def run(settings, checkpoint):
        torch.manual_seed(0)
        return train(FastNet(), contract, pool, windows, settings, checkpoint).state_dict()

    settings = Settings(epochs=2, shards=1, batch=16)
    whole = run(settings, tmp_path / "a.pt")
    again = run(settings, tmp_path / "a.pt")  # done: nothing is trained
    for name in whole:
        assert torch.equal(whole[name], again[name]), name
    other = run(replace(settings, seed=2), tmp_path / "a.pt")  # of other settings: starts anew
    assert not torch.equal(other["head.weight"], whole["head.weight"])


def test_held_out_devices_are_in_one_part_only(folder):
    recordings = load(folder).recordings
    parts = [held_out(recordings, fold, 2) for fold in range(2)]
    for kept, out in parts:
        assert not {r.group for r in kept} & {r.group for r in out}
        assert {r.name for r in kept} | {r.name for r in out} == {r.name for r in recordings}
    assert {r.name for r in parts[0][1]} == {r.name for r in parts[1][0]}


def test_temperature_and_merge_minimise_the_likelihood_they_claim_to():
    rng = np.random.default_rng(4)
    label = rng.integers(0, 4, 4000)
    clean = rng.normal(0, 1, (4000, 4))
    p_true = softmax(clean)
    label = (p_true.cumsum(axis=1) > rng.random((4000, 1))).argmax(axis=1)
    assert fit_temperature(3.0 * clean, label) == pytest.approx(3.0, rel=0.1)
    p_true = p_true.astype(np.float32)  # as networks give them
    useless = softmax(rng.normal(0, 1, (4000, 4)).astype(np.float32))
    fast, slow = fit_merge(useless, p_true, label)
    assert fast < 0.1 and slow == pytest.approx(1, abs=0.1)
    assert nll(merge(useless, p_true, fast, slow), label) <= nll(p_true, label) + 1e-4
    assert balanced_accuracy(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 2])) == 0.5


def test_disagreement_is_of_accepted_vectors_and_counts_files_as_units():
    file = np.repeat(np.arange(20), 50)
    differs = (file == 0) | (
        np.arange(1000) % 50 == 49
    )  # one file in twenty as a whole, and one vector of each
    accepted = np.arange(1000) % 50 < 49
    found = disagreement(accepted, differs, file)
    assert 0.1 < found < 0.25  # 0.05, and what the draw of 20 files may hide
    assert disagreement(np.zeros(1000, bool), differs, file) == Contract.disagreement
    assert disagreement(accepted, np.zeros(1000, bool), file) == 0.001


def test_the_command_makes_a_pair_that_loads(folder, tmp_path, small_shards, capsys):
    out = tmp_path / "models"
    command = ["train", "--data", str(folder), "--out", str(out), "--cache", str(tmp_path), "--epochs", "1"]
    assert main([*command, "--shards", "1", "--context", str(CONTEXT)]) == 0
    said = capsys.readouterr()
    assert "merged" in said.out and "no validation window of fsk_ism" in said.err
    fast, slow = load_fast_model(out / "fast.onnx"), load_slow_model(out / "slow.safetensors")
    assert slow.contract.context == fast.contract.slow_context == CONTEXT
    for contract in (fast.contract, slow.contract):
        assert contract.training["data_sha256"] == load(folder).sha256
        assert contract.temperature > 0
    assert fast.contract.merge.weight_fast + fast.contract.merge.weight_slow > 0

    again = [*command, "--shards", "1", "--context", str(CONTEXT), "--model", "fast", "--quantize"]
    assert main(again) == 0
    plain, integers = load_fast_model(out / "fast-float32.onnx"), load_fast_model(out / "fast.onnx")
    assert integers.contract.calibration["quantized"] == {"from": plain.sha256, "examples": 48}


def test_the_command_refuses_a_folder_without_recordings(tmp_path, capsys):
    assert main(["train", "--data", str(tmp_path), "--out", str(tmp_path / "m")]) == 2
    assert "no usable recording" in capsys.readouterr().err
    assert not (tmp_path / "m").exists()
