# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""What the packages' recipes repeat is what stands elsewhere."""

import re
from pathlib import Path

from gr_speculative import __version__

ROOT = Path(__file__).parents[1]


def test_debian_builds_this_version():
    assert (ROOT / "debian" / "changelog").read_text().startswith(f"gr-speculative ({__version__}) ")


def test_conda_builds_this_version():
    assert f'version: "{__version__}"' in (ROOT / "recipe" / "recipe.yaml").read_text()


def test_what_debian_installs_is_there():
    for line in (ROOT / "debian" / "gr-speculative.install").read_text().splitlines():
        assert list(ROOT.glob(line.split()[0])), line


def test_what_builds_from_a_checkout_builds_the_package():
    wanted = re.search(r"^packages=\((.*?)\)", (ROOT / "gr-speculative").read_text(), re.M | re.S)[1].split()
    depends = re.search(r"^Build-Depends:(.*?)^\S", (ROOT / "debian" / "control").read_text(), re.M | re.S)[1]
    # What the others bring: gnuradio-dev brings gnuradio, debhelper the compiler; a package needs no venv.
    missing = set(wanted) - set(re.findall(r"[\w.+-]+", depends)) - {"gnuradio", "g++", "python3-venv"}
    assert not missing
