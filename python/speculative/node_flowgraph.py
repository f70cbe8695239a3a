# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The flowgraph of a node: source → spectrum_classifier ⇄ hub, results to Python."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from gnuradio import gr

from gr_speculative.hub_stats import SECONDS, Histogram
from gr_speculative.sigmf_io import Recording
from gr_speculative.summary import Summary

from .atmosphere_source import atmosphere_source
from .live_gate import live_gate
from .recording_source import recording_source
from .result_sink import result_sink
from .sources import LiveSource
from .spectrum_classifier import spectrum_classifier
from .telemetry_reader import telemetry_reader


@dataclass(frozen=True)
class NodeOptions:
    """model: path of the fast model. threshold: 0..1, negative: the model's. budget: deferrals a second, 0: no limit.
    audit_fraction: 0..1, audit_seed, per_emission: of fast_classifier. rule: empty: the model's. conditions: profile
    for an atmosphere_source, None: none, which counts with conditions_strength, 0..1. deadline: seconds.
    hub: ZeroMQ endpoint, None: ask nobody; hub_options: more of spectrum_classifier's that concern it.
    report: tell the hub results and counters. http: HOST:PORT for Prometheus.
    pace: as recording_source has it."""

    model: str
    threshold: float = -1.0
    budget: float = 0.0
    audit_fraction: float = 0.0
    audit_seed: int = 1
    rule: str = ""
    per_emission: bool = False
    conditions: str | None = None
    conditions_strength: float = 0.5
    deadline: float = 2.0
    hub: str | None = None
    hub_options: dict = field(default_factory=dict)
    report: bool = False
    http: str | None = None
    max_in_flight: int = 256
    max_run: int = 1
    pace: str = "real-time"


class node_flowgraph(gr.top_block):
    """Classifies one source. writers: called with each result (a dict, docs/protocol.md), in order."""

    def __init__(
        self, source: Recording | LiveSource, options: NodeOptions, writers: list[Callable[[dict], object]]
    ):
        gr.top_block.__init__(self, "node")
        self._sample_rate, self._writers = source.sample_rate, writers
        self._summary_labels: Counter[str] = Counter()
        self.classifier = spectrum_classifier(
            source.sample_rate,
            options.model,
            slow="none" if options.hub is None else "hub",
            hub=options.hub or "",
            threshold=options.threshold,
            deadline=options.deadline,
            center_frequency=source.center_frequency,
            max_in_flight=options.max_in_flight,
            max_run=options.max_run,
            outputs=0,
            **options.hub_options,
        )
        self.fft_size = self.classifier.fft_size()
        self.classifier.set_budget(options.budget)
        self.classifier.set_audit_fraction(options.audit_fraction, options.audit_seed)
        self.classifier.set_rule(options.rule)
        self.classifier.set_per_emission(options.per_emission)
        if options.conditions is not None and options.hub is not None:
            self.classifier.set_conditions(options.conditions_strength)
            self.weather = atmosphere_source(options.conditions, source.center_frequency)
            self.msg_connect(self.weather, "conditions", self.classifier, "conditions")
        self._result = Summary(threshold=self.classifier.threshold())
        self.sink = result_sink(self._on_result)
        self._reader = telemetry_reader()
        self.latency_s = Histogram(SECONDS)  # from deferral to verdict, of those in time
        self._drain_timeout = options.deadline + 1.0
        self._drain_since: float | None = None
        if isinstance(source, LiveSource):
            last = source.blocks[-1]
            self.source = live_gate(source.at_end, lambda: last.nitems_written(0))
            self.connect(*source.blocks, self.source, self.classifier)
        else:
            self.source = recording_source(
                source,
                options.pace,
                ready=lambda: self.classifier.slow is None or self.classifier.slow.connected(),
                has_room=lambda: self.classifier.counters()["in_flight"] < options.max_in_flight // 4,
            )
            self.connect(self.source, self.classifier)
        self.msg_connect(self.classifier, "results", self.sink, "results")
        self.msg_connect(self.classifier, "telemetry", self._reader, "telemetry")

    def wait_finished(self, timeout: float) -> bool:
        """True once the stream has ended and what it deferred is settled, or has had its time."""
        until = time.monotonic() + timeout
        while not (finished := self._finished(time.monotonic())) and time.monotonic() < until:
            time.sleep(0.005)
        return finished

    def stop_soon(self, drain_timeout: float) -> None:
        """End the stream here; what is in flight gets `drain_timeout` seconds."""
        self._drain_timeout = min(self._drain_timeout, drain_timeout)
        self.source.close()

    def _finished(self, now: float) -> bool:
        if not self.source.ended:
            return False
        if self._drain_since is None:
            self._drain_since = now
        return self._drained() or now >= self._drain_since + self._drain_timeout

    def telemetry(self) -> dict[str, float]:
        """Counters, ratios, threshold, live risk, latency percentiles in ms, and the link's counters as `link_*`. Any
        thread; ratios and risk are at most a second old."""
        numbers: dict[str, float] = self.classifier.counters() | self._reader.numbers
        numbers["deferral_ratio"] = numbers["deferred"] / max(numbers["vectors"], 1)
        numbers["threshold"] = self.classifier.threshold()
        for percent in (50, 99):
            numbers[f"latency_p{percent}_ms"] = self.classifier.classifier.latency_quantile(percent / 100)
        if self.classifier.slow is not None:
            numbers |= {f"link_{name}": value for name, value in self.classifier.slow.counters().items()}
        return numbers

    def progress(self) -> str:
        c = self.classifier.counters()
        return f"{c['deferred']} deferred, {c['in_flight']} in flight"

    def summary(self) -> Summary:
        """Of the whole run; call when it has ended."""
        self._result.counters.update(self.classifier.counters())
        self._result.labels = +self._summary_labels
        self._result.recorded_seconds = self.source.position / self._sample_rate
        self._result.streamed_seconds = self.source.streamed_seconds
        return self._result

    def _drained(self) -> bool:
        c = self.classifier.counters()
        sent = self.source.position // self.fft_size
        return c["vectors"] == sent and c["in_flight"] == 0 and self.sink.settled == sent - c["invalid"]

    def _on_result(self, result: dict) -> None:
        if result["status"] == "revised":
            # The label that it replaces: the fast one, provisional or final.
            if result.get("late"):
                self._summary_labels[result["fast_label"]] -= 1
            else:
                self._result.add_latency(result["elapsed_ms"])
                self.latency_s.add(result["elapsed_ms"] / 1e3)
        if result["status"] != "provisional":
            self._summary_labels[result["label"]] += result["count"]
        for write in self._writers:
            write(result)
