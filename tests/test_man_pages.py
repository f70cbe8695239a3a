# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The man pages made with the build: one of each command, and each without a warning of man and mandoc."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from gr_speculative import __version__
from gr_speculative.cli import COMMANDS

FOLDER = Path(__file__).parents[1] / "build" / "apps" / "man1"
PAGES = ["gr-speculative", *(f"gr-speculative-{name}" for name in COMMANDS)]
# What help2man writes, as every GNU manual has it: "November 2026".
KNOWN = "cannot parse date"


@pytest.fixture(params=PAGES)
def page(request):
    path = FOLDER / f"{request.param}.1"
    if not path.exists():
        pytest.skip(
            f"{path.name} was not built: help2man, or a package that the command needs, was not there"
        )
    return path


def check(program, *arguments):
    """Runs it; the lines that it says against the page."""
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    command = [program, *map(str, arguments)]
    environment = os.environ | {"LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )
    return done.stdout


def test_what_a_page_has(page):
    text = page.read_text()
    assert all(f".SH {section}" in text for section in ("NAME", "SYNOPSIS", "DESCRIPTION", '"SEE ALSO"'))
    assert f"{page.stem} {__version__}" in text
    assert ".B gr-speculative" in text  # the synopsis, that of its own usage


def test_man_shows_it_without_a_warning(page):
    shown = check("man", "--warnings", "-E", "UTF-8", "-l", page)
    assert "<standard input>" not in shown and "SYNOPSIS" in shown


def test_mandoc_finds_nothing_wrong(page):
    found = check("mandoc", "-T", "lint", "-W", "warning", page)
    assert [line for line in found.splitlines() if KNOWN not in line] == []
