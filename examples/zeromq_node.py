#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""A node whose slow model is elsewhere, by GNU Radio's ZeroMQ message blocks; run zeromq_hub.py beside."""

import sys
import time

from gnuradio import fft, gr, speculative, zeromq
from simulated_radio import simulated_radio

RATE = 1e6
BINS = 1024
HOP = 20 * BINS  # one spectrum in twenty


def main(seconds: float) -> None:
    tb = gr.top_block()
    spectrum = speculative.power_spectrum(fft.window.blackmanharris(BINS), RATE, HOP)
    kind = speculative.input_kind.power
    model = speculative.default_fast_model()
    classifier = speculative.fast_classifier(model, BINS, RATE, kind, vector_hop=HOP)
    deferred = zeromq.pub_msg_sink("tcp://127.0.0.1:5571", 100, True)
    verdicts = zeromq.sub_msg_source("tcp://127.0.0.1:5572", 100, False)
    tb.connect(simulated_radio(RATE), spectrum, classifier)
    tb.msg_connect(classifier, "deferred", deferred, "in")
    tb.msg_connect(verdicts, "out", classifier, "verdicts")
    tb.start()
    time.sleep(seconds)
    tb.stop()
    tb.wait()
    print(classifier.counters())


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 10)
