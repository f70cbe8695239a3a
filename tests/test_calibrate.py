# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
import json
import re
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from gr_speculative import promise, rules  # noqa: E402
from gr_speculative.cascade_predictions import Predictions, predict  # noqa: E402
from gr_speculative.cli import main  # noqa: E402
from gr_speculative.contract import LABELS, METADATA_KEY, Contract, ContractError, Strata  # noqa: E402
from gr_speculative.data import load  # noqa: E402
from gr_speculative.fast_model import load_fast_model  # noqa: E402
from gr_speculative.models import FastNet, SlowNet  # noqa: E402
from gr_speculative.onnx_export import export_fast  # noqa: E402
from gr_speculative.promise import Terms  # noqa: E402
from gr_speculative.slow_model import load_slow_model, save_slow_model  # noqa: E402
from gr_speculative.terms import EDGES_DB  # noqa: E402

CONTEXT = 4
FILES = {"val": 310, "few": 5, "train": 40}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Files of four windows: two of a tone, one that is left out, one of noise."""
    folder = tmp_path_factory.mktemp("recordings")
    rng = np.random.default_rng(3)
    manifest = ["file,split,class,device_group,datatype,sample_rate"]
    windows = ["file,start_window,end_window,label"]
    for split, count in FILES.items():
        for number in range(count):
            x = np.exp(2j * np.pi * rng.uniform(-0.4, 0.4) * np.arange(4096)) * (np.arange(4096) < 3072)
            x += 0.1 * rng.normal(size=(4096, 2)) @ [1, 1j]
            name = f"{split}{number}.cf32"
            x.astype(np.complex64).tofile(folder / name)
            manifest.append(f"{name},{split},ook_ism,d{number % 7},cf32,{1024 * 10}")
            windows += [f"{name},0,2,signal", f"{name},3,4,noise"]
    (folder / "manifest.csv").write_text("\n".join(manifest) + "\n")
    (folder / "windows.csv").write_text("\n".join(windows) + "\n")
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Untrained, but for the bias of their last layer: both say ook_ism to everything."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(1)
    fast, slow = FastNet().eval(), SlowNet(width=8).eval()
    for network in (fast, slow):
        head = [module for module in network.modules() if isinstance(module, torch.nn.Linear)][-1]
        head.weight.data *= 0.1
        head.bias.data[:] = torch.eye(len(LABELS))[1] * 3
    export_fast(folder / "fast.onnx", fast, Contract("fast", "fast-t", slow_context=CONTEXT))
    arguments = {"labels": len(LABELS), "width": 8}
    architecture = {"class": "SlowNet", "arguments": arguments}
    contract = Contract("slow", "slow-t", context=CONTEXT, architecture=architecture)
    save_slow_model(folder / "slow.safetensors", slow, contract)
    return folder


@pytest.fixture
def calibrate(data, models, capsys):
    def command(*options: str) -> tuple[int, str, str]:
        pair = ["--model", str(models / "fast.onnx"), "--slow-model", str(models / "slow.safetensors")]
        status = main(["calibrate", "--data", str(data), *pair, *options])
        return status, *capsys.readouterr()

    return command


def test_certified_and_written_with_the_same_weights(calibrate, models, data, tmp_path):
    out = tmp_path / "fast.onnx"
    status, text, _ = calibrate("--rule", "entropy", "--out", str(out))
    assert status == 0 and "certified: threshold 0, 0.0% deferred" in text
    before, after = onnx.load(models / "fast.onnx"), onnx.load(out)
    contract = load_fast_model(out).contract
    record = contract.calibration["guarantee"]
    assert (contract.rule, contract.threshold) == ("entropy", 0) == (record["rule"], record["threshold"])
    assert record["certified"] is True and record["held_out"] is True
    assert (record["n"], record["unit"], record["split"]) == (FILES["val"], "file", "val")
    assert (record["risk"], record["confidence"], record["mode"]) == (0.01, 0.95, "non-inferior")
    assert record["data_sha256"] == load(data).sha256 and record["seed"] == 1
    assert record["slow_sha256"] == load_slow_model(models / "slow.safetensors").sha256
    assert after.graph.SerializeToString(deterministic=True) == before.graph.SerializeToString(
        deterministic=True
    )
    for model in (before, after):
        del model.metadata_props[:]
    assert before.SerializeToString(deterministic=True) == after.SerializeToString(deterministic=True)
    assert not list(tmp_path.glob("*.part"))


def test_what_others_wrote_into_the_contract_stays(calibrate, models, tmp_path):
    model = onnx.load(models / "fast.onnx")
    document = json.loads(model.metadata_props[0].value)
    document |= {"later": [1, 2], "calibration": {"mine": 3.0, "guarantee": "old"}}
    model.metadata_props[0].value = json.dumps(document)
    other = model.metadata_props.add()
    other.key, other.value = "author", "somebody"
    path = tmp_path / "fast.onnx"
    onnx.save(model, path)
    assert calibrate("--model", str(path), "--out", str(path))[0] == 0
    after = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert after["author"] == "somebody"
    found = json.loads(after[METADATA_KEY])
    assert found["later"] == [1, 2] and found["calibration"]["mine"] == 3.0
    assert found["calibration"]["guarantee"]["certified"] is True


def test_too_few_units_is_said_with_the_numbers(calibrate, tmp_path):
    out = tmp_path / "fast.onnx"
    status, text, _ = calibrate("--split", "few", "--out", str(out))
    assert status == 1 and not out.exists() and "is not written" in text
    assert "NOT CERTIFIED: 5 files" in text and "needed: 299 files" in text
    reachable = float(re.search(r"reachable with these 5: risk ([.\d]+)", text)[1])
    assert reachable == pytest.approx(1 - 0.05 ** (1 / 5), abs=1e-4)
    status, text, _ = calibrate("--split", "few", "--out", str(out), "--uncertified")
    assert status == 1 and "certified: False" in text
    record = load_fast_model(out).contract.calibration["guarantee"]
    assert record["certified"] is False and record["n"] == 5
    assert calibrate("--split", "few", "--risk", f"{reachable + 1e-4}")[0] == 0


@pytest.mark.filterwarnings("error")
def test_labels_without_support_are_refused_a_threshold(calibrate, tmp_path):
    out = tmp_path / "fast.onnx"
    status, text, _ = calibrate("--strata", "label", "--out", str(out))
    assert status == 0 and f"ook_ism: {FILES['val']} files: has a threshold" in text
    assert "adsb_1090: 0 files: is refused (below 300)" in text
    status, text, _ = calibrate("--strata", "label", "--split", "few")
    assert status == 1 and "ook_ism: 5 files: is refused" in text
    contract = load_fast_model(out).contract
    assert contract.strata == Strata("label", (None, contract.threshold, *[None] * 6))
    status, text, _ = calibrate("--strata", "snr", "--model", str(out), "--split", "few")
    assert status == 1 and "below 15 dB: " in text and "40 dB and above: " in text
    assert calibrate("--model", str(out), "--out", str(out))[0] == 0  # one threshold for all again
    assert load_fast_model(out).contract.strata is None


def test_emissions_are_runs_and_come_with_a_warning(calibrate, data, models):
    pair = load_fast_model(models / "fast.onnx"), load_slow_model(models / "slow.safetensors")
    found = predict(load(data).split("few"), *pair)
    assert found.units["emission"].tolist() == np.repeat(np.arange(10), [2, 1] * 5).tolist()
    assert found.units["file"].tolist() == np.repeat(np.arange(5), 3).tolist()
    status, text, warning = calibrate("--unit", "emission", "--split", "few")
    assert status == 1 and "10 emissions" in text and "rarely independent; there are 5 files" in warning


def test_what_the_model_saw_is_not_held_out(calibrate, models, data, tmp_path):
    model = onnx.load(models / "fast.onnx")
    document = json.loads(model.metadata_props[0].value)
    document["training"] = {"data_sha256": load(data).sha256}
    model.metadata_props[0].value = json.dumps(document)
    path = tmp_path / "fast.onnx"
    onnx.save(model, path)
    status, _, error = calibrate("--model", str(path), "--split", "train")
    assert status == 2 and "was trained on these recordings" in error
    status, _, warning = calibrate("--model", str(path), "--out", str(path))
    assert status == 0 and "were fitted on the split 'val'" in warning
    assert load_fast_model(path).contract.calibration["guarantee"]["held_out"] is False


@pytest.mark.parametrize(
    "options, expected",
    [
        (["--risk", "0"], "--risk 0: expected a number between 0 and 1"),
        (["--risk", "nan"], "--risk nan"),
        (["--confidence", "1"], "--confidence 1: expected"),
        (["--budget", "-1"], "--budget -1: expected deferrals a second"),
        (["--sample-rate", "inf"], "--sample-rate inf: expected Hz"),
        (["--seed", "-1"], "--seed -1: expected 0 or more"),
        (["--split", "test"], "no labelled recording of the split 'test'; there are: 'few', 'train', 'val'"),
        (["--strata", "snr", "--budget", "1"], "cannot be combined"),
        (["--rule", "benefit", "--fit-split", "val"], "fit the rule on other recordings"),
        (["--rule", "benefit"], "slow corrects 0 of 120 vectors: nothing to learn from"),
        (["--data", "/nowhere"], "/nowhere: expected a folder"),
        (["--model", "/nowhere.onnx"], "/nowhere.onnx: expected a fast model"),
        (["--out", "/nowhere/fast.onnx"], "/nowhere/fast.onnx"),
    ],
)
def test_bad_input_is_one_line(calibrate, options, expected):
    status, _, error = calibrate(*options)
    lines = error.strip().splitlines()
    assert status == 2 and len(lines) == 1 and expected in lines[0]


def predictions(score: np.ndarray, fast_wrong: np.ndarray, said: np.ndarray | None = None) -> Predictions:
    """One vector a file, ten of them a second; slow and merged are right. score: the margin."""
    n = len(score)
    said = np.ones(n, int) if said is None else said
    true = np.where(fast_wrong, 0, said)
    fast = np.full((n, 8), 0.0)
    fast[np.arange(n), said], fast[np.arange(n), 7] = (1 + score) / 2, (1 - score) / 2
    slow = np.eye(8)[true]
    units = {"file": np.arange(n)}
    return Predictions(true, fast, slow, slow, np.zeros((n, 2)), np.full(n, 10240.0), 1024, units)


def test_budget_that_cannot_meet_the_risk():
    score = np.linspace(0, 1, 1000, endpoint=False)
    found = predictions(score, score < 0.3)  # the promise takes about 28 % of ten deferrals a second
    assert promise.choose(Terms(), promise.whole(Terms(), found, score), 0.95).certified
    terms = Terms(budget=1.0)
    choice = promise.choose(terms, promise.whole(terms, found, score), 0.95)
    assert not choice.certified and "but the budget is 1 a second" in choice.text
    reachable = float(re.search(r"reachable with these 1000: risk ([.\d]+)", choice.text)[1])
    assert reachable > 0.2  # of the 30 % wrong only a third can be deferred
    assert promise.choose(replace(terms, risk=reachable), promise.whole(terms, found, score), 0.95).certified
    faster = replace(terms, sample_rate=5120.0, risk=reachable)  # half as many vectors a second
    part = promise.whole(faster, found, score)
    assert part.rate[0] == pytest.approx(5)
    choice = promise.choose(faster, part, 0.95)
    assert choice.certified and part.rate[choice.step] <= 1


def test_the_table_says_what_could_be_promised():
    score = np.linspace(0, 1, 400, endpoint=False)
    part = promise.whole(Terms(), predictions(score, score < 0.2), score)
    rows = [line.split() for line in promise.table(part, 0.95).splitlines()[1:]]
    risk = np.array([float(row[-1]) for row in rows])
    assert rows[0][0] == "100.0%" and rows[-1][0] == "0.0%"
    assert np.all(np.diff(risk) >= 0) and risk[0] < 0.01 and 0.2 < risk[-1] < 0.25


def test_labels_with_support_get_the_threshold_that_they_need():
    """ook_ism is right from 0.5 on, fsk_ism always; lte_ofdm is too rare for a threshold of its own."""
    score = np.tile(np.linspace(0, 1, 1000, endpoint=False), 3)[:2100]
    said = np.repeat([1, 2, 6], (1000, 1000, 100))
    found = predictions(score, (said == 1) & (score < 0.5), said)
    groups = promise.groups(Terms(), found, "label", Contract("fast", "f"))
    parts = promise.split(Terms(), found, score, groups)
    assert [part.name for part in parts] == ["ook_ism", "fsk_ism", "the rest"]
    assert [part.sequence.n for part in parts] == [1000, 1000, 100]
    choices = [promise.choose(Terms(), part, 1 - 0.05 / 3) for part in parts]
    assert [choice.certified for choice in choices] == [True, True, False]
    assert 0.48 < choices[0].threshold < 0.51 and choices[1].threshold == 0
    assert "100 files" in choices[2].text
    common, own = promise.thresholds(groups, choices)
    assert common == choices[2].threshold
    assert own == (None, choices[0].threshold, 0, None, None, None, None, None)


def test_bands_of_snr_with_support_get_the_threshold_that_they_need():
    """Right from 0.5 on below 15 dB, always from 15 to 25 dB; nothing lies above."""
    score = np.tile(np.linspace(0, 1, 1000, endpoint=False), 2)
    quiet = np.repeat([True, False], 1000)
    found = predictions(score, quiet & (score < 0.5))
    found = replace(found, levels=np.column_stack([np.where(quiet, 0.7, 0.75), np.zeros(2000)]))
    groups = promise.groups(Terms(), found, "snr", Contract("fast", "f"))
    assert groups.support.tolist() == [1000, 1000, 0, 0]
    parts = promise.split(Terms(), found, score, groups)
    assert [part.name for part in parts] == ["below 15 dB", "15 dB to 25 dB"]
    choices = [promise.choose(Terms(), part, 0.975) for part in parts]
    common, own = promise.thresholds(groups, choices)
    assert 0.48 < own[0] < 0.51 and own[1:] == (0, None, None)
    assert common == own[0]  # the most cautious, for what no recording speaks of
    contract = Contract("fast", "f", threshold=common, strata=Strata("snr", own, EDGES_DB))
    contract = Contract.from_json(contract.to_json(), "f")
    levels = np.array([[0.7, 0], [0.75, 0], [1.2, 0], [2.5, 0]])
    assert rules.thresholds(contract, np.eye(8)[:4], levels).tolist() == [common, 0, 0, common]


def test_scores_of_the_rules():
    p = np.array([[1, 0, 0, 0], [0.25, 0.25, 0.25, 0.25], [0.5, 0.25, 0.25, 0]])
    levels = np.zeros((3, 2))
    assert rules.score("margin", p, levels).tolist() == [1, 0, 0.25]
    assert rules.score("max_probability", p, levels).tolist() == [1, 0.25, 0.5]
    assert rules.score("entropy", p, levels) == pytest.approx([1, 0, 1 - 1.5 / 2])
    model = rules.Benefit((1, 2, 3, 4, 5, 6, 7), (10, 20, 30, 40), -60)
    z = -60 + 0.5 + 2 * 0.25 + 3 * 0.25 + 4 * 0.25 + 5 * 0.75 + 6 * 2 + 7 * 0.5 + 10
    found = rules.score("benefit", p[2:], np.array([[2, 0.5]]), model)
    assert found == pytest.approx(1 - 1 / (1 + np.exp(-z)), rel=1e-12)
    with pytest.raises(ValueError, match="expected one of margin"):
        rules.score("loudest", p, levels)
    with pytest.raises(ValueError, match="calibrate with --rule benefit"):
        rules.score("benefit", p, levels)
    assert rules.levels(np.array([[0.5, 3, 0.4, -1]])).tolist() == [[3, 0.5]]
    assert rules.is_accepted(np.array([1.0, 0.9]), 1).tolist() == [False, False]
    assert rules.is_accepted(np.array([0.9, 0.8]), 0.9).tolist() == [True, False]


def test_the_benefit_is_learned_where_there_is_one():
    """A loud signal on which the fast model is sure is wrong: no rule of the posterior alone can see it."""
    rng = np.random.default_rng(4)
    p = rng.dirichlet(np.full(8, 0.2), 2000)
    levels = np.column_stack([rng.uniform(0, 3, 2000), rng.uniform(0, 1, 2000)])
    gained = (levels[:, 0] > 2) & (rng.random(2000) < 0.8)
    model = rules.fit_benefit(p[:1000], levels[:1000], gained[:1000])
    found = model.probability(p[1000:], levels[1000:])
    assert found[gained[1000:]].mean() > 0.6 > 0.2 > found[~gained[1000:]].mean()
    assert found.mean() == pytest.approx(gained.mean(), abs=0.05)
    contract = Contract("fast", "f", calibration={"benefit": json.loads(json.dumps(model.to_dict()))})
    assert rules.Benefit.of(contract) == model
    assert rules.Benefit.of(Contract("fast", "f")) is None
    for damaged in ({"weights": [1]}, {"labels": [0.0]}, {"bias": float("nan")}, {"bias": None}):
        with pytest.raises(ContractError, match="calibration.benefit"):
            rules.Benefit.of(replace(contract, calibration={"benefit": model.to_dict() | damaged}))


def test_rules_compared(calibrate, monkeypatch):
    monkeypatch.setattr("gr_speculative.cascade_predictions.Predictions.gained", lambda self: self.label == 0)
    status, text, _ = calibrate("--compare")
    assert status == 0
    assert [line.split(" | ")[0].strip("| ") for line in text.splitlines()[2:]] == [
        "margin",
        "max_probability",
        "entropy",
        "benefit, fitted on train",
        "benefit, cross-fitted",
        "random",
        "oracle",
    ]
