# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""GNU Radio Companion's own checks of our block descriptions."""

from pathlib import Path

import pytest
import yaml

schema_checker = pytest.importorskip(
    "gnuradio.grc.core.schema_checker", reason="needs GNU Radio Companion", exc_type=ImportError
)
BLOCKS = sorted((Path(__file__).parents[1] / "grc").glob("*.block.yml"))


def test_there_are_blocks():
    assert BLOCKS


@pytest.mark.parametrize("path", BLOCKS, ids=lambda path: path.name)
def test_the_description_fits_grcs_schema_and_is_documented(path):
    block = yaml.safe_load(path.read_text())
    checker = schema_checker.Validator(schema_checker.BLOCK_SCHEME)
    assert checker.run(block), [message.message for message in checker.messages]
    assert f"{block['id']}.block.yml" == path.name
    assert block["id"].startswith("speculative_")
    assert block.get("documentation", "").strip()
