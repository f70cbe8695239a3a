#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""slow_model in a flowgraph, around a model that does as it is told."""

import sys
import threading
import time
from importlib.util import find_spec
from types import SimpleNamespace
from unittest import mock, skipUnless

import numpy as np
import pmt
from gnuradio import blocks, gr, gr_unittest

from gr_speculative.contract import Contract

PATIENCE_S = 20.0  # before a test gives up on something that happens at once


class FakeModel:
    """Certain of label 1 where the newest vector's mean is above -50 dB, of label 0 elsewhere."""

    contract = Contract("slow", "fake", context=16)
    sha256 = "ab" * 32

    def __init__(self):
        self.batches = []
        self.begun = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()

    def predict(self, db, sample_rate):
        self.batches.append((db, sample_rate))
        self.begun.release()
        if not self.gate.wait(PATIENCE_S):
            raise TimeoutError("nobody opened the gate")
        return np.eye(len(self.contract.labels), dtype=np.float32)[(db[:, -1].mean(axis=1) > -50).astype(int)]


def fake_loader(model):
    """While entered, every slow_model is given `model` and needs no torch."""
    loader = SimpleNamespace(load_slow_model=lambda path, threads, device: model)
    return mock.patch.dict(sys.modules, {"gr_speculative.slow_model": loader})


def request_pdu(seq=1, level=100, vectors=16, fft_size=1024, **changes):
    """A deferred PDU of -100 + 0.5 * level dB; a change to None leaves the key out."""
    meta = {
        "schema": pmt.intern("speculative.deferred/1"),
        "session": pmt.from_uint64(2**64 - 3),
        "seq": pmt.from_uint64(seq),
        "offset": pmt.from_uint64(5),
        "vectors": pmt.from_uint64(vectors),
        "fft_size": pmt.from_uint64(fft_size),
        "db_scale": pmt.from_double(0.5),
        "db_offset": pmt.from_double(-100),
        "sample_rate": pmt.from_double(1e6),
        "center_frequency": pmt.from_double(433e6),
        "deadline_ms": pmt.from_double(60e3),
        "fast_label": pmt.intern("noise"),
        "fast_confidence": pmt.from_double(0.5),
        "node_id": pmt.intern("qa"),
    } | changes
    dictionary = pmt.make_dict()
    for key, value in meta.items():
        if value is not None:
            dictionary = pmt.dict_add(dictionary, pmt.intern(key), value)
    return pmt.cons(dictionary, pmt.make_u8vector(vectors * fft_size, level))


def wait_until(condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("waited in vain")
        time.sleep(0.002)


def end(tb):
    """Stops a flowgraph, or fails where it does not end."""
    stopping = threading.Thread(target=lambda: (tb.stop(), tb.wait()), daemon=True)
    stopping.start()
    stopping.join(PATIENCE_S)
    if stopping.is_alive():
        raise AssertionError("the flowgraph does not end")


def verdicts_in(sink):
    """(meta as a Python dict, scores) of each verdict that a message_debug stored."""
    messages = [sink.get_message(i) for i in range(sink.num_messages())]
    return [(pmt.to_python(pmt.car(m)), pmt.f32vector_elements(pmt.cdr(m))) for m in messages]


class qa_slow_model(gr_unittest.TestCase):
    def setUp(self):
        self.model = FakeModel()
        self.tb = gr.top_block()
        self.sink = blocks.message_debug()

    def tearDown(self):
        self.model.gate.set()
        end(self.tb)

    def start(self, **arguments):
        from gnuradio import speculative

        with fake_loader(self.model):
            self.block = speculative.slow_model("fake", **arguments)
        self.tb.msg_connect(self.block, "verdicts", self.sink, "store")
        self.tb.start()

    def send(self, *messages):
        for message in messages:
            self.block.to_basic_block()._post(pmt.intern("deferred"), message)

    def receive(self, count):
        """(status, message) of the first `count` verdicts, by seq."""
        wait_until(lambda: self.sink.num_messages() >= count)
        return {meta["seq"]: (meta["status"], meta.get("message", "")) for meta, _ in verdicts_in(self.sink)}

    def send_while_at_work(self, *messages):
        """Sends once the model holds request 0 behind its closed gate."""
        self.model.gate.clear()
        self.send(request_pdu(0))
        self.assertTrue(self.model.begun.acquire(timeout=PATIENCE_S))
        self.send(*messages)
        wait_until(lambda: self.block.counters()["received"] == 1 + len(messages))

    def assert_adds_up(self):
        count = self.block.counters()
        ends = sum(count[key] for key in ("ok", "busy", "expired", "error", "malformed"))
        self.assertEqual(count["received"], ends)

    def test_round_trip(self):
        self.start()
        self.send(request_pdu(seq=7, level=120, vectors=3))
        self.receive(1)
        ((meta, scores),) = verdicts_in(self.sink)
        self.assertGreaterEqual(meta.pop("elapsed_ms"), 0)
        self.assertEqual(
            meta,
            {
                "schema": "speculative.verdict/1",
                "session": 2**64 - 3,
                "seq": 7,
                "status": "ok",
                "model": "fake",
                "model_sha256": "ab" * 32,
            },
        )
        self.assertEqual(scores, [0, 1, 0, 0, 0, 0, 0, 0])
        ((db, sample_rate),) = self.model.batches
        np.testing.assert_array_equal(db, np.full((1, 16, 1024), -40, np.float32))
        np.testing.assert_array_equal(sample_rate, [1e6])

    def test_order_of_bytes(self):
        self.start()
        levels = np.random.default_rng(1).integers(0, 256, 2 * 1024).tolist()
        pdu = pmt.cons(pmt.car(request_pdu(vectors=2)), pmt.init_u8vector(len(levels), levels))
        self.send(pdu)
        self.receive(1)
        expected = -100 + 0.5 * np.float32(levels).reshape(2, 1024)
        db = self.model.batches[0][0][0]
        np.testing.assert_array_equal(db, np.vstack([np.tile(expected[0], (15, 1)), expected[1:]]))

    def test_batches_what_waits(self):
        self.start(max_batch=4)
        self.send_while_at_work(*(request_pdu(seq, vectors=seq) for seq in range(1, 7)))
        self.model.gate.set()
        self.receive(7)
        self.assertEqual([len(db) for db, _ in self.model.batches], [1, 4, 2])
        self.assertEqual(self.block.counters()["batches"], 3)

    def test_full_queue_answers_busy_at_once(self):
        self.start(max_queued=2)
        self.send_while_at_work(*(request_pdu(seq) for seq in range(1, 6)))
        answered = self.receive(3)
        self.assertEqual(
            {seq: status for seq, (status, _) in answered.items()}, dict.fromkeys((3, 4, 5), "busy")
        )
        self.model.gate.set()
        answered = self.receive(6)
        self.assertEqual([answered[seq][0] for seq in range(3)], ["ok"] * 3)
        self.assert_adds_up()

    def test_expired_without_inference(self):
        self.start()
        self.send(request_pdu(1, deadline_ms=pmt.from_double(0)))
        self.assertEqual(self.receive(1)[1][0], "expired")
        self.assertEqual(self.model.batches, [])

    def test_what_does_not_fit(self):
        self.start()
        self.send(request_pdu(1, fft_size=2048), request_pdu(2, fast_label=pmt.intern("whale")))
        answered = self.receive(2)
        self.assertEqual([answered[seq][0] for seq in (1, 2)], ["error"] * 2)
        self.assertIn("wants 1024", answered[1][1])
        self.assertIn("'whale'", answered[2][1])
        self.assert_adds_up()

    def test_model_that_fails(self):
        self.start()
        failures = [
            lambda db, rate: 1 / 0,
            lambda db, rate: np.zeros((len(db), 3)),
            lambda db, rate: np.full((len(db), 8), 2.0),
            lambda db, rate: np.full((len(db), 8), np.nan),
        ]
        sound = self.model.predict
        for seq, failure in enumerate(failures):
            self.model.predict = failure
            self.send(request_pdu(seq))
            self.assertEqual(self.receive(seq + 1)[seq][0], "error")
        self.model.predict = sound
        self.send(request_pdu(9))
        self.assertEqual(self.receive(5)[9][0], "ok")
        self.assert_adds_up()

    def test_malformed(self):
        self.start()
        meta, vector = pmt.car(request_pdu(3)), pmt.make_u8vector(16 * 1024, 0)
        identified = [
            pmt.cons(meta, pmt.make_u8vector(100, 0)),
            pmt.cons(meta, pmt.make_f32vector(16 * 1024, 0.0)),
            request_pdu(3, deadline_ms=pmt.from_double(float("nan"))),
            request_pdu(3, sample_rate=pmt.intern("fast")),
            request_pdu(3, fast_label=None),
            request_pdu(3, schema=pmt.intern("speculative.deferred/9")),
        ]
        anonymous = [
            pmt.intern("hello"),
            pmt.PMT_NIL,
            pmt.cons(pmt.PMT_NIL, vector),
            pmt.cons(pmt.intern("meta"), vector),
            pmt.cons(meta, pmt.PMT_T),
            request_pdu(session=None),
            request_pdu(session=pmt.from_long(-1)),
            request_pdu(seq=3, node_id=pmt.deserialize_str(b"\2\0\2\xff\xfe"), session=pmt.PMT_T),
        ]
        with self.assertLogs("gnuradio.speculative.slow_model", "WARNING"):
            self.send(*identified, *anonymous)
            wait_until(lambda: self.block.counters()["malformed"] == len(identified) + len(anonymous))
        self.send(request_pdu(4))
        self.receive(len(identified) + 1)
        statuses = [meta["status"] for meta, _ in verdicts_in(self.sink)]
        self.assertEqual(statuses, ["error"] * len(identified) + ["ok"])
        self.assert_adds_up()

    def test_stop_does_not_wait_for_the_model(self):
        self.start()
        self.send_while_at_work(request_pdu(1), request_pdu(2))
        with self.assertLogs("gnuradio.speculative.slow_model", "WARNING"):
            end(self.tb)
        self.assertEqual(self.block.counters()["busy"], 2)
        self.model.gate.set()
        wait_until(lambda: self.block.counters()["ok"] == 1)
        self.assert_adds_up()

    def test_starts_again(self):
        self.start()
        for seq in range(3):
            self.send(request_pdu(seq))
            self.assertEqual(self.receive(seq + 1)[seq][0], "ok")
            end(self.tb)
            self.tb.start()

    def test_values_out_of_range(self):
        from gnuradio import speculative

        for name in ("threads", "max_queued", "max_batch"):
            with fake_loader(self.model), self.assertRaisesRegex(ValueError, f"{name} is 0"):
                speculative.slow_model("fake", **{name: 0})

    def test_without_torch(self):
        from gnuradio import speculative

        with mock.patch.dict(sys.modules, {"torch": None}):
            sys.modules.pop("gr_speculative.slow_model", None)
            with self.assertRaisesRegex(RuntimeError, "pip install torch safetensors"):
                speculative.slow_model("fake")

    @skipUnless(find_spec("torch") and find_spec("safetensors"), "torch and safetensors are not installed")
    def test_module_and_factory(self):
        from gnuradio import speculative

        self.block = speculative.slow_model(f"{__name__}:FakeModel")
        self.tb.msg_connect(self.block, "verdicts", self.sink, "store")
        self.tb.start()
        self.send(request_pdu(1))
        self.assertEqual(self.receive(1)[1][0], "ok")
        with self.assertRaisesRegex(ValueError, "no_such_factory"):
            speculative.slow_model(f"{__name__}:no_such_factory")


if __name__ == "__main__":
    gr_unittest.run(qa_slow_model)
