#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Writes docs/blocks.md from grc/*.yml: python3 docs/make_blocks.py"""

from __future__ import annotations

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "blocks.md"


def page() -> str:
    """The whole page, blocks in the order of the palette."""
    tree = yaml.safe_load((ROOT / "grc" / "speculative.tree.yml").read_text())
    parts = [
        "# Blocks",
        "In GNU Radio Companion under `[Speculative]`, in Python as `gnuradio.speculative.NAME`. "
        "This page is made from `grc/*.yml` by `docs/make_blocks.py`.",
    ]
    for block_id in tree["[Speculative]"]:
        parts += _block(yaml.safe_load((ROOT / "grc" / f"{block_id}.block.yml").read_text()))
    return "\n\n".join(parts) + "\n"


def _block(data: dict) -> list[str]:
    name = data["id"].removeprefix("speculative_")
    ports = [f"| {way} | {_port(port)} |" for way in ("in", "out") for port in data.get(f"{way}puts", [])]
    parameters = [
        f"| {p['label']} | `{p['id']}` | {p['dtype']} | {_default(p)} |" for p in data["parameters"]
    ]
    sections = [f"## {data['label']}", f"`{name}`", _text(data["documentation"])]
    sections.append("\n".join(["| | port |", "|---|---|", *ports]))
    sections.append(
        "\n".join(["| parameter | in Python | type | default |", "|---|---|---|---|", *parameters])
    )
    return sections


def _port(port: dict) -> str:
    name = port.get("id") or port.get("label") or "0"
    if port["domain"] == "message":
        return f"`{name}`, messages"
    return f"`{name}`, {_plain(port['dtype'])}" + (f" × {_plain(port['vlen'])}" if "vlen" in port else "")


def _plain(expression: object) -> str:
    return str(expression).removeprefix("${").removesuffix("}").strip()


def _default(parameter: dict) -> str:
    value = str(parameter.get("default", parameter.get("options", [""])[0]))
    return f"`{value}`" if value else ""


def _text(documentation: str) -> str:
    """Paragraphs as they are; lists of `name: what it is` as lists. A line that begins no name goes on."""
    paragraphs = []
    for paragraph in documentation.strip().split("\n\n"):
        lines = paragraph.split("\n")
        if not lines[0].endswith(":") or len(lines) == 1:
            paragraphs.append(" ".join(lines))
            continue
        items: list[str] = []
        for line in lines[1:]:
            name, colon, rest = line.partition(": ")
            if colon and (name[0].isupper() or name.islower() and " " not in name or name[0] == "("):
                items.append(f"* **{name}**: {rest}")
            else:
                items[-1] += " " + line
        paragraphs.append("\n".join([lines[0], "", *items]))
    return "\n\n".join(paragraphs)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
