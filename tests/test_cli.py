# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The command line: help, errors in one line, and a hub that ends when it is told to."""

import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from gr_speculative import __version__, cli

PATIENCE_S = 20
HERE = Path(__file__).parent
ENVIRONMENT = {"PYTHONPATH": f"{HERE.parent / 'python'}:{HERE}", "PATH": "/usr/bin:/bin"}


@pytest.fixture
def command(monkeypatch):
    """Makes `gr-speculative pretend` do what the test says."""

    def install(run, add_arguments=lambda parser: None):
        monkeypatch.setitem(sys.modules, "pretend", SimpleNamespace(run=run, add_arguments=add_arguments))
        monkeypatch.setitem(cli.COMMANDS, "pretend", ("pretend", "pretends"))

    return install


def raising(error):
    def run(args):
        raise error

    return run


def test_version_and_help_name_every_command(capsys):
    for arguments, expected in ((["--version"], [__version__]), (["--help"], list(cli.COMMANDS))):
        with pytest.raises(SystemExit) as caught:
            cli.main(arguments)
        assert caught.value.code == 0
        out = capsys.readouterr().out
        assert all(word in out for word in expected)


@pytest.mark.parametrize("arguments", [[], ["fly"], ["hub", "--model", "x", "--threads", "0"]])
def test_wrong_usage_exits_2(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_a_command_gets_its_options_and_gives_its_status(command):
    command(lambda args: args.number, lambda parser: parser.add_argument("--number", type=int))
    assert cli.main(["pretend", "--number", "3"]) == 3
    command(lambda args: None)
    assert cli.main(["pretend"]) == 0


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("model.onnx: truncated"), "model.onnx: truncated"),
        (FileNotFoundError(2, "No such file or directory", "a.cu8"), "a.cu8: No such file or directory"),
        (OSError(98, "cannot bind tcp://x"), "cannot bind tcp://x"),
        (KeyError("x"), "KeyError: 'x' (--debug tells where)"),
    ],
)
def test_an_error_is_one_line_and_exit_2(command, capsys, error, line):
    command(raising(error))
    assert cli.main(["pretend"]) == 2
    assert capsys.readouterr().err == f"gr-speculative: error: {line}\n"


@pytest.mark.parametrize("arguments", [["--debug", "pretend"], ["pretend", "--debug"]])
def test_debug_shows_the_traceback(command, capsys, arguments):
    command(raising(ValueError("here")))
    assert cli.main(arguments) == 2
    assert "Traceback" in capsys.readouterr().err


def test_an_interrupt_is_quiet(command, capsys):
    command(raising(KeyboardInterrupt()))
    assert cli.main(["pretend"]) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("missing", "fix"),
    [
        ("torch", "pip install torch safetensors"),
        ("gnuradio", "install GNU Radio 3.10"),
        ("gnuradio.speculative", "./gr-speculative build"),
        ("onnx.helper", "pip install onnx"),
    ],
)
def test_a_missing_package_comes_with_its_fix(command, capsys, missing, fix):
    command(raising(ModuleNotFoundError(f"No module named {missing!r}", name=missing)))
    assert cli.main(["pretend"]) == 2
    error = capsys.readouterr().err
    assert fix in error and error.count("\n") == 1


@pytest.mark.parametrize(
    "name", [name for name, (where, _) in cli.COMMANDS.items() if "gnuradio" not in where]
)
def test_help_of_a_command_imports_nothing_that_not_everybody_has(name):
    code = "import sys; from gr_speculative.cli import main\n"
    code += f"try: main([{name!r}, '--help'])\nexcept SystemExit: pass\n"
    code += "print([m for m in ('torch', 'gnuradio', 'scipy', 'onnx', 'tqdm') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    assert "usage: gr-speculative" in done.stdout and done.stdout.splitlines()[-1] == "[]"


def hub(*arguments):
    command = [sys.executable, "-m", "gr_speculative", "hub", *arguments]
    return subprocess.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_hub_ends_cleanly_on_a_signal_and_tells_its_counters(number):
    process = hub("--model", "stand_in_models:good", "--bind", "tcp://127.0.0.1:0")
    first = process.stdout.readline()
    assert re.match(r"listening on tcp://127\.0\.0\.1:[1-9]\d*, model double on cpu$", first)
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, err) == (0, "")
    assert out.startswith("received 0, ok 0,")


def test_a_hub_that_cannot_start_says_why_in_one_line():
    for arguments, line in (
        (["--model", "stand_in_models:broken"], "broken: not a model"),
        (
            ["--model", "stand_in_models:good", "--bind", "tcp://nowhere", "--allow-plaintext"],
            "cannot bind tcp://nowhere",
        ),
    ):
        process = hub(*arguments)
        out, err = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 2
        assert err.startswith(f"gr-speculative: error: {line}") and err.count("\n") == 1
