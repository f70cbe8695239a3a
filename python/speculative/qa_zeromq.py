#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""fast_classifier and slow_model in two processes, with gr-zeromq's own message blocks between them.

PUB and SUB, not PUSH and PULL: a PUSH sink without a peer blocks in its message handler, so that its
flowgraph never ends. PUB drops, beyond 1000 that wait, and what it drops is counted when the deadline passes.
"""

import signal
import subprocess
import sys
import tempfile

import numpy as np
import pmt
from gnuradio import blocks, gr, gr_unittest, zeromq
from qa_slow_model import PATIENCE_S, FakeModel, end, fake_loader, request_pdu, verdicts_in, wait_until

DEFERRED, VERDICTS = "deferred", "verdicts"
OUT = pmt.intern("out")
POLL_MS = 20


def address(folder, name):
    return f"ipc://{folder}/{name}"


class Sender(gr.basic_block):
    """Publishes what a test hands it."""

    def __init__(self):
        gr.basic_block.__init__(self, "sender", None, None)
        self.message_port_register_out(OUT)

    def send(self, *messages):
        for message in messages:
            self.message_port_pub(OUT, message)


def serve(folder):
    """The other process: slow_model between a SUB source and a PUB sink, until its input closes."""
    from gnuradio import speculative

    tb = gr.top_block()
    with fake_loader(FakeModel()):
        block = speculative.slow_model("fake", max_queued=1000)
    source = zeromq.sub_msg_source(address(folder, DEFERRED), POLL_MS)
    sink = zeromq.pub_msg_sink(address(folder, VERDICTS), POLL_MS)
    tb.msg_connect(source, "out", block, "deferred")
    tb.msg_connect(block, "verdicts", sink, "in")
    tb.start()
    sys.stdin.read()
    tb.stop()
    tb.wait()


class qa_zeromq(gr_unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="qa-")
        self.addCleanup(folder.cleanup)
        self.tb = gr.top_block()
        self.to_slow = zeromq.pub_msg_sink(address(folder.name, DEFERRED), POLL_MS)
        self.from_slow = zeromq.sub_msg_source(address(folder.name, VERDICTS), POLL_MS)
        self.sender = Sender()
        self.verdicts = blocks.message_debug()
        self.tb.msg_connect(self.sender, "out", self.to_slow, "in")
        self.tb.msg_connect(self.from_slow, "out", self.verdicts, "store")
        self.process = subprocess.Popen(
            [sys.executable, __file__, "serve", folder.name], stdin=subprocess.PIPE
        )
        self.addCleanup(self.process.stdin.close)
        self.addCleanup(self.process.wait, PATIENCE_S)
        self.addCleanup(self.process.kill)

    def statuses(self):
        return {meta["seq"]: (meta["status"], tuple(scores)) for meta, scores in verdicts_in(self.verdicts)}

    def connect(self):
        """Until both subscriptions stand, what is published is lost: asks until something is answered."""
        seq = iter(range(10_000, 1_000_000))

        def answered():
            self.sender.send(request_pdu(next(seq), vectors=1))
            return self.verdicts.num_messages() > 0

        wait_until(answered)

    def test_round_trip(self):
        self.tb.start()
        self.connect()
        self.sender.send(*(request_pdu(seq, level=120 * (seq % 2)) for seq in range(50)))
        self.sender.send(pmt.intern("noise on the line"), request_pdu(50, fft_size=2048))
        wait_until(lambda: set(range(51)) <= set(self.statuses()))
        for seq in range(50):
            self.assertEqual(self.statuses()[seq], ("ok", tuple(np.eye(8)[seq % 2])))
        self.assertEqual(self.statuses()[50], ("error", ()))
        self.process.stdin.close()
        self.assertEqual(self.process.wait(PATIENCE_S), 0)
        end(self.tb)

    def test_fast_classifier(self):
        from gnuradio import speculative

        try:
            model = speculative.default_fast_model()
        except FileNotFoundError as error:
            self.skipTest(str(error))
        noise = np.random.default_rng(1).normal(size=2 * 1024 * 50).astype(np.float32).view(np.complex64)
        source = blocks.vector_source_c(noise.tolist(), True, 1024)
        throttle = blocks.throttle(1024 * gr.sizeof_gr_complex, 200)
        gate = blocks.copy(1024 * gr.sizeof_gr_complex)
        gate.set_enabled(False)
        fast = speculative.fast_classifier(model, 1024, 1e6, threshold=1.0, deadline=PATIENCE_S)
        self.tb.connect(source, throttle, gate, fast)
        self.tb.msg_connect(fast, "deferred", self.to_slow, "in")
        self.tb.msg_connect(self.from_slow, "out", fast, "verdicts")
        self.tb.start()
        self.connect()
        gate.set_enabled(True)
        wait_until(lambda: fast.counters()["in_time"] >= 20)
        end(self.tb)
        count = fast.counters()
        ends = sum(count[key] for key in ("in_time", "timed_out", "dropped", "failed", "in_flight"))
        self.assertEqual(count["deferred"], ends)
        self.assertEqual((count["failed"], count["malformed"]), (0, 0))

    def test_ends_when_the_other_side_is_killed(self):
        self.tb.start()
        self.connect()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)
        self.sender.send(*(request_pdu(seq) for seq in range(20)))
        end(self.tb)


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2])
    else:
        gr_unittest.run(qa_zeromq)
