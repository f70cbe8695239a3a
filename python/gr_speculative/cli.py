# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The command `gr-speculative`.

A command is a module with `add_arguments(parser)` and `run(args) -> int`. Only the one that is asked for is
imported, so that a hub needs no GNU Radio and a node no torch.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Sequence

from gr_speculative import __version__, config

COMMANDS = {
    "node": ("gnuradio.speculative.node", "classify a recording or a live stream (needs GNU Radio)"),
    "demo": (
        "gnuradio.speculative.demo",
        "run a node on a generated scene and draw what it found (needs GNU Radio)",
    ),
    "doctor": ("gr_speculative.doctor", "check the installation, and tell what to fix"),
    "hub": ("gr_speculative.hub_command", "serve a slow model to many nodes (needs torch)"),
    "keys": ("gr_speculative.keys", "make keys for a hub and its nodes"),
    "atmosphere": (
        "gr_speculative.atmosphere.command",
        "tell ducts, refraction and rays from a profile of the weather",
    ),
    "heads": ("gr_speculative.heads.command", "measure the heads: operating curves of anomaly and mimic"),
    "anomaly": (
        "gr_speculative.heads.anomaly_command",
        "train the anomaly head, or fit it to what a node has seen (needs torch)",
    ),
    "train": ("gr_speculative.train_command", "train a pair of models on labelled recordings"),
    "calibrate": (
        "gr_speculative.calibrate_command",
        "set the deferral threshold that keeps a promised risk",
    ),
    "folds": (
        "gr_speculative.folds_command",
        "train and measure pairs of models on devices held out in turn",
    ),
    "evaluate": ("gr_speculative.evaluate_command", "measure a pair of models on labelled recordings"),
}

_FIXES = {
    "gnuradio": "install GNU Radio 3.10 and use the Python that it was built for",
    "gnuradio.speculative": "build and install the GNU Radio module: ./gr-speculative build, in a checkout",
    "torch": "pip install torch safetensors",
    "safetensors": "pip install torch safetensors",
    "sgp4": "pip install 'gr-speculative[heads]'",
    "zmq": "pip install pyzmq",
    "prometheus_client": "pip install prometheus-client",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit status. Errors take one line on stderr and give 2."""
    argv = sys.argv[1:] if argv is None else list(argv)
    debug = "--debug" in argv
    try:
        args = _parse(argv)
        return args.run(args) or 0
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        if debug:
            traceback.print_exc()
        print(f"gr-speculative: error: {_describe(error)}", file=sys.stderr)
        return 2


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--debug", action="store_true", default=argparse.SUPPRESS, help="show a traceback with an error"
    )
    parser = argparse.ArgumentParser(
        prog="gr-speculative",
        description="Classifies spectra with a small fast model and asks a slow one only where it is unsure.",
        epilog="`gr-speculative COMMAND --help` tells a command's options.",
        parents=[common],
    )
    parser.add_argument("--version", action="version", version=f"gr-speculative {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    chosen = next((word for word in argv if not word.startswith("-")), None)
    for name, (module_name, summary) in COMMANDS.items():
        command = commands.add_parser(
            name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", parents=[common]
        )
        if name == chosen:
            module = importlib.import_module(module_name)
            module.add_arguments(command)
            command.set_defaults(run=module.run)
            place = argv.index(name) + 1
            argv = [*argv[:place], *config.expand(command, argv[place:])]
    return parser.parse_args(argv)


def _describe(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("gr_speculative"):
        name = error.name if error.name in _FIXES else error.name.partition(".")[0]
        fix = _FIXES.get(name, f"pip install {name}")
        return f"this command needs the Python package {name}, which is not installed: {fix}"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, ValueError | RuntimeError | OSError) and str(error):
        return str(error)
    return f"{type(error).__name__}: {error} (--debug tells where)"
