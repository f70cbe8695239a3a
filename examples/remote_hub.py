#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""A node that asks "gr-speculative hub": remote_hub.py [ENDPOINT] [SECONDS]. It runs without, too."""

import sys
import time

from gnuradio import gr, speculative
from simulated_radio import simulated_radio

RATE = 1e6


def main(hub: str = "tcp://127.0.0.1:5555", seconds: float = 10.0) -> None:
    tb = gr.top_block()
    classifier = speculative.spectrum_classifier(RATE, slow="hub", hub=hub, hop=20 * 1024)
    tb.connect(simulated_radio(RATE), classifier)
    tb.start()
    time.sleep(seconds)
    tb.stop()
    tb.wait()
    counters = classifier.counters()
    print({name: counters[name] for name in ("vectors", "accepted", "deferred", "in_time", "failed")})


if __name__ == "__main__":
    main(*(convert(word) for convert, word in zip((str, float), sys.argv[1:], strict=False)))
