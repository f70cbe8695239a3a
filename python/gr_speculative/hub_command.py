# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""`gr-speculative hub`."""

from __future__ import annotations

import argparse
import contextlib
import functools
import logging
import signal

from gr_speculative import config, service
from gr_speculative.desk import Observer
from gr_speculative.hub import Hub
from gr_speculative.hub_options import HubOptions
from gr_speculative.installed import default_slow_model
from gr_speculative.keys import KeyRing, stays_here
from gr_speculative.model_process import ModelProcess
from gr_speculative.node_board import NodeBoard
from gr_speculative.parent import end_with_parent
from gr_speculative.publisher import Publisher
from gr_speculative.results_feed import PublishedResults, WrittenResults
from gr_speculative.web import WebServer
from gr_speculative.worker import LISTENING

_DEFAULTS = HubOptions()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `hub`."""
    add = parser.add_argument
    add(
        "--model",
        action="append",
        metavar="PATH",
        help="NAME.safetensors with NAME.json beside it, or module:factory; may be repeated; "
        "default: the one that came with the program",
    )
    add(
        "--bind",
        default="tcp://127.0.0.1:5555",
        metavar="ENDPOINT",
        help="default %(default)s; port 0: a free one",
    )
    add("--key", metavar="FILE", help="the hub's secret key, of `gr-speculative keys`")
    add("--allow", metavar="DIR", help="folder with the NAME.pub of every node that may connect")
    add("--allow-plaintext", action="store_true", help="serve other machines without encryption, and anybody")
    add(
        "--threads",
        type=positive,
        default=1,
        metavar="N",
        help="CPU threads of each model, default %(default)s",
    )
    add("--device", default="cpu", help="where the models run: cpu (default), cuda, cuda:1, …")
    add(
        "--head",
        action="append",
        default=[],
        metavar="MODULE:FACTORY",
        help="what else to answer, such as gr_speculative.heads.anomaly:load; may be repeated",
    )
    for name, kind, unit, text in (
        ("max_batch", positive, "N", "most requests at once"),
        ("max_wait_ms", float, "MS", "how long an idle model waits for a batch to fill"),
        ("max_queue", positive, "N", "most requests that wait for a model; beyond it nodes are told `busy`"),
        ("credit", positive, "N", "most unanswered requests of one node"),
        ("max_connections", positive, "N", "most at once"),
        ("lease_s", float, "S", "a node not heard of for so long is forgotten"),
        ("idle_unload_s", float, "S", "unload a model that is not asked for so long; 0: never"),
    ):
        option, default = "--" + name.replace("_", "-"), getattr(_DEFAULTS, name)
        add(option, type=kind, default=default, metavar=unit, help=f"{text}; default %(default)s")
    add(
        "--http",
        metavar="HOST:PORT",
        help="dashboard at /, Prometheus metrics at /metrics; to whoever gets there",
    )
    add("--publish", metavar="ENDPOINT", help="all nodes' results as ZeroMQ PUB there, such as tcp://*:5560")
    add("--results", metavar="DIR", help="all nodes' results as SigMF annotations, in DIR/NODE/")
    add("--parent", type=int, help=argparse.SUPPRESS)  # a Worker's own process, with which this one ends
    config.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Serves until SIGINT or SIGTERM; SIGHUP reads models and allow-list again."""
    logging.basicConfig(format="gr-speculative hub: %(levelname)s: %(message)s")
    if args.parent is not None:
        end_with_parent(args.parent)
    options = HubOptions(**{name: getattr(args, name) for name in vars(_DEFAULTS)})
    keys = _keys(args)
    models = [
        functools.partial(ModelProcess, path, args.threads, args.device, heads=args.head)
        for path in args.model or [default_slow_model()]
    ]
    if args.check_config:
        return _check(models)
    with contextlib.ExitStack() as stack:
        observers: list[Observer] = [_Watchdog()]
        if args.publish:
            observers.append(PublishedResults(stack.enter_context(Publisher(args.publish))))
        if args.results:
            observers.append(stack.enter_context(WrittenResults(args.results)))
        if args.http:
            observers.append(board := NodeBoard())
        hub = Hub(models, args.bind, options, keys, observers)
        if args.http:
            from gr_speculative.dashboard import (
                hub_pages,
            )  # prometheus-client, which a private worker can spare

            server = stack.enter_context(WebServer(args.http, hub_pages(hub, board)))
        _serve(hub, args.device, f", dashboard {server.url}" if args.http else "")
    return 0


def _serve(hub: Hub, device: str, also: str) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: hub.stop())
    signal.signal(signal.SIGHUP, lambda *_: hub.reload())
    names = ", ".join(model.contract.name for model in hub.models())
    print(f"{LISTENING}{hub.endpoint}, model {names} on {device}{also}", flush=True)
    service.notify("READY=1")
    hub.run()
    service.notify("STOPPING=1")
    print(", ".join(f"{name} {value}" for name, value in hub.counters().items()), flush=True)


class _Watchdog(Observer):
    def on_second(self) -> None:
        service.notify("WATCHDOG=1")


def _keys(args: argparse.Namespace) -> KeyRing | None:
    if args.key and args.allow:
        return KeyRing(args.key, args.allow)
    if args.key or args.allow:
        raise ValueError("--key and --allow belong together: the hub's own key, and whom it lets in")
    if not stays_here(args.bind) and not args.allow_plaintext:
        raise ValueError(
            f"{args.bind} can be reached from other machines: give --key and --allow (`gr-speculative keys` "
            "makes keys), or --allow-plaintext if the network is trusted"
        )
    return None


def _check(models: list[functools.partial[ModelProcess]]) -> int:
    for make in models:
        with contextlib.closing(make()) as model:
            model.load()
    print("the configuration is right")
    return 0


def positive(text: str) -> int:
    """A type of argparse: a whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, found {text!r}")
    return int(text)
