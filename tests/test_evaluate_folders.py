# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""`gr-speculative evaluate` on folders never seen: whatever is odd is named, skipped or refused in a line."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from gr_speculative.cli import main  # noqa: E402
from gr_speculative.contract import Contract  # noqa: E402
from gr_speculative.models import FastNet, SlowNet  # noqa: E402
from gr_speculative.onnx_export import export_fast  # noqa: E402
from gr_speculative.slow_model import save_slow_model  # noqa: E402

WINDOWS = 6


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(1)
    export_fast(folder / "fast.onnx", FastNet().eval(), Contract("fast", "t", slow_context=2))
    shape = {"class": "SlowNet", "arguments": {"labels": 8, "width": 8}}
    contract = Contract("slow", "t", context=2, architecture=shape)
    save_slow_model(folder / "slow.safetensors", SlowNet(width=8).eval(), contract)
    return folder


@pytest.fixture
def evaluate(models, tmp_path, capsys):
    """Writes a folder of (file, split, class, rate, kind of runs) and evaluates it: status, report, stderr."""

    def run(rows, *options, damage=lambda folder: None):
        folder, out = tmp_path / "data", tmp_path / "out"
        folder.mkdir()
        manifest = ["file,split,class,device_group,datatype,sample_rate"]
        runs = ["file,start_window,end_window,label"]
        rng = np.random.default_rng(1)
        for name, split, label, rate, kind in rows:
            x = np.exp(0.3j * np.arange(WINDOWS * 1024)) + 0.1 * rng.normal(size=(WINDOWS * 1024, 2)) @ [
                1,
                1j,
            ]
            x.astype(np.complex64).tofile(folder / name)
            manifest.append(f"{name},{split},{label},{name},cf32,{rate}")
            runs += [f"{name},0,{WINDOWS},{kind}"] if kind else []
        (folder / "manifest.csv").write_text("\n".join(manifest) + "\n")
        (folder / "windows.csv").write_text("\n".join(runs) + "\n")
        damage(folder)
        command = ["evaluate", "--data", folder, "--models", models, "--out", out, "--rounds", 5]
        status = main([*map(str, command), "--no-detection", *options])
        path = out / "report.json"
        report = json.loads(path.read_text()) if path.exists() else None
        return status, report, capsys.readouterr().err

    return run


GOOD = [("a.cf32", "val", "ook_ism", 250e3, "signal"), ("b.cf32", "val", "lte_ofdm", 1.92e6, "signal")]


def test_rates_that_no_recording_of_training_had(evaluate):
    status, report, said = evaluate(
        [("a.cf32", "", "ook_ism", 1e3, "signal"), ("b.cf32", "", "fsk_ism", 3e9, "signal")]
    )
    assert (status, said) == (0, "") and report["sets"]["all"]["windows"] == 2 * WINDOWS
    assert np.isfinite(report["sets"]["all"]["models"]["slow"]["nll"]["value"])


@pytest.mark.parametrize("kind, label", [("signal", "ook_ism"), ("noise", "ook_ism")])
def test_a_single_class(evaluate, kind, label):
    status, report, said = evaluate([("a.cf32", "val", label, 250e3, kind)])
    assert (status, said) == (0, "")
    counts = report["sets"]["val"]["counts"]
    assert counts[label if kind == "signal" else "noise"] == WINDOWS == sum(counts.values())
    assert report["unknown"] is None and not report["mixtures"]


def test_a_label_that_the_models_do_not_know_is_named_and_counts_as_unknown(evaluate):
    status, report, said = evaluate([*GOOD, ("c.cf32", "val", "oook_ism", 250e3, "signal")])
    assert status == 0 and said.count("\n") == 1
    assert "label oook_ism: not among noise, ook_ism" in said and "no label names" in said
    assert report["sets"]["val"]["windows"] == 2 * WINDOWS and report["unknown"]["windows"] == WINDOWS


def test_only_unknown_signals(evaluate):
    status, report, said = evaluate([("a.cf32", "strange", "ood", 250e3, "signal")])
    assert (status, said) == (0, "") and report["sets"] == {} and report["unknown"] is None


@pytest.mark.parametrize(
    "row, said",
    [
        (("gone.cf32", "val", "ook_ism", 250e3, "signal"), "gone.cf32: no such file"),
        (("c.cf32", "val", "ook_ism", "", "signal"), "c.cf32: a raw recording does not tell its sample rate"),
        (
            ("c.cf32", "val", "ook_ism", "fast", "signal"),
            "c.cf32: sample rate 'fast': expected a number of Hz",
        ),
        (("c.cf32", "val", "ook_ism", 250e3, None), "c.cf32: no row in windows.csv"),
        (("c.cf32", "val", "", 250e3, "signal"), "c.cf32: has no class"),
        (("c.cf32", "val", "ook_ism", 250e3, "sginal"), "'sginal' (the file has 6 windows)"),
    ],
)
def test_what_cannot_be_used_is_named_and_the_rest_measured(evaluate, row, said):
    def damage(folder):
        (folder / "gone.cf32").unlink(missing_ok=True)

    status, report, err = evaluate([*GOOD, row], damage=damage)
    assert status == 0 and said in err and err.count("\n") == 1
    assert report["sets"]["val"]["counts"]["ook_ism"] == WINDOWS


def test_half_a_sample_at_the_end(evaluate):
    def damage(folder):
        with (folder / "a.cf32").open("ab") as file:
            file.write(b"\0\0\0")

    status, report, said = evaluate(GOOD, damage=damage)
    assert status == 0 and "a.cf32: the last 3 bytes are no whole cf32_le sample" in said
    assert report["sets"]["val"]["windows"] == 2 * WINDOWS


def test_samples_that_are_no_numbers(evaluate):
    def damage(folder):
        x = np.fromfile(folder / "a.cf32", np.complex64)
        x[2000] = np.nan
        x.tofile(folder / "a.cf32")

    status, report, said = evaluate(GOOD, "--no-resampled", damage=damage)
    assert status == 0 and "val: 1 labelled windows hold NaN" in said
    assert report["sets"]["val"]["windows"] == 2 * WINDOWS - 1


@pytest.mark.parametrize(
    "rows, damage, said",
    [
        (
            GOOD,
            lambda f: (f / "windows.csv").unlink(),
            "windows.csv: is not there: expected a table of the columns",
        ),
        (
            GOOD,
            lambda f: (f / "manifest.csv").write_text(""),
            "manifest.csv: expected the columns file, split",
        ),
        (
            GOOD,
            lambda f: [p.unlink() for p in f.iterdir()],
            "no usable recording: no manifest.csv, no *.sigmf-meta",
        ),
        ([], lambda f: None, "no usable recording: manifest.csv lists no file"),
        (
            [("a.cf32", "train", "ook_ism", 250e3, "signal")],
            lambda f: None,
            "there are: train (--splits train",
        ),
        ([("a.cf32", "val", "ook_ism", 250e3, None)], lambda f: None, "no labelled window in val"),
    ],
)
def test_what_is_refused_as_a_whole(evaluate, rows, damage, said):
    status, report, err = evaluate(rows, damage=damage)
    assert status == 2 and report is None
    (line,) = [line for line in err.splitlines() if line.startswith("gr-speculative: error: ")]
    assert said in line
