#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""An RTL-SDR (or what SoapySDR has) to labels on the terminal: receiver.py [MHZ] [SOAPY_ARGUMENTS]"""

import sys

from gnuradio import gr, speculative

RATE = 2e6


def show(result: dict) -> None:
    if result["label"] != "noise" and result["status"] != "provisional":
        print(
            f"{result['center_frequency'] / 1e6:9.3f} MHz  {result['label']:<10} {result['confidence']:.0%}"
        )


def main(megahertz: float = 433.92, device: str = "driver=rtlsdr") -> None:
    tb = gr.top_block()
    radio = speculative.soapy_source(device, RATE, [megahertz * 1e6])
    classifier = speculative.spectrum_classifier(sample_rate=RATE, slow="model", max_run=64)
    sink = speculative.result_sink(show)
    tb.connect(radio, classifier)
    tb.msg_connect(classifier, "results", sink, "results")
    try:
        tb.run()
    except KeyboardInterrupt:
        tb.stop()
        tb.wait()
    print(f"{radio.losses} losses of samples, {classifier.counters()}")


if __name__ == "__main__":
    main(*(convert(word) for convert, word in zip((float, str), sys.argv[1:], strict=False)))
