# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from gr_speculative import evaluation, report, targets  # noqa: E402
from gr_speculative.cli import main  # noqa: E402
from gr_speculative.contract import LABELS, Contract, Merge  # noqa: E402
from gr_speculative.data import load  # noqa: E402
from gr_speculative.model import Model  # noqa: E402
from gr_speculative.models import FastNet, SlowNet  # noqa: E402
from gr_speculative.onnx_export import export_fast  # noqa: E402
from gr_speculative.presence import LEAST, power_spectra, presence  # noqa: E402
from gr_speculative.rate_curve import rate_curve  # noqa: E402
from gr_speculative.slow_model import save_slow_model  # noqa: E402

CONTEXT = 4
FAST = Contract("fast", "fast-t", slow_context=CONTEXT)
SLOW = Contract(
    "slow",
    "slow-t",
    context=CONTEXT,
    architecture={"class": "SlowNet", "arguments": {"labels": 8, "width": 8}},
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two known classes, noise, and a signal that no label names."""
    folder = tmp_path_factory.mktemp("recordings")
    rng = np.random.default_rng(3)
    lines, runs = (
        ["file,split,class,device_group,datatype,sample_rate"],
        ["file,start_window,end_window,label"],
    )
    for number, (split, label) in enumerate(
        [("val", "ook_ism"), ("val", "ook_ism"), ("val", "fsk_ism"), ("odd", "martian")]
    ):
        tone = np.exp(2j * np.pi * rng.uniform(-0.4, 0.4) * np.arange(12 * 1024))
        x = tone * np.repeat([1, 0], [8 * 1024, 4 * 1024]) + 0.1 * rng.normal(size=(12 * 1024, 2)) @ [1, 1j]
        name = f"{number}.cf32"
        x.astype(np.complex64).tofile(folder / name)
        lines.append(f"{name},{split},{label},d{number},cf32,250000")
        runs += [f"{name},0,8,signal", f"{name},8,12,noise"]
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    (folder / "windows.csv").write_text("\n".join(runs) + "\n")
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(1)
    export_fast(folder / "fast.onnx", FastNet().eval(), FAST)
    save_slow_model(folder / "slow.safetensors", SlowNet(width=8).eval(), SLOW)
    return folder


def test_windows_hold_each_label_and_its_real_context(folder):
    recordings = load(folder).recordings
    windows = evaluation.Windows(recordings)
    assert np.bincount(windows.label).tolist() == [16, 16, 8, 0, 0, 0, 0, 0, 8]
    seen = []

    class Spy(Model):
        def outputs(self, db, sample_rate):
            seen.append(db)
            return super().outputs(db, sample_rate)

    windows.outputs(Spy(SlowNet(width=8), SLOW))
    db = seen[0]
    assert db.shape == (12, CONTEXT, 1024)
    np.testing.assert_allclose(db[0, 0], db[0, 3], atol=0.6)  # the first vector repeated before the start
    np.testing.assert_allclose(db[5, 2], db[4, 3], atol=0.6)  # the vector before


def test_resampling_keeps_the_frequency_in_hz_and_the_labels(folder):
    recordings = load(folder).split("val")
    copies = evaluation.resampled(recordings, seed=1, draws=2)
    for i, after in enumerate(copies):
        before, ratio = recordings[i // 2], after.stretch
        assert 0.5 * 2 ** (i % 2) <= ratio <= 2 ** (i % 2) and len(after.read()) == pytest.approx(
            before.samples * ratio, abs=2
        )
        hz = [
            np.fft.fftfreq(4096, 1 / r.sample_rate)[np.abs(np.fft.fft(r.read(0, 4096), 4096)).argmax()]
            for r in (before, after)
        ]
        if abs(hz[0]) < 0.45 * after.sample_rate:
            assert hz[1] == pytest.approx(hz[0], abs=400)
        counts = [np.bincount(r.window_labels(1024, LABELS) + 1, minlength=9) for r in (before, after)]
        assert np.all(np.abs(counts[1][1:] - counts[0][1:] * ratio) <= 2)


def test_a_file_is_the_same_at_every_rate(folder):
    recordings = load(folder).split("val")
    windows, copies = (evaluation.Windows(r) for r in (recordings, evaluation.resampled(recordings)))
    assert copies.files == windows.files and set(copies.file) == set(windows.file)
    for index, group in enumerate(r.group for r in recordings):
        assert {copies.groups[g] for g in copies.group[copies.file == index]} == {group}


def test_a_pause_holds_nothing_of_a_weak_narrow_signal():
    """One 15 dB below the noise in the whole band, 15 dB over it in its bin."""
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(24, 1024, 2)) @ [1, 1j]
    tone = 0.25 * np.exp(2j * np.pi * 0.1 * np.arange(1024))
    keyed = np.array([1, 1, 0, 1, 0, 1, 1, 0.2])[:, None]
    weak, strong = (power_spectra((noise[:8] + k * keyed * tone).ravel(), 1024) for k in (1, 21))
    noise = power_spectra(noise.ravel(), 1024)
    found = presence(weak, weak, noise[8:])
    assert np.all((found > LEAST) == (keyed[:, 0] == 1))
    found = presence(strong, strong, noise[:0])  # the noise unknown
    assert np.all((found > LEAST) == (keyed[:, 0] == 1))
    assert presence(noise[:1], np.zeros((1, 1024)), noise[8:]).tolist() == [1]  # no signal to miss


def test_merge_and_cascade_follow_the_contract(folder, models):
    windows = evaluation.Windows(load(folder).split("val"))
    fast, slow = Model(FastNet(), replace(FAST, threshold=0.05)), Model(SlowNet(width=8), SLOW)
    found = report.scores(windows, fast, slow)
    kept = ~found.deferred
    assert np.array_equal(found.cascade[kept], found.fast[kept])
    assert np.array_equal(found.cascade[~kept], found.merged[~kept])
    linear = report.merged_as(replace(FAST, merge=Merge("linear", lambda_=0.25)), found.fast, found.slow)
    np.testing.assert_allclose(linear, 0.25 * found.slow + 0.75 * found.fast)
    np.testing.assert_allclose(found.merged.sum(axis=1), 1, atol=1e-5)
    logits, _ = windows.outputs(report.MergedModel(fast, slow))
    np.testing.assert_allclose(np.exp(logits), found.merged, atol=1e-3)  # the wire rounds


def test_energy_is_higher_where_no_logit_is_high():
    assert report.energy(np.array([[0.0, 0.0]])) > report.energy(np.array([[8.0, 0.0]]))
    assert np.isfinite(report.energy(np.array([[1000.0, -1000.0]]))).all()


def test_the_command_writes_table_json_plots_and_card(folder, models, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    out, card = tmp_path / "out", tmp_path / "card.md"
    command = [
        "evaluate",
        "--data",
        str(folder),
        "--models",
        str(models),
        "--out",
        str(out),
        "--card",
        str(card),
    ]
    assert main([*command, "--rounds", "20", "--no-detection"]) == 0
    said = capsys.readouterr().out
    assert "val: 36 windows of 3 files" in said and "AUROC over 8 windows of 1 files" in said
    found = json.loads((out / "report.json").read_text())
    assert found["data_sha256"] == load(folder).sha256
    part = found["sets"]["val"]
    assert part["counts"]["ook_ism"] == 16 and set(part["models"]) == {"fast", "slow", "merged", "cascade"}
    margin = found["rules"]["val"]["margin"]
    assert margin["accuracy"]["0"] == part["models"]["fast"]["accuracy"]["value"]
    assert margin["accuracy"]["100"] == pytest.approx(part["models"]["merged"]["accuracy"]["value"])
    assert margin["quality"]["value"] == part["deferral"]["quality"]["value"]
    for name, better in (("random", 0), ("oracle", 1)):
        curve = found["rules"]["val"][name]["accuracy"]
        assert (
            curve["100"] == margin["accuracy"]["100"] and (curve["20"] >= margin["accuracy"]["20"]) >= better
        )
    split = found["splits"]["odd"]
    assert (split["files"], split["devices"], split["windows"]["ood"]) == (1, 1, 8)
    assert {"margin", "max_probability", "entropy"} <= set(found["rules"]["val"])
    assert "| max_probability | " in said and "val: accuracy of the cascade" in said
    slow, confusion = part["models"]["slow"], np.array(part["models"]["slow"]["confusion"])
    for index, label in ((0, "noise"), (1, "ook_ism"), (2, "fsk_ism")):
        figures = {name: figure["value"] for name, figure in slow["classes"][label].items()}
        right, of, guessed = confusion[index, index], confusion[index].sum(), confusion[:, index].sum()
        assert figures["recall"] == pytest.approx(right / of)
        assert figures["precision"] == (pytest.approx(right / guessed) if guessed else None)
        assert figures["nll"] > 0 and 0 <= figures["ece"] <= 1
    assert [row["context"] for row in part["contexts"]] == [1, 2, 4]
    assert part["contexts"][-1]["accuracy"] == slow["accuracy"]
    drop = found["sets"]["val-resampled"]["drop"]["slow"]["accuracy"]["value"]
    assert drop == pytest.approx(
        slow["accuracy"]["value"] - found["sets"]["val-resampled"]["models"]["slow"]["accuracy"]["value"]
    )
    low, high = part["models"]["slow"]["accuracy"]["interval"]
    assert low <= part["models"]["slow"]["accuracy"]["value"] <= high
    plots = {"val-curves.png", "val-confusion.png", "val-classes.png", "val-mixtures.png", "unknown.png"}
    assert plots | {"val-resampled-curves.png"} <= {p.name for p in out.iterdir()}
    text = card.read_text()
    assert "## val: two signals at once" in text and "## What was aimed for" in text
    assert "## val: deferral rules" in text
    assert "val: no window at all of" in text and found["models"]["fast"]["sha256"][:16] in text


def test_windows_with_nan_are_left_out_and_are_silence_in_a_context(folder, tmp_path):
    recording = load(folder).recordings[0]
    x = recording.read()
    x[5 * 1024 + 7], x[9 * 1024] = np.nan, np.inf
    x.tofile(tmp_path / "x.cf32")
    windows = evaluation.Windows([replace(recording, path=tmp_path / "x.cf32")])
    assert windows.invalid == 2 and windows.number.tolist() == [0, 1, 2, 3, 4, 6, 7, 8, 10, 11]
    logits, _ = windows.outputs(Model(SlowNet(width=8), SLOW))
    assert len(logits) == 10 and np.isfinite(logits).all()


def test_the_worst_errors_are_named():
    part = {"counts": {"a": 9, "b": 5}, "models": {"slow": {"confusion": [[7, 2], [5, 0]]}}}
    assert report.most_confused(part, "slow") == "b as a 5, a as b 2"
    assert part["models"]["slow"]["confusion"] == [[7, 2], [5, 0]]


def test_drop_at_other_rates_is_paired_by_file():
    def scored(right):
        p = np.where(np.array(right)[:, None], [0.1, 0.9], [0.9, 0.1])
        windows = SimpleNamespace(label=np.ones(len(right), int), file=np.arange(len(right)) // 2)
        return windows, SimpleNamespace(fast=p, slow=p, merged=p)

    # Files are half wrong or half as wrong again at other rates: whichever are drawn, the drop is the same.
    found = targets.drops(scored([1, 1] * 6), scored([1, 0] * 6), 2, 100)
    assert found["slow"]["accuracy"] == {"value": 0.5, "interval": [0.5, 0.5]}


def test_accuracy_is_told_by_how_many_times_the_recorded_rate():
    stretch = np.array([0.5, 0.6, 0.7, 1.0, 1.0, 1.9, 1.9, 1.9])
    windows = SimpleNamespace(
        label=np.array([1, 1, 1, 1, 9, 1, 1, 1]), file=np.arange(8) // 2, stretch=stretch
    )
    p = np.where(np.array([1, 0, 1, 1, 0, 0, 0, 1])[:, None], [0.1, 0.9], [0.9, 0.1])
    rows = rate_curve(windows, SimpleNamespace(fast=p, slow=p, merged=p), 2, 50)
    told = [(row["from"], row["windows"], row["files"], round(row["slow"]["value"], 2)) for row in rows]
    assert told == [(0.5, 2, 1, 0.5), (0.63, 1, 1, 1.0), (0.8, 1, 1, 1.0), (1.6, 3, 2, 0.33)]


def test_what_was_aimed_for_is_met_or_missed():
    def figure(value):
        return {"value": value, "interval": [value, value]}

    models = {name: {"ece": figure(ece)} for name, ece in (("fast", 0.031), ("slow", 0.03), ("merged", 0.0))}
    part = {"slow_over_fast": figure(0.06), "kept": {"share": figure(0.5)}, "models": models}
    left_out = {"scores": {targets.SCORE: {"auroc": figure(None)}}}
    report = {"sets": {"val": part}, "folds": {"classes": {"classes": {"ook_ism": left_out}}}}
    found = {target.what: target.is_met for target in targets.targets(report)}
    assert found == {
        "slow over fast, balanced accuracy": True,
        "kept by fast, half a point below slow": False,
        "ECE, fast": False,
        "ECE, slow": True,
        "ECE, merged": True,
        "AUROC of unknown ook_ism": False,
    }


def test_what_the_command_refuses(folder, models, tmp_path, capsys):
    assert main(["evaluate", "--data", str(folder), "--models", str(models), "--splits", "test"]) == 2
    assert "split test; there are: odd, val" in capsys.readouterr().err
    assert main(["evaluate", "--data", str(folder), "--models", str(tmp_path)]) == 2
    assert "fast.onnx" in capsys.readouterr().err
    save_slow_model(tmp_path / "slow.safetensors", SlowNet(width=8), replace(SLOW, context=8))
    export_fast(tmp_path / "fast.onnx", FastNet().eval(), FAST)
    assert main(["evaluate", "--data", str(folder), "--models", str(tmp_path)]) == 2
    assert "no pair" in capsys.readouterr().err
