# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""`gr-speculative hub`."""

from __future__ import annotations

import argparse
import ctypes
import logging
import os
import signal

from gr_speculative.hub import Hub
from gr_speculative.worker import LISTENING


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `hub`."""
    add = parser.add_argument
    add("--model", required=True, metavar="PATH", help="NAME.safetensors with NAME.json beside it")
    add(
        "--bind",
        default="tcp://127.0.0.1:5555",
        metavar="ENDPOINT",
        help="default %(default)s; port 0: a free one",
    )
    add(
        "--threads",
        type=_positive,
        default=1,
        metavar="N",
        help="CPU threads of the model, default %(default)s",
    )
    add("--device", default="cpu", help="where the model runs: cpu (default), cuda, cuda:1, …")
    add(
        "--max-batch",
        type=_positive,
        default=32,
        metavar="N",
        help="most requests at once, default %(default)s",
    )
    add(
        "--max-wait-ms",
        type=float,
        default=2,
        metavar="MS",
        help="how long an idle model waits for a batch to fill, default %(default)s",
    )
    add(
        "--max-queue",
        type=_positive,
        default=1024,
        metavar="N",
        help="most requests waiting; beyond it nodes are told `busy`; default %(default)s",
    )
    add("--parent", type=int, help=argparse.SUPPRESS)  # a Worker's own process, with which this one ends


def run(args: argparse.Namespace) -> int:
    """Serves until SIGINT or SIGTERM."""
    from gr_speculative.slow_model import load_slow_model  # torch: seconds that --help need not cost

    logging.basicConfig(format="gr-speculative hub: %(levelname)s: %(message)s")
    if args.parent is not None:
        _end_with(args.parent)
    model = load_slow_model(args.model, args.threads, args.device)
    hub = Hub(model, args.bind, args.max_batch, args.max_wait_ms, args.max_queue)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: hub.stop())
    print(f"{LISTENING}{hub.endpoint}, model {model.contract.name} on {args.device}", flush=True)
    hub.run()
    print(", ".join(f"{name} {value}" for name, value in hub.counters().items()), flush=True)
    return 0


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, found {text!r}")
    return int(text)


def _end_with(parent: int) -> None:
    """Asks the kernel (Linux) to end this process with its parent, however that ends."""
    pr_set_pdeathsig = 1
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(pr_set_pdeathsig, signal.SIGKILL)
    if os.getppid() != parent:
        raise RuntimeError(f"the process {parent} that this hub belongs to has ended")
