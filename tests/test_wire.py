# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The wire format: what is encoded is decoded, and nothing that arrives raises anything but WireError."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gr_speculative import wire

texts = st.text(max_size=40).filter(str.isprintable)
counts = st.integers(0, wire.MAX_INTEGER)
identities = {"session": st.integers(0, 2**64 - 1), "seq": counts}


def numbers(low, high):
    return st.floats(low, high, allow_nan=False)


@st.composite
def requests(draw):
    shape = draw(st.integers(1, 4)), draw(st.integers(32, 64))
    payload = draw(st.binary(min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]))
    return wire.Request(
        levels=np.frombuffer(payload, np.uint8).reshape(shape),
        offset=draw(counts),
        db_scale=draw(numbers(0, 10)),
        db_offset=draw(numbers(-300, 300)),
        sample_rate=draw(numbers(1, 1e9)),
        center_frequency=draw(numbers(0, 1e11)),
        deadline_ms=draw(numbers(0, 1e6)),
        fast_label=draw(texts),
        fast_confidence=draw(numbers(0, 1)),
        node_id=draw(texts),
        **{key: draw(strategy) for key, strategy in identities.items()},
    )


@st.composite
def verdicts(draw):
    status = draw(st.sampled_from(wire.STATUSES))
    scores = draw(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=20)) if status == "ok" else []
    return wire.Verdict(
        status=status,
        scores=np.array(scores, np.float32),
        model=draw(st.none() | texts),
        model_sha256=draw(st.none() | texts),
        elapsed_ms=draw(st.none() | numbers(0, 1e6)),
        message=draw(st.none() | texts),
        **{key: draw(strategy) for key, strategy in identities.items()},
    )


def assert_same(left, right):
    for key, value in vars(left).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, vars(right)[key])
        else:
            assert value == vars(right)[key], key


def request(**changes):
    fields = dict(
        session=0xDEADBEEF, seq=7, levels=np.arange(96, dtype=np.uint8).reshape(3, 32), db_scale=0.5
    )
    fields |= dict(
        db_offset=-100.0, sample_rate=1e6, deadline_ms=2000.0, fast_label="noise", fast_confidence=0.5
    )
    return wire.Request(**(fields | {"node_id": "node-1"} | changes))


def request_frames(payload=None, **changes):
    """A good request with header fields replaced (None removes one), past the encoder's own checks."""
    version, header, body = wire.encode_request(request())
    header = {k: v for k, v in (json.loads(header) | changes).items() if v is not None}
    return [version, json.dumps(header).encode(), body if payload is None else payload]


def verdict_frames(payload=None, **changes):
    scores = np.array([0.25, 0.75], np.float32)
    version, header, body = wire.encode_verdict(wire.Verdict(1, 2, "ok", scores))
    return [version, json.dumps(json.loads(header) | changes).encode(), body if payload is None else payload]


@given(requests())
def test_request_round_trip(sent):
    assert_same(sent, wire.decode_request(wire.encode_request(sent)))


@given(verdicts())
def test_verdict_round_trip(sent):
    assert_same(sent, wire.decode_verdict(wire.encode_verdict(sent)))


def test_the_payload_is_viewed_not_copied():
    frames = wire.encode_request(request())
    payload = np.frombuffer(frames[2], np.uint8)
    assert np.shares_memory(wire.decode_request(frames).levels, payload)
    frames = wire.encode_verdict(wire.Verdict(1, 2, "ok", np.array([0.25, 0.75], np.float32)))
    assert np.shares_memory(wire.decode_verdict(frames).scores, np.frombuffer(frames[2], np.float32))


def test_unknown_and_repeated_keys_are_no_error():
    version, header, payload = request_frames(colour="blue", nested={"a": [1]})
    wire.decode_request([version, b'{"seq": "not this one",' + header[1:], payload])


def test_session_is_sixteen_hexadecimal_digits():
    header = json.loads(wire.encode_request(request(session=0xAB))[1])
    assert header["session"] == "00000000000000ab"
    assert header["schema"] == "speculative.deferred/1"


def test_decibels_repeat_the_oldest_vector_or_keep_the_newest():
    sent = request(levels=np.array([[10] * 32, [20] * 32], np.uint8))
    assert sent.decibels(4).dtype == np.float32
    np.testing.assert_array_equal(sent.decibels(4)[:, 0], [-95, -95, -95, -90])
    np.testing.assert_array_equal(sent.decibels(1)[:, 0], [-90])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("schema", "speculative.verdict/1"),
        ("schema", None),
        ("session", 5),
        ("session", "00ab"),
        ("session", "0x000000000000ab"),
        ("seq", -1),
        ("seq", 1.5),
        ("seq", True),
        ("seq", 2**53 + 1),
        ("seq", 10**400),
        ("offset", "1"),
        ("vectors", 0),
        ("vectors", None),
        ("fft_size", 1 << 40),
        ("db_scale", 1e999),
        ("db_scale", -1),
        ("db_offset", [1]),
        ("sample_rate", 0),
        ("sample_rate", 10**400),
        ("center_frequency", "1e6"),
        ("deadline_ms", -1),
        ("fast_label", 3),
        ("fast_label", "\ud800"),
        ("fast_confidence", 1.01),
        ("node_id", "line\nbreak"),
        ("node_id", "x" * 513),
    ],
)
def test_a_bad_request_field_is_named(field, value):
    frames = request_frames(**{field: value})
    if value == 1e999:
        frames[1] = frames[1].replace(b"Infinity", b"1e999")
    with pytest.raises(wire.WireError, match=rf"^{field}: expected") as caught:
        wire.decode_request(frames)
    assert caught.value.identity == (None if field in ("session", "seq") else (0xDEADBEEF, 7))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status", "fine"),
        ("status", []),
        ("elapsed_ms", -1),
        ("model", 5),
        ("message", "\0"),
        ("session", None),
    ],
)
def test_a_bad_verdict_field_is_named(field, value):
    with pytest.raises(wire.WireError, match=rf"^{field}: expected"):
        wire.decode_verdict(verdict_frames(**{field: value}))


@pytest.mark.parametrize(
    ("payload", "status"),
    [(b"", "ok"), (b"12345", "ok"), (bytes(4), "busy"), (bytes(4 * wire.MAX_CLASSES + 4), "ok")]
    + [(np.array([value], "<f4").tobytes(), "ok") for value in (np.nan, np.inf, -0.1, 1.1)],
)
def test_bad_scores_are_refused(payload, status):
    with pytest.raises(wire.WireError, match="^payload: expected") as caught:
        wire.decode_verdict(verdict_frames(payload, status=status))
    assert caught.value.identity == (1, 2)


def test_a_request_payload_of_another_length_is_refused():
    for payload in (b"", bytes(95), bytes(97), bytes(wire.MAX_PAYLOAD + 1)):
        with pytest.raises(wire.WireError, match="^payload: expected"):
            wire.decode_request(request_frames(payload))


@pytest.mark.parametrize("constant", [b"NaN", b"Infinity", b"-Infinity"])
def test_constants_that_are_not_json_are_refused(constant):
    frames = request_frames()
    frames[1] = frames[1].replace(b"0.5", constant)
    with pytest.raises(wire.WireError, match="^header: .*is not a number"):
        wire.decode_request(frames)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe{}",
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b"9" * 60_000,
        b'"' + b" " * 70_000,
    ],
)
def test_a_header_that_is_no_object_is_refused(header):
    with pytest.raises(wire.WireError, match="^header: "):
        wire.decode_request([wire.VERSION, header, b""])


def test_an_oversized_header_is_refused_before_it_is_parsed(monkeypatch):
    monkeypatch.setattr(wire, "read_json", lambda *_: pytest.fail("parsed"))
    with pytest.raises(wire.WireError, match="^header: expected at most 65536 bytes"):
        wire.decode_request([wire.VERSION, b"{}" + b" " * wire.MAX_HEADER, b""])


def test_another_version_or_frame_count_is_refused():
    frames = request_frames()
    with pytest.raises(wire.WireError, match="^version: expected"):
        wire.decode_request([b"GRSPEC\0\2", *frames[1:]])
    for count in (0, 1, 2, 4):
        with pytest.raises(wire.WireError, match=f"found {count}$"):
            wire.decode_request((frames * 2)[:count])


@pytest.mark.parametrize(
    "changes", [{"seq": -1}, {"node_id": "\n"}, {"sample_rate": float("nan")}, {"seq": object()}]
)
def test_the_encoder_refuses_what_the_decoder_would(changes):
    with pytest.raises(wire.WireError):
        wire.encode_request(request(**changes))


def test_the_encoder_refuses_levels_of_another_type():
    with pytest.raises(wire.WireError, match="^levels: expected uint8"):
        wire.encode_request(request(levels=np.zeros((3, 32), np.float32)))


def only_wire_errors(frames):
    for decode in (wire.decode_request, wire.decode_verdict):
        try:
            decode(frames)
        except wire.WireError as error:
            assert str(error).isprintable()


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_random_frames_raise_only_wire_errors(frames):
    only_wire_errors(frames)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from(["schema", *wire._REQUEST, *wire._VERDICT]), json_values),
    st.binary(max_size=64),
)
def test_random_fields_raise_only_wire_errors(changes, payload):
    for frames in (request_frames(payload), verdict_frames(payload)):
        header = json.loads(frames[1]) | changes
        only_wire_errors([frames[0], json.dumps(header).encode(), payload])


@given(st.integers(0, 2), st.integers(0, 1000), st.binary(max_size=8), st.integers(0, 8), st.booleans())
def test_mutated_frames_raise_only_wire_errors(which, position, patch, removed, is_request):
    frames = request_frames() if is_request else verdict_frames()
    position %= len(frames[which]) + 1
    frames[which] = frames[which][:position] + patch + frames[which][position + removed :]
    only_wire_errors(frames)
