#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""First steps: complex samples in, labels out, no hardware. Ctrl-C ends it."""

import sys
import time
from collections import Counter

from gnuradio import gr, speculative
from simulated_radio import simulated_radio

RATE = 1e6


def main(seconds: float) -> None:
    labels = Counter()
    tb = gr.top_block()
    radio = simulated_radio(RATE)
    # slow="model": asks a torch model in this process; slow="hub": one elsewhere
    classifier = speculative.spectrum_classifier(sample_rate=RATE, slow="none")
    sink = speculative.result_sink(lambda result: labels.update([result["label"]]))
    tb.connect(radio, classifier)
    tb.msg_connect(classifier, "results", sink, "results")
    tb.start()
    try:
        for _ in range(int(seconds)):
            time.sleep(1)
            print(dict(labels.most_common(3)), flush=True)
            labels.clear()
    finally:
        tb.stop()
        tb.wait()


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 10)
