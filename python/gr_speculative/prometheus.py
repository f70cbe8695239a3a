# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""What Prometheus scrapes of a hub and of a node."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Protocol

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from gr_speculative.hub_stats import COUNTERS, Histogram, HubStats
from gr_speculative.node_board import NodeBoard

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Of a node's telemetry, what may go down; the rest are counters.
_NODE_GAUGES = ("in_flight", "threshold", "price")
_NODE_GAUGE_ENDINGS = ("_ms", "_ratio", "_risk", "_risk_lower", "_risk_upper")


class Hub(Protocol):
    stats: HubStats

    def counters(self) -> dict[str, int]: ...

    def models(self) -> list: ...


class HubCollector:
    """Reads a hub, and what nodes have told it, at each scrape."""

    def __init__(self, hub: Hub, board: NodeBoard) -> None:
        self._hub, self._board = hub, board

    def collect(self) -> Iterator[Metric]:
        counters = self._hub.counters()
        for name in COUNTERS:
            yield CounterMetricFamily(f"speculative_hub_{name}", _HELP.get(name, name), value=counters[name])
        for name in ("refused_connections", "cut_off"):
            yield CounterMetricFamily(f"speculative_hub_{name}", name.replace("_", " "), value=counters[name])
        for name in ("queued", "nodes", "connections"):
            yield GaugeMetricFamily(f"speculative_hub_{name}", name, value=counters[name])
        stats = self._hub.stats
        yield _histogram("speculative_hub_batch_size", "requests in one inference", stats.batch_size)
        yield _histogram("speculative_hub_answer_seconds", "arrival to verdict ok", stats.answer_s)
        yield _histogram("speculative_hub_inference_seconds", "one batch in the model", stats.inference_s)
        yield from self._models()
        yield from node_metrics(self._board.telemetry())

    def _models(self) -> Iterator[Metric]:
        loaded = GaugeMetricFamily("speculative_model_loaded", "1 while it is in memory", labels=["model"])
        memory = GaugeMetricFamily("speculative_model_resident_bytes", "of its process", labels=["model"])
        cold = GaugeMetricFamily("speculative_model_cold_start_seconds", "of the last load", labels=["model"])
        loads = CounterMetricFamily("speculative_model_loads", "times it was loaded", labels=["model"])
        for model in self._hub.models():
            label = [model.contract.name]
            loaded.add_metric(label, model.pid is not None)
            memory.add_metric(label, resident_bytes(model.pid))
            cold.add_metric(label, model.cold_start_s)
            loads.add_metric(label, model.loads)
        yield from (loaded, memory, cold, loads)


class NodeCollector:
    """Reads a node's own telemetry, numbers by name, and latencies, at each scrape."""

    def __init__(self, node_id: str, telemetry: Callable[[], dict[str, float]], latency_s: Histogram) -> None:
        self._node_id, self._telemetry, self._latency = node_id, telemetry, latency_s

    def collect(self) -> Iterator[Metric]:
        yield from node_metrics({self._node_id: self._telemetry()})
        yield _histogram("speculative_node_latency_seconds", "deferral to verdict in time", self._latency)


def exposition(*collectors: object) -> Callable[[], bytes]:
    """What to answer a scrape with: those collectors, and this process's CPU time, memory and files."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return lambda: generate_latest(registry)


def node_metrics(nodes: dict[str, dict[str, float]]) -> Iterator[Metric]:
    """Metrics `speculative_node_*`, one sample for each node."""
    families: dict[str, Metric] = {}
    for node, telemetry in nodes.items():
        for name, value in telemetry.items():
            if not name.isidentifier() or not name.isascii():
                continue
            gauge = name in _NODE_GAUGES or name.endswith(_NODE_GAUGE_ENDINGS)
            family = CounterMetricFamily if not gauge else GaugeMetricFamily
            metric = f"speculative_node_{name}"
            families.setdefault(metric, family(metric, name.replace("_", " "), labels=["node"]))
            families[metric].add_metric([node], value)
    yield from families.values()


def resident_bytes(pid: int | None) -> int:
    """Memory of a process, 0 if it is gone or this is not Linux."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _histogram(name: str, text: str, histogram: Histogram) -> Metric:
    total, buckets = 0, []
    for bound, count in zip((*histogram.bounds, float("inf")), histogram.counts, strict=True):
        total += count
        buckets.append(("+Inf" if bound == float("inf") else str(float(bound)), total))
    return HistogramMetricFamily(name, text, buckets=buckets, sum_value=histogram.sum)


_HELP = {
    "received": "requests that came; the sum of all ends and of those queued",
    "ok": "requests answered with scores",
    "busy": "requests refused at once: too many, or too late",
    "expired": "requests whose deadline passed while they waited",
    "error": "requests that do not fit, or on which the model failed",
    "malformed": "messages that break the protocol",
    "undeliverable": "requests whose node was gone",
    "turned_away": "messages of peers beyond the limit",
}
