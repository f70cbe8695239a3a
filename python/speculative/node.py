# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The command `gr-speculative node`: recordings in, labels out, without a screen."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gnuradio import gr
from tqdm import tqdm

from gr_speculative import config
from gr_speculative.annotations import AnnotationWriter
from gr_speculative.installed import default_fast_model, default_slow_model
from gr_speculative.publisher import Publisher
from gr_speculative.report_sender import ReportSender
from gr_speculative.sigmf_io import RAW_FORMATS, Recording, open_recording
from gr_speculative.summary import Summary
from gr_speculative.web import WebServer
from gr_speculative.worker import Worker

from .node_flowgraph import NodeOptions, node_flowgraph
from .recording_source import PACES

_CTRL_C_DRAIN_S = 0.5
Writer = Callable[[dict], object]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `node`."""
    add = parser.add_argument
    add(
        "recordings",
        nargs="+",
        metavar="RECORDING",
        help="raw samples (.cu8 .cs8 .cs16 .cf32 .cfile) or a .sigmf-meta",
    )
    add("--rate", type=float, metavar="HZ", help="sample rate; needed for raw samples")
    add("--format", choices=sorted(RAW_FORMATS), help="of raw samples, where the suffix does not tell")
    add("--center-frequency", type=float, metavar="HZ", help="of raw samples, default 0")
    add("--model", metavar="ONNX", help="fast model, default the one that came with the program")
    add("--threshold", type=float, help="0 (defer nothing) to 1 (defer all), default the model's own")
    add(
        "--budget", type=float, default=0.0, metavar="N", help="deferrals a second at most, default: no limit"
    )
    add(
        "--audit-fraction",
        type=float,
        default=0.0,
        metavar="P",
        help="of confident vectors, also deferred to be checked",
    )
    add("--deadline", type=float, default=2.0, metavar="S", help="wait for a verdict, default %(default)s s")
    slow = parser.add_mutually_exclusive_group()
    slow.add_argument(
        "--hub", metavar="ENDPOINT", help="such as tcp://hub.example:5555; default: a worker of its own"
    )
    slow.add_argument(
        "--slow-model", metavar="PATH", help="for the own worker, default the one that came with it"
    )
    slow.add_argument("--no-slow", action="store_true", help="ask nobody: every vector keeps its fast label")
    add("--key", default="", metavar="FILE", help="this node's NAME.key, of `gr-speculative keys`")
    add("--hub-key", default="", metavar="FILE", help="the hub's NAME.pub")
    add("--allow-plaintext", action="store_true", help="ask a hub elsewhere without encryption")
    add(
        "--hub-model",
        default="",
        metavar="NAME",
        help="which of the hub's models answers; default: it chooses",
    )
    add("--node-id", default="", metavar="NAME", help="this node's name, default the host's")
    add("--max-in-flight", type=int, default=256, metavar="N", help="deferred at once, default %(default)s")
    add(
        "--max-run",
        type=int,
        default=1,
        metavar="N",
        help="vectors that one result may join, default %(default)s",
    )
    add(
        "--pace",
        choices=PACES,
        default=PACES[0],
        help="default %(default)s; lossless waits for the slow model",
    )
    add("--out", type=Path, metavar="DIR", help="write NAME.jsonl and NAME.sigmf-meta (annotations) there")
    add("--publish", metavar="ENDPOINT", help="results as ZeroMQ PUB there, such as tcp://*:5560")
    add(
        "--report",
        action="store_true",
        help="tell the hub all results and counters, for its feed and dashboard",
    )
    add("--http", metavar="HOST:PORT", help="Prometheus metrics at /metrics")
    add("--json", action="store_true", help="results as JSON lines on stdout, the summary on stderr")
    config.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Runs the node over each recording in turn; 0 if all went through, 130 after Ctrl-C."""
    logging.basicConfig(format="gr-speculative node: %(levelname)s: %(message)s")
    quiet_blocks()
    model = args.model or default_fast_model()
    recordings = [
        open_recording(path, args.rate, args.format, args.center_frequency) for path in args.recordings
    ]
    names = _names(recordings)
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        endpoint = args.hub
        if not args.hub and not args.no_slow:
            endpoint = stack.enter_context(Worker(args.slow_model or default_slow_model())).endpoint
        options = NodeOptions(
            model=str(model),
            threshold=-1.0 if args.threshold is None else args.threshold,
            budget=args.budget,
            audit_fraction=args.audit_fraction,
            deadline=args.deadline,
            hub=endpoint,
            hub_options=_hub_options(args),
            report=args.report,
            http=args.http,
            max_in_flight=args.max_in_flight,
            max_run=args.max_run,
            pace=args.pace,
        )
        writers: list[Writer] = []
        if args.json:
            writers.append(lambda result: sys.stdout.write(json.dumps(result) + "\n"))
        if args.publish:
            writers.append(stack.enter_context(Publisher(args.publish)).send)
        return _run_all(recordings, names, options, args, writers)


def _hub_options(args: argparse.Namespace) -> dict[str, Any]:
    return {
        "key_file": args.key,
        "hub_key_file": args.hub_key,
        "allow_plaintext": args.allow_plaintext,
        "hub_model": args.hub_model,
        "node_id": args.node_id,
    }


def quiet_blocks() -> None:
    """Blocks say only what an operator has to know."""
    gr.logging().set_default_level(gr.log_levels.warn)


def _run_all(
    recordings: list[Recording],
    names: list[str],
    options: NodeOptions,
    args: argparse.Namespace,
    writers: list[Writer],
) -> int:
    report = sys.stderr if args.json else sys.stdout
    total: Summary | None = None
    interrupted = False
    for recording, name in zip(recordings, names, strict=True):
        summary, interrupted = run_recording(recording, options, args.out and args.out / name, writers)
        if len(recordings) > 1:
            print(f"{recording.path.name}:", _one_line(summary), file=report, flush=True)
        if total is None:
            total = summary
        else:
            total.add(summary)
        if interrupted:
            print("interrupted", file=report)
            break
    print(total.text(), file=report, flush=True)
    if args.out:
        print(f"  results in {args.out}", file=report)
    if not total.conserved():
        return 1
    return 130 if interrupted else 0


def run_recording(
    recording: Recording, options: NodeOptions, base: Path | None = None, writers: Sequence[Writer] = ()
) -> tuple[Summary, bool]:
    """One recording through a node. base: path without suffix for .jsonl and .sigmf-meta, or None;
    writers: called with each result too. Returns the summary, and whether Ctrl-C ended it early."""
    with contextlib.ExitStack() as stack:
        writers = list(writers)
        if base is not None:
            file = stack.enter_context(open(f"{base}.jsonl", "w", encoding="utf-8"))
            writers.append(lambda result: file.write(json.dumps(result) + "\n"))
        flowgraph = node_flowgraph(recording, options, writers)
        _watch(flowgraph, options, writers, stack)
        if base is not None:
            horizon = int(2 * options.deadline * recording.sample_rate / flowgraph.fft_size)
            annotations = stack.enter_context(
                AnnotationWriter(
                    Path(f"{base}.sigmf-meta"),
                    flowgraph.fft_size,
                    recording=recording,
                    horizon=max(horizon, 4096),
                )
            )
            writers.append(
                lambda r: annotations.add(
                    r["offset"],
                    r["label"],
                    r["confidence"],
                    r["source"],
                    r["count"],
                    r["center_frequency"],
                )
            )
        interrupted = _run_flowgraph(flowgraph, recording)
    return flowgraph.summary(), interrupted


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

        page = prometheus.exposition(prometheus.NodeCollector(name, flowgraph.telemetry))
        stack.enter_context(WebServer(options.http, {"/metrics": (prometheus.CONTENT_TYPE, page)}))


def _run_flowgraph(flowgraph: node_flowgraph, recording: Recording) -> bool:
    interrupted = False

    def on_signal(*_: object) -> None:
        nonlocal interrupted
        interrupted = True
        flowgraph.source.stop_soon(_CTRL_C_DRAIN_S)

    previous = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with tqdm(
            total=recording.n_samples,
            desc=recording.path.name,
            unit="S",
            unit_scale=True,
            disable=not sys.stderr.isatty(),
            leave=False,
        ) as bar:
            flowgraph.start()
            while not flowgraph.wait_finished(0.05):
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


def _names(recordings: list[Recording]) -> list[str]:
    """A distinct name for each, from its file's."""
    names: list[str] = []
    for recording in recordings:
        stem = name = recording.path.name.removesuffix(".sigmf-data")
        number = 2
        while name in names:
            name, number = f"{stem}-{number}", number + 1
        names.append(name)
    return names


def _one_line(summary: Summary) -> str:
    c = summary.counters
    labels = ", ".join(f"{name} {n}" for name, n in summary.labels.most_common(3))
    return f"{c['vectors']} vectors, {c['accepted']} fast, {c['in_time']} slow; {labels}"
