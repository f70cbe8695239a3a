# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The block sigmf_annotation_sink: results as SigMF annotations."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from pathlib import Path

import pmt
from gnuradio import gr

from gr_speculative.annotations import AnnotationWriter
from gr_speculative.rate_limited import RateLimitedWarning

from .result_sink import read_result

log = logging.getLogger(__name__)


class sigmf_annotation_sink(gr.basic_block):
    """Writes what a classifier found as a `.sigmf-meta` file (https://sigmf.org), while it runs.

    Message port in: `results`. Adjacent vectors of one label become one annotation, with
    `speculative:confidence` (the mean), `speculative:vectors` and `speculative:sources`; a revision replaces
    its provisional result, and those of its emission; a retune begins a new capture. The file is whole at any
    moment, even after a crash. It is replaced when the flowgraph starts.

    path: ends in .sigmf-meta
    sample_rate: Hz, > 0, of the complex samples
    center_frequency: Hz, until the first result says otherwise
    hop: samples from the start of one vector to the next, ≥ 1 (a classifier's hop times its average)
    recorded: True where a file sink writes the samples that the classifier sees (complex float) to the
        `.sigmf-data` of the same name; otherwise the file is metadata only
    noise: whether spans of noise are annotated too
    flush_interval: seconds between writes, > 0

    Raises ValueError for a value out of range.
    """

    def __init__(
        self,
        path: str,
        sample_rate: float,
        center_frequency: float = 0.0,
        hop: int = 1024,
        recorded: bool = False,
        noise: bool = False,
        flush_interval: float = 5.0,
    ) -> None:
        gr.basic_block.__init__(self, name="sigmf_annotation_sink", in_sig=None, out_sig=None)
        for name, value in (
            ("sample_rate", sample_rate),
            ("hop", hop),
            ("flush_interval", flush_interval),
        ):
            if not 0 < value < math.inf:
                raise ValueError(f"{name} is {value}, expected a number above 0")
        if not math.isfinite(center_frequency):
            raise ValueError(f"center_frequency is {center_frequency}, expected a number of Hz")
        if not path.endswith(".sigmf-meta") or not Path(path).absolute().parent.is_dir():
            raise ValueError(f"path is {path!r}, expected NAME.sigmf-meta in a folder that exists")
        self._path = path
        self._arguments = {
            "vector_samples": hop,
            "sample_rate": sample_rate,
            "center_frequency": center_frequency,
            "datatype": "cf32_le" if recorded else None,
            "noise": noise,
            "flush_seconds": flush_interval,
        }
        self._writer: AnnotationWriter | None = None
        self._warn = RateLimitedWarning(log)
        self.handled = 0  # messages that came
        port = pmt.intern("results")
        self.message_port_register_in(port)
        self.set_msg_handler(port, self._on_result)

    def start(self) -> bool:
        self._writer = AnnotationWriter(self._path, **self._arguments)
        self._write(self._writer.flush)
        return True

    def stop(self) -> bool:
        if self._writer is not None:
            self._write(self._writer.close)
        self._writer = None
        return True

    def _on_result(self, message: pmt.pmt_base) -> None:
        self.handled += 1
        if self._writer is None:
            return
        try:
            self._write(self._writer.add_result, read_result(message))
        except (KeyError, ValueError) as error:
            self._warn("sigmf_annotation_sink: a message on results is no result and was dropped: %s", error)

    def _write(self, call: Callable[..., None], *arguments: object) -> None:
        try:
            call(*arguments)
        except OSError as error:  # what is known stays in memory and is written when that works again
            self._warn("sigmf_annotation_sink: %s cannot be written: %s", self._path, error.strerror)
