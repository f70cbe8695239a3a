# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""One source through a node: its flowgraph, what is written about it, and the signals that end it."""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from gr_speculative.annotations import AnnotationWriter
from gr_speculative.report_sender import ReportSender
from gr_speculative.result_files import ResultFiles
from gr_speculative.service import Watchdog, notify
from gr_speculative.sigmf_io import Recording
from gr_speculative.summary import Summary
from gr_speculative.web import WebServer

from .node_flowgraph import NodeOptions, node_flowgraph
from .sources import LiveSource, name_of

log = logging.getLogger(__name__)

_CTRL_C_DRAIN_S = 0.5
Writer = Callable[[dict], object]


class Outcome(NamedTuple):
    """interrupted: by Ctrl-C or SIGTERM; broken: a live source ended by itself, or results could not be written."""

    summary: Summary
    interrupted: bool
    broken: bool


def run_source(
    source: Recording | LiveSource,
    options: NodeOptions,
    base: Path | None = None,
    writers: Sequence[Writer] = (),
) -> Outcome:
    """base: path without suffix for .jsonl and .sigmf-meta, or None; writers: called with each result too."""
    with contextlib.ExitStack() as stack:
        writers = list(writers)
        flowgraph = node_flowgraph(source, options, writers)
        _watch(flowgraph, options, writers, stack)
        if base is not None:
            files = stack.enter_context(_result_files(base, source, flowgraph, options))
            writers.append(files.add)
        interrupted = _run_flowgraph(flowgraph, source)
    broken = base is not None and files.incomplete
    if isinstance(source, LiveSource):
        broken |= flowgraph.source.broken
        if flowgraph.source.broken:
            log.error("%s ended the stream by itself: is it unplugged, or gone?", source.name)
        if source.losses():
            log.warning("%s lost samples %d times; their vectors are invalid", source.name, source.losses())
    return Outcome(flowgraph.summary(), interrupted, broken)


def distinct_names(names: Sequence[str]) -> list[str]:
    """Names of what is written about sources of these names."""
    found: list[str] = []
    for name in names:
        stem = distinct = name.removesuffix(".sigmf-data")
        number = 2
        while distinct in found:
            distinct, number = f"{stem}-{number}", number + 1
        found.append(distinct)
    return found


def _result_files(
    base: Path, source: Recording | LiveSource, flowgraph: node_flowgraph, options: NodeOptions
) -> ResultFiles:
    horizon = max(int(2 * options.deadline * source.sample_rate / flowgraph.fft_size), 4096)
    about = (
        {"sample_rate": source.sample_rate, "center_frequency": source.center_frequency}
        if isinstance(source, LiveSource)
        else {"recording": source}
    )
    annotations = AnnotationWriter(f"{base}.sigmf-meta", flowgraph.fft_size, horizon=horizon, **about)
    return ResultFiles(Path(f"{base}.jsonl"), annotations)


def _watch(
    flowgraph: node_flowgraph, options: NodeOptions, writers: list[Writer], stack: contextlib.ExitStack
) -> None:
    """Reports to the hub, and a page for Prometheus, while the flowgraph runs."""
    name = options.hub_options.get("node_id") or socket.gethostname()
    if options.report and options.hub is not None:
        keys = (options.hub_options.get(name, "") for name in ("key_file", "hub_key_file"))
        sender = ReportSender(options.hub, name, flowgraph.telemetry, *keys)
        writers.append(stack.enter_context(sender).add)
    if options.http is not None:
        from gr_speculative import prometheus

        page = prometheus.exposition(prometheus.NodeCollector(name, flowgraph.telemetry, flowgraph.latency_s))
        stack.enter_context(WebServer(options.http, {"/metrics": (prometheus.CONTENT_TYPE, page)}))


def _run_flowgraph(flowgraph: node_flowgraph, source: Recording | LiveSource) -> bool:
    """True if a signal ended it."""
    interrupted = False

    def on_signal(*_: object) -> None:
        nonlocal interrupted
        interrupted = True
        flowgraph.stop_soon(_CTRL_C_DRAIN_S)

    previous = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with tqdm(
            total=None if isinstance(source, LiveSource) else source.n_samples,
            desc=name_of(source),
            unit="S",
            unit_scale=True,
            disable=not sys.stderr.isatty(),
            leave=False,
        ) as bar:
            flowgraph.start()
            notify("READY=1")
            watchdog = Watchdog()
            while not flowgraph.wait_finished(0.05):
                watchdog.beat()
                bar.update(flowgraph.source.position - bar.n)
                bar.set_postfix_str(flowgraph.progress())
            flowgraph.stop()
            flowgraph.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if flowgraph.sink.error is not None:
        raise flowgraph.sink.error
    return interrupted
