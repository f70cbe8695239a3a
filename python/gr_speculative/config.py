# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Configuration files: the same options as on the command line, as TOML.

    bind = "tcp://0.0.0.0:5555"        # --bind tcp://0.0.0.0:5555
    model = ["a.safetensors", "b.safetensors"]
    max-queue = 2048
    allow-plaintext = false            # as if it were not there

What the command line says comes after the file, and so overrides it; options that may be repeated add up.
"""

from __future__ import annotations

import argparse
import difflib
import tomllib
from collections.abc import Sequence
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --config and --check-config."""
    parser.add_argument(
        "--config", metavar="TOML", help="file with these options; the command line overrides it"
    )
    parser.add_argument(
        "--check-config", action="store_true", help="say whether the options are right, and run nothing"
    )


def expand(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> list[str]:
    """`arguments` of a command, after those of the file that --config among them names.

    Raises ValueError, which names file and key; OSError where the file cannot be read.
    """
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    finder.add_argument("--config")
    path = finder.parse_known_args(arguments)[0].config
    if path is None:
        return list(arguments)
    with open(path, "rb") as file:
        try:
            document = tomllib.load(file)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: not TOML: {error}") from None
    words: list[str] = []
    for key, value in document.items():
        words += _words(path, key, value, parser)
    return [*words, *arguments]


def _words(path: str, key: str, value: Any, parser: argparse.ArgumentParser) -> list[str]:
    option = "--" + key.replace("_", "-")
    actions = {name: action for action in parser._actions for name in action.option_strings}
    actions |= {action.dest: action for action in parser._actions if not action.option_strings}
    action = actions.get(option) or actions.get(key)
    if action is None or option in ("--config", "--help"):
        near = difflib.get_close_matches(option, actions)
        advice = f", did you mean {near[0].removeprefix('--')!r}?" if near else ""
        raise ValueError(f"{path}: {key!r} is not an option{advice}")
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise ValueError(f"{path}: {key}: expected true or false, found {value!r}")
        return [option] if value else []
    values = value if isinstance(value, list) else [value]
    if isinstance(value, bool) or not all(isinstance(one, str | int | float) for one in values):
        raise ValueError(f"{path}: {key}: expected a text or a number, or a list of them, found {value!r}")
    if not action.option_strings:
        return [str(one) for one in values]
    return [f"{option}={one}" for one in values]
