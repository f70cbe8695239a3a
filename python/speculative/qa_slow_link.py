#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""slow_link against a hub that the test plays itself."""

import signal
import socket
import subprocess
import sys
import threading

import numpy as np
import pmt
import zmq
from gnuradio import blocks, gr, gr_unittest
from qa_slow_model import PATIENCE_S, end, request_pdu, verdicts_in, wait_until

from gr_speculative import wire

SESSION = 2**64 - 3  # of request_pdu()
SCORES = np.float32([0.25, 0.5, 0.25])
# A hub in a process that can be stopped: refuses everything.
REFUSING_HUB = """
import zmq
hub = zmq.Context().socket(zmq.ROUTER)
hub.bind("tcp://127.0.0.1:0")
print(hub.last_endpoint.decode(), flush=True)
while True:
    peer, version, header, _ = hub.recv_multipart()
    header = header.replace(b"deferred/1", b"verdict/1").rstrip(b"}") + b', "status": "busy"}'
    hub.send_multipart([peer, version, header, b""])
"""


def answer(seq, status="ok", scores=SCORES):
    """The frames of a verdict."""
    scores = scores if status == "ok" else scores[:0]
    return wire.encode_verdict(wire.Verdict(session=SESSION, seq=seq, status=status, scores=scores))


class Hub:
    """A ROUTER; receive() tells what came, send() answers whoever asked last."""

    def __init__(self, endpoint="tcp://127.0.0.1:0", receive_limit=1000):
        self.socket = zmq.Context.instance().socket(zmq.ROUTER)
        self.socket.linger = 0
        self.socket.rcvhwm = receive_limit
        wait_until(lambda: self._bind(endpoint))  # a port that was just closed may need a moment
        self.endpoint = self.socket.last_endpoint.decode()
        self.peer = b""

    def _bind(self, endpoint):
        try:
            self.socket.bind(endpoint)
        except zmq.ZMQError:
            return False
        return True

    def receive(self):
        if not self.socket.poll(PATIENCE_S * 1e3):
            raise AssertionError("the link sends nothing")
        self.peer, *frames = self.socket.recv_multipart()
        return wire.decode_request(frames)

    def send(self, frames):
        self.socket.send_multipart([self.peer, *frames])


class qa_slow_link(gr_unittest.TestCase):
    def setUp(self):
        self.tb = gr.top_block()
        self.sink = blocks.message_debug()
        self.addCleanup(lambda: end(self.tb))

    def hub(self, *arguments, **options):
        hub = Hub(*arguments, **options)
        self.addCleanup(hub.socket.close)
        return hub

    def start(self, endpoint, **arguments):
        from gnuradio import speculative

        self.link = speculative.slow_link(endpoint, **arguments)
        self.tb.msg_connect(self.link, "verdicts", self.sink, "store")
        self.tb.start()

    def connect(self, **arguments):
        """A hub and a link to it."""
        hub = self.hub()
        self.start(hub.endpoint, **arguments)
        wait_until(self.link.connected)
        return hub

    def post(self, *messages):
        for message in messages:
            self.link.to_basic_block()._post(pmt.intern("deferred"), message)

    def verdicts(self, count):
        """{seq: (status, scores, message)} once there are as many."""
        wait_until(lambda: self.sink.num_messages() >= count)
        return {m["seq"]: (m["status"], s, m.get("message", "")) for m, s in verdicts_in(self.sink)}

    def round_trip(self, hub, seq):
        before = self.sink.num_messages()
        self.post(request_pdu(seq))
        self.assertEqual(hub.receive().seq, seq)
        hub.send(answer(seq))
        self.assertEqual(self.verdicts(before + 1)[seq][:2], ("ok", SCORES.tolist()))

    def wait_for(self, **counters):
        wait_until(lambda: counters.items() <= self.link.counters().items())

    def test_round_trip(self):
        hub = self.connect()
        levels = np.random.default_rng(1).integers(0, 256, 3 * 64, np.uint8)
        self.post(pmt.cons(pmt.car(request_pdu(7, vectors=3, fft_size=64)), pmt.init_u8vector(192, levels)))
        request = hub.receive()
        np.testing.assert_array_equal(request.levels, levels.reshape(3, 64))
        told = (request.session, request.seq, request.offset, request.db_scale, request.db_offset)
        self.assertEqual(told, (SESSION, 7, 5, 0.5, -100))
        self.assertEqual((request.sample_rate, request.center_frequency), (1e6, 433e6))
        self.assertEqual((request.deadline_ms, request.fast_label, request.node_id), (60e3, "noise", "qa"))
        verdict = wire.Verdict(
            session=SESSION,
            seq=7,
            status="ok",
            scores=SCORES,
            model="m",
            model_sha256="ab" * 32,
            elapsed_ms=1.5,
        )
        hub.send(wire.encode_verdict(verdict))
        self.verdicts(1)
        ((meta, scores),) = verdicts_in(self.sink)
        self.assertEqual(scores, SCORES.tolist())
        self.assertEqual(
            meta,
            {
                "schema": "speculative.verdict/1",
                "session": SESSION,
                "seq": 7,
                "status": "ok",
                "model": "m",
                "model_sha256": "ab" * 32,
                "elapsed_ms": 1.5,
            },
        )
        self.wait_for(sent=1, received=1, unsent=0, malformed=0, connects=1, disconnects=0)

    def test_refusals_pass_as_they_are(self):
        hub = self.connect()
        statuses = ("busy", "expired", "error", "unreachable")
        self.post(*(request_pdu(seq) for seq in range(len(statuses))))
        for seq, status in enumerate(statuses):
            hub.receive()
            hub.send(answer(seq, status))
        got = self.verdicts(len(statuses))
        self.assertEqual([got[seq][:2] for seq in range(4)], [(status, []) for status in statuses])

    def test_wrong_frames_of_the_hub_are_counted_and_dropped(self):
        hub = self.connect()
        self.post(request_pdu(1))
        hub.receive()
        version, header, payload = answer(1)
        wrong = [
            [b""],
            [version],
            [version, header],
            [version, header, payload, b""],
            [version, header, payload] * 500,
            [version[:-1] + b"\2", header, payload],
            [b"", header, payload],
            [version, b"", payload],
            [version, b"[" * 50_000, payload],
            [version, b"\xff" + header, payload],
            [version, header[:-1], payload],
            [version, header + bytes(65_536 - len(header)), payload],
            [version, header.replace(b"verdict/1", b"verdict/2"), payload],
            [version, header.replace(b'"seq"', b'"sequence"'), payload],
            [version, header.replace(b'"ok"', b'"fine"'), payload],
            [version, header.replace(b'"ok"', b'"busy"'), payload],
            [version, header, payload[:-1]],
            [version, header, bytes(65_536)],
        ]
        for frames in wrong:
            hub.send(frames)
        self.wait_for(malformed=len(wrong), received=len(wrong))
        hub.send(answer(1))
        self.assertEqual(self.verdicts(1)[1][0], "ok")
        self.wait_for(malformed=len(wrong), received=len(wrong) + 1, disconnects=0)

    def test_a_huge_frame_ends_the_connection_which_comes_back(self):
        hub = self.connect()
        self.post(request_pdu(1))
        hub.receive()
        version, header, _ = answer(1)
        hub.send([version, header, bytes(1 << 22)])
        self.wait_for(disconnects=1, connects=2, received=0)
        self.round_trip(hub, 2)

    def test_wrong_messages_of_the_flowgraph_are_counted_and_dropped(self):
        hub = self.connect()
        meta, vector = pmt.car(request_pdu(3)), pmt.make_u8vector(16 * 1024, 0)
        wrong = [
            pmt.PMT_NIL,
            pmt.intern("hello"),
            meta,
            vector,
            pmt.cons(pmt.PMT_NIL, vector),
            pmt.cons(meta, pmt.PMT_T),
            pmt.cons(meta, pmt.make_u8vector(100, 0)),
            pmt.cons(meta, pmt.make_f32vector(16 * 1024, 0.0)),
            request_pdu(3, vectors=0),
            request_pdu(3, sample_rate=pmt.intern("fast")),
            request_pdu(3, schema=pmt.intern("speculative.deferred/9")),
        ]
        required = ("schema", "session", "offset", "db_scale", "db_offset", "sample_rate", "deadline_ms")
        wrong += [request_pdu(3, **{key: value}) for key in required for value in (None, pmt.PMT_T)]
        self.post(*wrong)
        self.wait_for(malformed=len(wrong), sent=0, unsent=0)
        self.round_trip(hub, 4)

    def test_texts_that_are_not_utf8_reach_the_hub_as_json(self):
        hub = self.connect()
        text = pmt.deserialize_str(b"\2\0\2\xff\xfe")
        self.post(request_pdu(1, node_id=text))
        self.assertEqual(hub.receive().node_id, "\ufffd\ufffd")

    def test_without_a_hub_everything_is_unreachable_until_it_appears(self):
        hub = self.hub()
        hub.socket.close()
        self.start(hub.endpoint, heartbeat=0.05)
        self.assertFalse(self.link.connected())
        self.post(*(request_pdu(seq) for seq in range(50)))
        got = self.verdicts(50)
        self.assertEqual({status for status, _, _ in got.values()}, {"unreachable"})
        self.assertIn("hub", got[0][2])
        self.wait_for(unsent=50, sent=0, connects=0)
        hub = self.hub(hub.endpoint)
        wait_until(self.link.connected)
        self.round_trip(hub, 50)  # and nothing stale before it

    def test_a_hub_that_starts_again_is_found_again(self):
        hub = self.connect()
        for restarts in range(1, 3):
            self.round_trip(hub, 2 * restarts)
            hub.socket.close()
            wait_until(lambda: not self.link.connected())
            before = self.sink.num_messages()
            self.post(request_pdu(2 * restarts + 1))
            self.assertEqual(self.verdicts(before + 1)[2 * restarts + 1][0], "unreachable")
            hub = self.hub(hub.endpoint)
            wait_until(self.link.connected)
            self.wait_for(connects=restarts + 1, disconnects=restarts)
        self.round_trip(hub, 100)

    def test_a_hub_that_is_stopped_is_unreachable_until_it_goes_on(self):
        process = subprocess.Popen([sys.executable, "-c", REFUSING_HUB], stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.start(process.stdout.readline().strip(), heartbeat=0.2)
        wait_until(self.link.connected)
        self.post(request_pdu(1))
        self.assertEqual(self.verdicts(1)[1][0], "busy")
        process.send_signal(signal.SIGSTOP)
        wait_until(lambda: not self.link.connected())
        self.post(request_pdu(2))
        self.assertEqual(self.verdicts(2)[2][0], "unreachable")
        process.send_signal(signal.SIGCONT)
        wait_until(self.link.connected)
        self.post(request_pdu(3))
        self.assertEqual(self.verdicts(3)[3][0], "busy")

    def test_a_listener_that_is_no_hub_is_unreachable(self):
        dealer = zmq.Context.instance().socket(zmq.PUB)
        self.addCleanup(dealer.close, 0)
        dealer.bind("tcp://127.0.0.1:0")
        with socket.create_server(("127.0.0.1", 0)) as silent:
            for endpoint in (f"tcp://127.0.0.1:{silent.getsockname()[1]}", dealer.last_endpoint.decode()):
                end(self.tb)
                self.tb, self.sink = gr.top_block(), blocks.message_debug()
                self.start(endpoint, heartbeat=0.05)
                self.post(request_pdu(1))
                self.assertEqual(self.verdicts(1)[1][0], "unreachable")
                self.assertFalse(self.link.connected())

    def test_what_a_slow_hub_does_not_take_is_busy_and_nothing_is_lost(self):
        hub = self.hub(receive_limit=1)
        self.start(hub.endpoint, max_queued=4)
        wait_until(self.link.connected)
        posted = 0
        while self.link.counters()["unsent"] == 0:
            self.post(*(request_pdu(seq) for seq in range(posted, posted + 100)))
            posted += 100
            self.assertLess(posted, 20_000, "nothing is refused")
            wait_until(lambda: self.counted() == posted)  # noqa: B023
        count = self.link.counters()
        refused = self.verdicts(count["unsent"])
        self.assertEqual({status for status, _, _ in refused.values()}, {"busy"})
        self.assertEqual(len(refused), count["unsent"])
        arrived = [hub.receive().seq for _ in range(count["sent"])]
        self.assertEqual(sorted([*arrived, *refused]), list(range(posted)))
        self.round_trip(hub, posted)

    def counted(self):
        count = self.link.counters()
        return count["sent"] + count["unsent"]

    def test_starts_again(self):
        hub = self.connect()
        for seq in range(5):
            self.round_trip(hub, seq)
            end(self.tb)
            self.assertFalse(self.link.connected())
            self.tb.start()
            wait_until(self.link.connected)
        for _ in range(10):  # with no time for anything to settle
            end(self.tb)
            self.tb.start()
        wait_until(self.link.connected)
        self.round_trip(hub, 99)

    def test_stops_while_the_hub_talks_without_end(self):
        hub = self.connect()
        self.post(request_pdu(1))
        hub.receive()
        quiet = threading.Event()

        def talk():
            while not quiet.is_set():
                hub.send(answer(1, "busy"))

        talking = threading.Thread(target=talk)
        talking.start()
        try:
            wait_until(lambda: self.link.counters()["received"] > 100)
            end(self.tb)
        finally:
            quiet.set()
            talking.join()

    def test_values_out_of_range(self):
        from gnuradio import speculative

        for endpoint in (
            "",
            "hub",
            "tcp://",
            "tcp://host",
            "smoke://host:1",
            "tcp://*:5555",
        ):
            with self.subTest(endpoint=endpoint), self.assertRaisesRegex(ValueError, "endpoint is"):
                speculative.slow_link(endpoint)
        good = "tcp://127.0.0.1:5555"
        for queued in (0, 10**9):
            with self.assertRaisesRegex(ValueError, "max_queued is"):
                speculative.slow_link(good, max_queued=queued)
        for heartbeat in (0, -1, 1e9, float("nan"), float("inf")):
            with self.assertRaisesRegex(ValueError, "heartbeat is"):
                speculative.slow_link(good, heartbeat=heartbeat)


if __name__ == "__main__":
    gr_unittest.run(qa_slow_link)
