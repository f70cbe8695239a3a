# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The hub's pages: / is the dashboard, /state.json what it draws, /metrics what Prometheus scrapes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gr_speculative import prometheus
from gr_speculative.hub import Hub
from gr_speculative.node_board import NodeBoard
from gr_speculative.web import Page

_PAGE = Path(__file__).with_name("dashboard.html")


def hub_pages(hub: Hub, board: NodeBoard) -> dict[str, Page]:
    """Pages for a WebServer."""

    def state() -> dict[str, Any]:
        models = [
            {
                "name": model.contract.name,
                "sha256": model.sha256,
                "loaded": model.pid is not None,
                "resident_bytes": prometheus.resident_bytes(model.pid),
                "cold_start_s": round(model.cold_start_s, 3),
            }
            for model in hub.models()
        ]
        return {"hub": hub.counters(), "models": models, "nodes": board.state()}

    page = _PAGE.read_bytes()
    return {
        "/": ("text/html; charset=utf-8", lambda: page),
        "/state.json": ("application/json", lambda: json.dumps(state()).encode()),
        "/metrics": (
            prometheus.CONTENT_TYPE,
            prometheus.exposition(prometheus.HubCollector(hub, board)),
        ),
    }
