# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""What reaches a hub or a Python node: any frames give a message that encodes again, or WireError.

Input: two bytes, the header's length; the header; the payload.
"""

import sys

import atheris

with atheris.instrument_imports(include=["gr_speculative", "json"]):
    from gr_speculative import handshake, node_report, wire

CODECS = (
    (wire.decode_request, wire.encode_request),
    (wire.decode_verdict, wire.encode_verdict),
    (handshake.decode_hello, handshake.encode_hello),
    (handshake.decode_welcome, handshake.encode_welcome),
    (node_report.decode_report, node_report.encode_report),
)


def test_one_input(data: bytes) -> None:
    length = int.from_bytes(data[:2], "little")
    frames = [wire.VERSION, data[2 : 2 + length], data[2 + length :]]
    for decode, encode in CODECS:
        try:
            message = decode(frames)
        except wire.WireError as error:
            assert str(error).isprintable() or "\n" not in str(error)
            continue
        decode(encode(message))


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
