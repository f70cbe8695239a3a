#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""slow_link against a hub that the test plays itself."""

import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pmt
import zmq
from gnuradio import blocks, gr, gr_unittest
from qa_slow_model import PATIENCE_S, end, request_pdu, verdicts_in, wait_until

from gr_speculative import wire
from gr_speculative.handshake import Hello, Welcome, decode_hello, encode_welcome
from gr_speculative.keys import read_key, write_pair

SESSION = 2**64 - 3  # of request_pdu()
SCORES = np.float32([0.25, 0.5, 0.25])
# A hub in a process that can be stopped: refuses every request.
REFUSING_HUB = """
import zmq
from gr_speculative.handshake import Welcome, encode_welcome
hub = zmq.Context().socket(zmq.ROUTER)
hub.bind("tcp://127.0.0.1:0")
print(hub.last_endpoint.decode(), flush=True)
while True:
    peer, version, header, _ = hub.recv_multipart()
    if b"hello/1" in header:
        hub.send_multipart([peer, *encode_welcome(Welcome(10, 30.0))])
        continue
    header = header.replace(b"deferred/1", b"verdict/1").rstrip(b"}") + b', "status": "busy"}'
    hub.send_multipart([peer, version, header, b""])
"""


def answer(seq, status="ok", scores=SCORES):
    """The frames of a verdict."""
    scores = scores if status == "ok" else scores[:0]
    return wire.encode_verdict(wire.Verdict(session=SESSION, seq=seq, status=status, scores=scores))


class Hub:
    """A ROUTER; receive() welcomes nodes and tells what they ask, send() answers whoever spoke last."""

    def __init__(self, endpoint="tcp://127.0.0.1:0", credit=1000, lease_s=30.0, message=None, keys=None):
        self.welcome = Welcome(credit, lease_s, message=message)
        self.hellos = []
        self.socket = zmq.Context.instance().socket(zmq.ROUTER)
        self.socket.linger = 0
        if keys:
            self.socket.curve_server, self.socket.curve_secretkey = True, read_key(keys)
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
        while True:
            if not self.socket.poll(PATIENCE_S * 1e3):
                raise AssertionError("the link sends nothing")
            self.peer, *frames = self.socket.recv_multipart()
            if b"hello/1" not in frames[1]:
                return wire.decode_request(frames)
            self.hellos.append(decode_hello(frames))
            self.send(encode_welcome(self.welcome))

    def says_nothing(self, milliseconds=200):
        return not self.socket.poll(milliseconds)

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
        self.assertEqual((request.fast_label, request.node_id), ("noise", "qa"))
        self.assertLessEqual(request.deadline_ms, 60e3)  # what is left of it
        self.assertGreater(request.deadline_ms, 0)
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

    def test_says_hello_and_repeats_it_before_its_lease_ends(self):
        hub = self.hub(lease_s=0.3)
        self.start(hub.endpoint, node_id="roof", hub_model="slow-1", labels=["noise", "signal"], fft_size=64)
        wait_until(self.link.connected)
        self.post(request_pdu(1))
        hub.receive()
        wait_until(lambda: self.hears_hello(hub, 3))
        self.assertEqual(set(hub.hellos), {Hello("roof", "slow-1", None, ("noise", "signal"), 64)})

    def hears_hello(self, hub, count):
        if hub.socket.poll(10):
            hub.peer, *frames = hub.socket.recv_multipart()
            hub.hellos.append(decode_hello(frames))
            hub.send(encode_welcome(hub.welcome))
        return len(hub.hellos) >= count

    def test_no_more_than_the_credit_is_unanswered(self):
        hub = self.hub(credit=3)
        self.start(hub.endpoint, max_queued=4)
        wait_until(self.link.connected)
        self.post(request_pdu(0))
        self.assertEqual(hub.receive().seq, 0)
        self.post(*(request_pdu(seq) for seq in range(1, 3)))
        self.assertEqual([hub.receive().seq for _ in range(2)], [1, 2])
        self.post(*(request_pdu(seq) for seq in range(3, 9)))
        got = self.verdicts(2)
        self.assertEqual({seq: status for seq, (status, _, _) in got.items()}, {7: "busy", 8: "busy"})
        self.assertTrue(hub.says_nothing())
        for answered in range(4):
            hub.send(answer(answered))
            self.assertEqual(hub.receive().seq, answered + 3)
        self.wait_for(sent=7, unsent=2)

    def test_what_waits_too_long_for_credit_expires_and_unanswered_credit_comes_back(self):
        hub = self.hub(credit=1, lease_s=0.5)
        self.start(hub.endpoint)
        wait_until(self.link.connected)
        self.post(request_pdu(1, deadline_ms=pmt.from_double(300)))
        self.assertLessEqual(hub.receive().deadline_ms, 300)
        self.post(request_pdu(2, deadline_ms=pmt.from_double(100)))
        self.assertEqual(self.verdicts(1)[2][0], "expired")
        self.post(request_pdu(3, deadline_ms=pmt.from_double(200)))
        self.assertEqual(self.verdicts(2)[3][0], "expired")  # the first is over, but the hub may yet read it
        self.post(request_pdu(4))
        self.assertEqual(hub.receive().seq, 4)  # a lease after the first one's deadline

    def test_a_hub_that_refuses_says_why_and_may_change_its_mind(self):
        hub = self.hub(credit=0, message="no such model")
        self.start(hub.endpoint)
        wait_until(self.link.connected)
        self.post(request_pdu(1))
        wait_until(lambda: self.hears_hello(hub, 1))
        status, _, message = self.verdicts(1)[1]
        self.assertEqual((status, message), ("error", "the hub refuses this node: no such model"))
        hub.welcome = Welcome(1, 30.0)
        hub.send(encode_welcome(hub.welcome))
        wait_until(lambda: self.reaches(hub))

    def reaches(self, hub):
        self.post(request_pdu(99))
        return not hub.says_nothing(20)

    def test_what_is_unanswered_when_the_connection_ends_is_unreachable_at_once(self):
        hub = self.connect()
        self.post(*(request_pdu(seq) for seq in range(3)))
        for _ in range(3):
            hub.receive()
        hub.send(answer(1))
        self.verdicts(1)
        hub.socket.close()
        got = self.verdicts(3)
        self.assertEqual([got[seq][0] for seq in range(3)], ["unreachable", "ok", "unreachable"])
        self.wait_for(sent=3, lost=2, unsent=0)

    def test_a_hub_that_never_welcomes_holds_up_nothing(self):
        self.connect(max_queued=2)
        self.post(*(request_pdu(seq, deadline_ms=pmt.from_double(200)) for seq in range(3)))
        got = self.verdicts(3)
        self.assertEqual([got[seq][0] for seq in range(3)], ["expired", "expired", "busy"])

    def test_with_keys_and_with_wrong_ones(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            for name in ("hub", "node", "other"):
                write_pair(folder, name)
            paths = {name: str(folder / name) for name in ("hub.key", "hub.pub", "node.key", "other.pub")}
            hub = self.hub(keys=paths["hub.key"])
            self.start(hub.endpoint, key_file=paths["node.key"], hub_key_file=paths["hub.pub"])
            wait_until(self.link.connected)
            self.round_trip(hub, 1)
            for options in ({"key_file": paths["node.key"], "hub_key_file": paths["other.pub"]}, {}):
                end(self.tb)
                self.tb, self.sink = gr.top_block(), blocks.message_debug()
                self.start(hub.endpoint, heartbeat=0.05, **options)
                self.post(request_pdu(1))
                self.assertEqual(self.verdicts(1)[1][0], "unreachable")
            self.refuses_key_files(folder)

    def refuses_key_files(self, folder):
        from gnuradio import speculative

        pub, short, public = str(folder / "hub.pub"), folder / "short.key", folder / "node.key"
        short.write_text("1234\n")
        short.chmod(0o600)
        for key, said in ((str(short), "one line of 40"), ("/nowhere.key", "cannot read"), ("", "together")):
            with self.assertRaisesRegex(ValueError, said):
                speculative.slow_link("tcp://127.0.0.1:1", key_file=key, hub_key_file=pub)
        public.chmod(0o644)
        with self.assertRaisesRegex(ValueError, "chmod 600"):
            speculative.slow_link("tcp://127.0.0.1:1", key_file=str(public), hub_key_file=pub)

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
        with self.assertRaisesRegex(ValueError, "allow_plaintext"):
            speculative.slow_link("tcp://192.0.2.1:5555")
        speculative.slow_link("tcp://192.0.2.1:5555", allow_plaintext=True)
        good = "tcp://127.0.0.1:5555"
        for queued in (0, 10**9):
            with self.assertRaisesRegex(ValueError, "max_queued is"):
                speculative.slow_link(good, max_queued=queued)
        for heartbeat in (0, -1, 1e9, float("nan"), float("inf")):
            with self.assertRaisesRegex(ValueError, "heartbeat is"):
                speculative.slow_link(good, heartbeat=heartbeat)


if __name__ == "__main__":
    gr_unittest.run(qa_slow_link)
