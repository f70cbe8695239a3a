#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""One receiver, several bands in turns: scanning.py SOAPY_ARGUMENTS MHZ MHZ … Labels in scan.sigmf-meta."""

import sys

from gnuradio import gr, speculative

RATE = 2e6


def main(device: str, *megahertz: str) -> None:
    tb = gr.top_block()
    radio = speculative.soapy_source(device, RATE, [float(f) * 1e6 for f in megahertz], dwell=0.5)
    classifier = speculative.spectrum_classifier(sample_rate=RATE, slow="hub", max_run=64)
    annotations = speculative.sigmf_annotation_sink("scan.sigmf-meta", RATE)
    tb.connect(radio, classifier)
    tb.msg_connect(classifier, "results", annotations, "results")
    try:
        tb.run()
    except KeyboardInterrupt:
        tb.stop()
        tb.wait()


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["driver=rtlsdr", "433.92", "868.3", "1090"]))
