# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Configuration files: the command line's options, as TOML."""

import argparse
import importlib
import os
from pathlib import Path

import pytest

from gr_speculative import cli, config

HERE = Path(__file__).parent


@pytest.fixture
def parse(tmp_path):
    parser = argparse.ArgumentParser()
    parser.add_argument("recordings", nargs="*")
    parser.add_argument("--model", action="append")
    parser.add_argument("--max-queue", type=int, default=5)
    parser.add_argument("--deadline", type=float)
    parser.add_argument("--allow-plaintext", action="store_true")
    config.add_arguments(parser)

    def parse(toml, *arguments):
        path = tmp_path / "hub.toml"
        path.write_text(toml, encoding="utf-8")
        return parser.parse_args(config.expand(parser, ["--config", str(path), *arguments]))

    return parse


def test_a_file_says_what_the_command_line_would(parse):
    args = parse(
        'model = ["a", "b"]\nmax-queue = 7\ndeadline = 0.5\nallow_plaintext = true\nrecordings = ["x"]'
    )
    assert (args.model, args.max_queue, args.deadline) == (["a", "b"], 7, 0.5)
    assert args.allow_plaintext and args.recordings == ["x"]
    assert parse("max-queue = 7", "--max-queue", "9").max_queue == 9
    assert parse('model = "-odd"', "--model", "b").model == ["-odd", "b"]
    assert not parse("allow-plaintext = false").allow_plaintext


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("max-que = 7", "'max-que' is not an option, did you mean 'max-queue'?"),
        ("xyzzy = 7", "'xyzzy' is not an option$"),
        ('config = "other.toml"', "'config' is not an option"),
        ("allow-plaintext = 1", "allow-plaintext: expected true or false, found 1"),
        ("max-queue = true", "max-queue: expected a text or a number"),
        ("[model]\npath = 1", "model: expected a text or a number"),
        ("model = ", "not TOML: Invalid value"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(parse, toml, said):
    with pytest.raises(ValueError, match=f"hub.toml: .*{said}".replace("?", r"\?")):
        parse(toml)


def test_a_value_of_the_wrong_type_is_the_command_lines_error(parse, capsys):
    with pytest.raises(SystemExit):
        parse('max-queue = "many"')
    assert "--max-queue: invalid int value: 'many'" in capsys.readouterr().err


def test_check_config_of_a_hub(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE.parent / "python"), str(HERE)]))
    path = tmp_path / "hub.toml"
    path.write_text('model = "stand_in_models:good"\nbind = "ipc:///nowhere/hub"\n')
    assert cli.main(["hub", "--config", str(path), "--check-config"]) == 0
    assert "the configuration is right" in capsys.readouterr().out
    for line, said in (
        ("credit = 0", "expected a whole number of at least 1"),
        ("lease-s = 1e9", "lease_s: expected at least 0.1 and at most 86400"),
        ('model = "stand_in_models:broken"', "broken: not a model"),
        ('key = "hub.key"', "belong together"),
    ):
        path.write_text(
            f'bind = "ipc:///x"\n{line}\n' + ("" if "model" in line else 'model = "stand_in_models:good"')
        )
        try:
            status = cli.main(["hub", "--config", str(path), "--check-config"])
        except SystemExit as end:
            status = end.code
        assert status == 2
        assert said in capsys.readouterr().err


def test_a_file_that_is_missing(capsys):
    assert cli.main(["hub", "--config", "/nowhere.toml"]) == 2
    assert "/nowhere.toml: No such file" in capsys.readouterr().err


@pytest.mark.parametrize("module", ["gr_speculative.hub_command", "gnuradio.speculative.node"])
def test_a_shipped_example_names_only_options_that_exist(module):
    if module.startswith("gnuradio"):
        pytest.importorskip("gnuradio.speculative", reason="the GNU Radio module is not installed")
    parser = argparse.ArgumentParser()
    importlib.import_module(module).add_arguments(parser)
    name = "hub" if "hub" in module else "node"
    path = HERE.parent / "apps" / "systemd" / f"{name}.toml"
    assert parser.parse_args(config.expand(parser, ["--config", str(path)]))
