# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Where a node's samples come from: a SOURCE on its command line, made into a recording or into blocks."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gnuradio import gr

from gr_speculative.sigmf_io import RAW_FORMATS, Recording, open_recording, sample_format

from .byte_source import byte_source
from .radios import Radio, Tuning, open_osmosdr, open_soapy, open_uhd
from .zmq_source import zmq_source

_RADIOS: dict[str, Callable[[str, Tuning], Radio]] = {
    "soapy": open_soapy,
    "uhd": open_uhd,
    "osmosdr": open_osmosdr,
}
_STDIN = 0
SCHEMES = (*_RADIOS, "zmq")


@dataclass(frozen=True)
class LiveSource:
    """Samples that come when they come.

    name: of what is written about it; blocks: connected in this order, the last of which gives complex samples;
    sample_rate, center_frequency: Hz"""

    name: str
    blocks: list[gr.basic_block]
    sample_rate: float
    center_frequency: float

    def at_end(self) -> bool:
        """Nothing more will come. The blocks of radios do not know."""
        return getattr(self.blocks[-1], "at_end", False)

    def losses(self) -> int:
        """Gaps that were noticed; USRPs' are only seen in the tags."""
        return getattr(self.blocks[0], "losses", 0)


def name_of(source: Recording | LiveSource) -> str:
    return source.name if isinstance(source, LiveSource) else source.path.name


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the sources of `node` and what concerns them."""
    add = parser.add_argument
    add(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="a recording (SigMF, WAV of I and Q, .cu8 .cs8 .cs16 .cf32 .cfile); `-`: raw samples on stdin; "
        "zmq:tcp://HOST:PORT, a ZMQ PUB sink of complex samples; a receiver: soapy:driver=rtlsdr, "
        "uhd:addr=192.168.10.2, osmosdr:rtl=0, or what else these three take",
    )
    add("--rate", type=float, metavar="HZ", help="sample rate; SigMF and WAV tell theirs")
    add("--format", choices=sorted(RAW_FORMATS), help="of raw samples, where no suffix tells")
    add(
        "--center-frequency",
        type=float,
        action="append",
        metavar="HZ",
        help="where the receiver is, or is put; given more than once, a receiver scans",
    )
    add(
        "--dwell",
        type=float,
        default=1.0,
        metavar="S",
        help="of a scan, at each frequency, default %(default)s s",
    )
    add(
        "--settle",
        type=float,
        metavar="S",
        help="of a scan, not counted after a retune, default: 0.05 (uhd) to 0.4",
    )
    add("--gain", type=float, metavar="DB", help="of a receiver, default: automatic")
    add("--antenna", default="", metavar="NAME", help="of a receiver, default: its first")


def open_source(word: str, args: argparse.Namespace) -> Recording | LiveSource:
    """args: with what add_arguments adds. Raises ValueError or RuntimeError, which say what to do."""
    frequencies = args.center_frequency or []
    scheme, _, rest = word.partition(":")
    if scheme in _RADIOS and not Path(word).exists():
        return _radio(scheme, rest, frequencies, args)
    if len(frequencies) > 1:
        raise ValueError(f"{word}: only a receiver can scan: give one --center-frequency")
    frequency = frequencies[0] if frequencies else None
    if word == "-":
        return _stdin(frequency, args)
    if scheme == "zmq":
        rate = _rate(word, args)
        return LiveSource("zmq", [zmq_source(rest, rate)], rate, frequency or 0.0)
    if ":" in word and not Path(word).exists():
        raise ValueError(
            f"{word}: is no file; a source is a file, `-`, or one of {', '.join(s + ':…' for s in SCHEMES)}"
        )
    return open_recording(word, args.rate, args.format, frequency)


def _radio(scheme: str, device: str, frequencies: list[float], args: argparse.Namespace) -> LiveSource:
    if not frequencies:
        raise ValueError(
            f"{scheme}:{device}: where shall it listen? Give --center-frequency in Hz, such as 433.92e6"
        )
    tuning = Tuning(
        _rate(f"{scheme}:{device}", args), frequencies, args.dwell, args.settle, args.gain, args.antenna
    )
    radio = _RADIOS[scheme](device, tuning)
    return LiveSource(scheme, radio.blocks, radio.sample_rate, frequencies[0])


def _stdin(frequency: float | None, args: argparse.Namespace) -> LiveSource:
    rate = _rate("-", args)
    if args.format is None:
        raise ValueError(
            "-: raw samples on stdin do not tell their format: give --format, one of cu8, cs8, cs16, cf32"
        )
    if os.isatty(_STDIN):
        raise ValueError("-: stdin is a terminal: pipe samples into it, as with `rtl_sdr -f 433920000 - | …`")
    block = byte_source(_STDIN, sample_format(Path("-"), RAW_FORMATS[args.format]))
    return LiveSource("stdin", [block], rate, frequency or 0.0)


def _rate(word: str, args: argparse.Namespace) -> float:
    if args.rate is None:
        raise ValueError(f"{word}: does not tell its sample rate: give --rate in Hz, such as 2e6")
    if not 0 < args.rate < float("inf"):
        raise ValueError(f"--rate is {args.rate:g}, expected Hz > 0")
    return args.rate
