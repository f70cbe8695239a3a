# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Makes gr-speculative.1, and gr-speculative-COMMAND.1 of every command, from what --help says.

    python3 man_pages.py HELP2MAN OUT_DIR

HELP2MAN: that program. The module must be built and on PYTHONPATH; a command that lacks a Python package gets no page.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from gr_speculative import __version__
from gr_speculative.cli import COMMANDS

INCLUDES = Path(__file__).parent / "man"
# As help2man knows a usage, and a command too long for its column with its help on the same line.
PROGRAM = r"""#!/bin/sh
"{python}" -m gr_speculative {command} "$@" | sed -e 's/^usage: /Usage: /' -e '/^    [a-z]*$/{{N;s/\n */   /}}'
"""


def main(help2man: str, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    # On one line: help2man takes a second line of the usage for text, and roff breaks lines itself.
    environment = os.environ | {"COLUMNS": "10000", "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
    pages = {"gr-speculative": ("", "classify spectra, asking a slow model only where unsure")}
    pages |= {f"gr-speculative-{name}": (name, summary) for name, (_, summary) in COMMANDS.items()}
    with tempfile.TemporaryDirectory() as folder:
        for page, (name, summary) in pages.items():
            program = Path(folder, page)  # a page has the name of its program
            program.write_text(PROGRAM.format(python=sys.executable, command=name))
            program.chmod(0o755)
            include = INCLUDES / ("command.h2m" if name else "gr-speculative.h2m")
            options = ["--no-info", "--locale=C.UTF-8", f"--version-string={__version__}"]
            options += [f"--name={summary}", f"--include={include}", f"--output={out / page}.1"]
            if subprocess.run([help2man, *options, str(program)], env=environment).returncode:
                print(f"{page}.1 is left out: the command lacks what is told above", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
