# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The command `gr-speculative node`: recordings or a radio in, labels out, without a screen."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import sys
from pathlib import Path
from typing import Any

from gnuradio import gr

from gr_speculative import config
from gr_speculative.contract import RULES
from gr_speculative.installed import default_fast_model, default_slow_model
from gr_speculative.publisher import Publisher
from gr_speculative.sigmf_io import Recording
from gr_speculative.summary import Summary
from gr_speculative.worker import Worker

from .node_flowgraph import NodeOptions
from .node_run import Writer, distinct_names, run_source
from .recording_source import PACES
from .sources import LiveSource, name_of, open_source
from .sources import add_arguments as add_source_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `node`."""
    add_source_arguments(parser)
    add = parser.add_argument
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
    add("--audit-seed", type=int, default=1, metavar="N", help="of their draw, default %(default)s")
    add("--rule", choices=RULES, help="what is held against the threshold, default the model's own")
    add(
        "--per-emission", action="store_true", help="ask about transmissions, not about each of their vectors"
    )
    add(
        "--conditions",
        metavar="PROFILE",
        help="profile of the atmosphere, or a folder of them, that may raise the threshold; default: none does",
    )
    add(
        "--conditions-strength",
        type=float,
        default=0.5,
        metavar="S",
        help="how far --conditions may raise it towards 1, 0 to 1, default %(default)s",
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
        help="of recordings, default %(default)s; lossless waits for the slow model",
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
    """Runs the node over each source in turn; 0 if all went through, 1 if not, 130 after Ctrl-C."""
    logging.basicConfig(format="gr-speculative node: %(levelname)s: %(message)s")
    quiet_blocks()
    model = args.model or default_fast_model()
    sources = [open_source(word, args) for word in args.sources]
    if args.check_config:
        print("the configuration is right")
        return 0
    names = distinct_names([name_of(source) for source in sources])
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
            audit_seed=args.audit_seed,
            rule=args.rule or "",
            per_emission=args.per_emission,
            conditions=args.conditions,
            conditions_strength=args.conditions_strength,
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
        return _run_all(sources, names, options, args, writers)


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
    sources: list[Recording | LiveSource],
    names: list[str],
    options: NodeOptions,
    args: argparse.Namespace,
    writers: list[Writer],
) -> int:
    report = sys.stderr if args.json else sys.stdout
    total: Summary | None = None
    broken = False
    for source, name in zip(sources, names, strict=True):
        outcome = run_source(source, options, args.out and args.out / name, writers)
        broken |= outcome.broken
        if len(sources) > 1:
            print(f"{name_of(source)}:", _one_line(outcome.summary), file=report, flush=True)
        if total is None:
            total = outcome.summary
        else:
            total.add(outcome.summary)
        if outcome.interrupted:
            print("interrupted", file=report)
            break
    print(total.text(), file=report, flush=True)
    if args.out:
        print(f"  results in {args.out}", file=report)
    if broken or not total.conserved():
        return 1
    return 130 if outcome.interrupted else 0


def _one_line(summary: Summary) -> str:
    c = summary.counters
    labels = ", ".join(f"{name} {n}" for name, n in summary.labels.most_common(3))
    return f"{c['vectors']} vectors, {c['accepted']} fast, {c['in_time']} slow; {labels}"
