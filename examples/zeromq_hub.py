#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Verdicts for what zeromq_node.py defers, for so many seconds (default: until Ctrl-C); needs torch."""

import contextlib
import sys
import time

from gnuradio import gr, speculative, zeromq


def main(seconds: float) -> None:
    tb = gr.top_block()
    slow_model = speculative.slow_model()
    deferred = zeromq.sub_msg_source("tcp://127.0.0.1:5571", 100, False)
    verdicts = zeromq.pub_msg_sink("tcp://127.0.0.1:5572", 100, True)
    tb.msg_connect(deferred, "out", slow_model, "deferred")
    tb.msg_connect(slow_model, "verdicts", verdicts, "in")
    tb.start()
    with contextlib.suppress(KeyboardInterrupt):
        time.sleep(seconds)
    tb.stop()
    tb.wait()
    print(slow_model.counters())


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 1e6)
