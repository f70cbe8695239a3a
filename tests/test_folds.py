# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""`gr-speculative folds`: what is left out of training, and that it is what is measured."""

import json

import numpy as np
import pytest
from generated_recordings import write_recordings

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from gr_speculative import folds, left_out  # noqa: E402
from gr_speculative.augment import Sampler  # noqa: E402
from gr_speculative.cli import main  # noqa: E402
from gr_speculative.contract import LABELS  # noqa: E402
from gr_speculative.data import DataError, load  # noqa: E402
from gr_speculative.pool import Pool, Shard  # noqa: E402

DEVICES = {"ook_ism": 11, "lte_ofdm": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A recording of each device: a signal, then noise; the last of OOK is of the split `test`."""
    recordings = [
        (
            kind,
            str(device),
            {10: "test", 9: "val"}.get(device, "train") if kind == "ook_ism" else ("train", "val")[device],
        )
        for kind, count in DEVICES.items()
        for device in range(count)
    ]
    return write_recordings(tmp_path_factory.mktemp("recordings"), recordings, 8, 12, noise_from=8)


def test_every_device_is_measured_once_by_models_that_never_saw_it(folder):
    dataset, tested = load(folder), []
    for fold in range(2):
        parts = [
            {r.group for r in folds.split(dataset, fold, 2).split(name)} for name in ("train", "val", "test")
        ]
        assert all(parts) and not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
        tested += parts[2]
    assert sorted(tested) == sorted(r.group for r in dataset.recordings if r.split != "test")


def test_too_few_devices_are_refused(folder):
    with pytest.raises(DataError, match="fold 20 of 30: too few devices"):
        folds.split(load(folder), 20, 30)


def test_the_command_trains_measures_and_goes_on_where_it_was(folder, tmp_path, small_shards, capsys):
    out = tmp_path / "folds"
    command = ["folds", "--data", folder, "--out", out, "--cache", tmp_path, "--folds", 2, "--rounds", 5]
    command = [str(word) for word in (*command, "--shards", 1, "--epochs", 1, "--context", 2)]
    assert main([*command, "--only", "0", "--model", "slow"]) == 0
    assert "slow networks are trained" in capsys.readouterr().out
    assert main([*command, "--only", "0"]) == 0  # fast.onnx is missing
    said = capsys.readouterr()
    assert "trained: 1 of 2 folds; --only 1 trains the rest" in said.err
    report = json.loads((out / "report.json").read_text())
    assert report["sets"]["held-out devices"]["files"] == 6
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "fold-0-of-2: is trained" in said and "held-out devices: 144 windows of 12 files" in said
    report = json.loads((out / "report.json").read_text())
    assert report["sets"]["held-out devices"]["counts"]["ook_ism"] == 10 * 8
    assert len(report["trained"]) == 2 and {row["device"] for row in report["devices"]} == {
        r.group for r in load(folder).recordings if r.split != "test"
    }
    assert set(report["sets"]["held-out devices-resampled"]["drop"]) == {"fast", "slow", "merged"}


def test_a_class_is_left_out(folder, tmp_path, small_shards, capsys):
    shards, out = [], tmp_path / "folds"

    class Spy(Pool):
        def shard(self, index, following=None):
            shards.append(super().shard(index, following))
            return shards[-1]

    spied = left_out._Without(Spy(tmp_path, Sampler(load(folder).split("train"), 2), 1, "key"), 6)
    part = spied.shard(0)
    assert 6 in shards[0].label and 6 not in part.label and isinstance(part, Shard)
    assert len(part.label) == np.sum(shards[0].label != 6) and part.values.shape[1:] == (1, 1024)
    command = ["folds", "--by", "class", "--data", folder, "--out", out, "--cache", tmp_path, "--rounds", 5]
    assert main([str(word) for word in (*command, "--shards", 1, "--epochs", 1, "--context", 2)]) == 0
    said = capsys.readouterr()
    assert "warning: wifi_ofdm: no window of it" in said.err
    report = json.loads((out / "classes.json").read_text())
    assert set(report["classes"]) == {"ook_ism", "lte_ofdm"} < set(LABELS)
    lte = report["classes"]["lte_ofdm"]
    assert (lte["windows"], lte["files"], lte["known_windows"]) == (16, 2, 8)
    assert all(0 <= score["auroc"]["value"] <= 1 for score in lte["scores"].values())
    curve = lte["scores"]["energy"]["roc"]
    assert curve["false"][0] == 0 and curve["caught"] == sorted(curve["caught"])


def test_folds_that_cannot_be(folder, tmp_path, capsys):
    command = ["folds", "--data", str(folder), "--out", str(tmp_path)]
    for wrong in (["--folds", "1"], ["--only", "4"]):
        assert main([*command, *wrong]) == 2
        assert "expected 2 or more, and --only numbers below it" in capsys.readouterr().err
    assert main([*command, "--only", "--folds", "2"]) == 2
    assert "no fold is trained" in capsys.readouterr().err
