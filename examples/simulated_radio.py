# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""GFSK bursts in noise at the pace of a radio, for the examples that need no hardware."""

import math

from gnuradio import analog, blocks, digital, gr


class simulated_radio(gr.hier_block2):
    """Complex samples: bursts of GFSK at 250 kbit/s for a second in two, 20 dB over the noise.

    sample_rate: Hz, a multiple of 250 kHz, 500 kHz or more."""

    def __init__(self, sample_rate: float) -> None:
        output = gr.io_signature(1, 1, gr.sizeof_gr_complex)
        gr.hier_block2.__init__(self, "simulated_radio", gr.io_signature(0, 0, 0), output)
        bits = analog.random_uniform_source_b(0, 255, 1)
        per_symbol = int(sample_rate / 250e3)
        gfsk = digital.gfsk_mod(per_symbol, sensitivity=math.pi / 2 / per_symbol, bt=0.5)
        gate = analog.sig_source_f(sample_rate, analog.GR_SQR_WAVE, 0.5, 1.0)
        noise = analog.noise_source_c(analog.GR_GAUSSIAN, 0.02, 1)
        bursts, air = blocks.multiply_cc(), blocks.add_cc()
        self.connect(bits, gfsk, (bursts, 0))
        self.connect(gate, blocks.float_to_complex(), (bursts, 1))
        self.connect(bursts, (air, 0))
        self.connect(noise, (air, 1))
        self.connect(air, blocks.throttle(gr.sizeof_gr_complex, sample_rate), self)
