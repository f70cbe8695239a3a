#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Samples to NAME.sigmf-data and labels to NAME.sigmf-meta: record_and_annotate.py [NAME] [SECONDS]"""

import sys

from gnuradio import blocks, gr, speculative
from simulated_radio import simulated_radio

RATE = 1e6


def main(name: str = "recording", seconds: float = 10.0) -> None:
    tb = gr.top_block()
    head = blocks.head(gr.sizeof_gr_complex, int(seconds * RATE))
    classifier = speculative.spectrum_classifier(RATE)
    annotations = speculative.sigmf_annotation_sink(f"{name}.sigmf-meta", RATE, recorded=True)
    tb.connect(simulated_radio(RATE), head, classifier)
    tb.connect(head, blocks.file_sink(gr.sizeof_gr_complex, f"{name}.sigmf-data"))
    tb.msg_connect(classifier, "results", annotations, "results")
    tb.run()


if __name__ == "__main__":
    main(*(convert(word) for convert, word in zip((str, float), sys.argv[1:], strict=False)))
