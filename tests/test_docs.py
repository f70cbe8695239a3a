# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The documentation builds without a warning, its links lead somewhere, and blocks.md is that of the yml."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_block_reference_is_up_to_date():
    spec = importlib.util.spec_from_file_location("make_blocks", ROOT / "docs" / "make_blocks.py")
    make_blocks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_blocks)
    assert make_blocks.PAGE.read_text() == make_blocks.page(), "run: python3 docs/make_blocks.py"


def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs", reason="mkdocs is not installed")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "MANIFEST.md"])
def test_links_of_the_pages_outside_lead_somewhere(name):
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", (ROOT / name).read_text())
    missing = [link for link in links if not link.startswith("http") and not (ROOT / link).exists()]
    assert not missing
