# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The block spectrum_classifier: from complex samples to results in one box."""

from __future__ import annotations

import numpy as np
from gnuradio import blocks, fft, gr

from gr_speculative.installed import default_fast_model

from .slow_model import slow_model as slow_model_block
from .speculative_python import fast_classifier, fast_model, input_kind, power_spectrum, slow_link

SLOW = ("none", "hub", "model")


class spectrum_classifier(gr.hier_block2):
    """Power spectra, the fast classifier, and the way to the slow model, in one block.

    Input: complex samples. Outputs, all optional (see `outputs`): 0 power spectra (float [N], DC centred, a
    full-scale tone has power 1), tagged `uncertain` where deferred; 1 label (int16, index into `labels()`, -1 for an
    invalid vector); 2 confidence (float). Message ports, as of
    fast_classifier: out `results`, `telemetry`; in `conditions`, `cmd`.
    Tags rx_time, rx_rate and rx_freq are honoured to the sample (power_spectrum).

    sample_rate: Hz, > 0
    model: path of a fast model (ONNX); empty: the one that comes with the module
    slow: who answers what is deferred: `none` (nothing is deferred), `hub` (slow_link to `hub`), or `model`
        (slow_model with `slow_model`, torch in this process)
    hub: ZeroMQ endpoint; key_file, hub_key_file, allow_plaintext, hub_model: as slow_link has them;
    slow_model: path, empty: the one that comes with the module
    fft_size: bins, what the model wants; 0: take it from the model
    window: a gnuradio.fft.window name; empty: the one that the model was trained with
    hop: samples between the starts of successive spectra; 0: fft_size; less: overlap; more: skip
    average: spectra whose mean one vector is, 1 to 1024; the shipped models know single ones
    threshold, deadline, center_frequency, max_in_flight, max_run, telemetry_interval, node_id: as of
        fast_classifier

    outputs: of the three, how many the block has, counted from 0. Each but the last takes a thread that throws
        away what nobody reads, so a flowgraph that wants none of them saves time with 0

    Raises ValueError naming a parameter that is out of range, RuntimeError naming a model that is missing or
    damaged.
    """

    def __init__(
        self,
        sample_rate: float,
        model: str = "",
        slow: str = "none",
        hub: str = "tcp://127.0.0.1:5555",
        slow_model: str = "",
        fft_size: int = 0,
        window: str = "",
        hop: int = 0,
        average: int = 1,
        threshold: float = -1.0,
        deadline: float = 2.0,
        center_frequency: float = 0.0,
        max_in_flight: int = 256,
        max_run: int = 1,
        telemetry_interval: float = 1.0,
        node_id: str = "",
        key_file: str = "",
        hub_key_file: str = "",
        allow_plaintext: bool = False,
        hub_model: str = "",
        outputs: int = 3,
    ) -> None:
        if slow not in SLOW:
            raise ValueError(f"slow is {slow!r}, expected one of {', '.join(SLOW)}")
        if outputs not in range(4):
            raise ValueError(f"outputs is {outputs}, expected 0 to 3")
        if hop < 0:
            raise ValueError(f"hop is {hop}, expected samples >= 1, or 0 for the FFT size")
        model = model or default_fast_model()
        wanted = fast_model(model)
        bins = fft_size or wanted.fft_size
        self.classifier = fast_classifier(
            model,
            bins,
            sample_rate,
            input_kind.power,
            threshold=threshold if slow != "none" else 0.0,
            deadline=deadline,
            center_frequency=center_frequency,
            vector_hop=(hop or bins) * average,
            max_in_flight=max_in_flight,
            max_run=max_run,
            telemetry_interval=telemetry_interval,
            node_id=node_id,
        )
        spectrum = power_spectrum(_taps(window or wanted.window, bins), sample_rate, hop, average)
        sizes = [gr.sizeof_float * bins, gr.sizeof_short, gr.sizeof_float][:outputs]
        gr.hier_block2.__init__(
            self,
            "spectrum_classifier",
            gr.io_signature(1, 1, gr.sizeof_gr_complex),
            gr.io_signature.makev(outputs, outputs, sizes or [0]),
        )
        for port in ("results", "telemetry"):
            self.message_port_register_hier_out(port)
        for port in ("conditions", "cmd"):
            self.message_port_register_hier_in(port)
        self.connect(self, spectrum, self.classifier)
        for port, size in enumerate(sizes):
            self.connect((self.classifier, port), (self, port))
            if port + 1 < outputs:  # no gap where a flowgraph leaves this one alone and not the next
                self.connect((self.classifier, port), blocks.null_sink(size))
        for port in ("results", "telemetry"):
            self.msg_connect(self.classifier, port, self, port)
        for port in ("conditions", "cmd"):
            self.msg_connect(self, port, self.classifier, port)
        self.slow = None
        if slow == "hub":
            self.slow = slow_link(
                hub,
                max_in_flight,
                key_file=key_file,
                hub_key_file=hub_key_file,
                allow_plaintext=allow_plaintext,
                node_id=node_id,
                hub_model=hub_model,
                labels=wanted.labels,
                fft_size=bins,
            )
        elif slow == "model":
            self.slow = slow_model_block(slow_model, max_queued=max_in_flight)
        if self.slow is not None:
            self.msg_connect(self.classifier, "deferred", self.slow, "deferred")
            self.msg_connect(self.slow, "verdicts", self.classifier, "verdicts")

    def set_threshold(self, threshold: float) -> None:
        """0 (defer nothing) to 1 (defer all); negative: the model's own. Without a slow side it stays 0."""
        if self.slow is not None:
            self.classifier.set_threshold(threshold)

    def set_deadline(self, seconds: float) -> None:
        self.classifier.set_deadline(seconds)

    def set_center_frequency(self, hz: float) -> None:
        self.classifier.set_center_frequency(hz)

    def set_rule(self, rule: str) -> None:
        """As fast_classifier's; so are the setters that follow."""
        self.classifier.set_rule(rule)

    def set_budget(self, rate: float, burst: float = 32.0) -> None:
        self.classifier.set_budget(rate, burst)

    def set_audit_fraction(self, fraction: float, seed: int = 1) -> None:
        self.classifier.set_audit_fraction(fraction, seed)
        if self.slow is None:  # nobody to check with
            self.classifier.set_audit_fraction(0.0, seed)

    def set_conditions(
        self, strength: float, lifetime: float = 3600.0, usual_noise: float = float("nan")
    ) -> None:
        self.classifier.set_conditions(strength, lifetime, usual_noise)
        if self.slow is None:
            self.classifier.set_conditions(0.0, lifetime, usual_noise)

    def set_per_emission(self, on: bool) -> None:
        self.classifier.set_per_emission(on)

    def labels(self) -> list[str]:
        """Class names; output 1 indexes them."""
        return self.classifier.labels()

    def fft_size(self) -> int:
        return self.classifier.fft_size()

    def threshold(self) -> float:
        return self.classifier.threshold()

    def counters(self) -> dict[str, int]:
        """Every counter by name (docs/architecture.md), one consistent snapshot."""
        return self.classifier.counters()


def _taps(window: str, bins: int) -> np.ndarray:
    make = getattr(fft.window, window, None)
    if not callable(make):
        raise ValueError(
            f"window is {window!r}, expected the name of a gnuradio.fft.window, such as blackmanharris"
        )
    try:
        return make(bins)
    except TypeError:
        raise ValueError(
            f"window is {window!r}, which needs further parameters: use blackmanharris"
        ) from None
