# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""atmosphere_source in a flowgraph: on a schedule, on a new file, and quiet where nothing can be said."""

import tempfile
import threading
import time
from pathlib import Path

import pmt
from gnuradio import blocks, gr, gr_unittest, speculative

PATIENCE_S = 20


class collector(gr.basic_block):
    """Keeps what arrives on its port, as dicts."""

    def __init__(self):
        gr.basic_block.__init__(self, "collector", in_sig=None, out_sig=None)
        self.messages = []
        self._more = threading.Condition()
        self.message_port_register_in(pmt.intern("in"))
        self.set_msg_handler(pmt.intern("in"), self._keep)

    def _keep(self, message):
        assert pmt.is_pdu(message) and pmt.length(pmt.cdr(message)) == 0
        with self._more:
            self.messages.append(pmt.to_python(pmt.car(message)))
            self._more.notify_all()

    def wait(self, n):
        with self._more:
            assert self._more.wait_for(lambda: len(self.messages) >= n, PATIENCE_S), self.messages
            return list(self.messages)


def sounding(strength, stamp="2024-01-01T00:00Z"):
    levels = ((0, 340), (150, 340 - strength), (2000, 556.45 - strength))
    return "".join(f"{stamp},{h},{m}\n" for h, m in levels)


HEAD = "time,height_m,modified_refractivity\n"


class qa_atmosphere_source(gr_unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)

    def tearDown(self):
        self._folder.cleanup()

    def run_with(self, **arguments):
        block = speculative.atmosphere_source(frequency=1e9, **arguments)
        sink = collector()
        graph = gr.top_block()
        graph.msg_connect(block, "conditions", sink, "in")
        graph.start()
        self.addCleanup(lambda: (graph.stop(), graph.wait()))
        return sink

    def test_001_a_schedule_raises_one_alert_and_clears_it_once(self):
        path = self.folder / "day.csv"
        strengths = (0, 4, 9, 5, 4, 8, 2, 0)
        path.write_text(
            HEAD + "".join(sounding(s, f"2024-01-0{i + 1}T00:00Z") for i, s in enumerate(strengths))
        )
        messages = self.run_with(profile=str(path), interval=0.02, replay=True).wait(len(strengths))
        messages = messages[: len(strengths)]
        self.assertEqual(
            [m.get("alert", "") for m in messages], ["", "", "raised", "", "", "", "cleared", ""]
        )
        self.assertEqual([m["tropospheric_duct_present"] for m in messages], [0, 0, 1, 1, 1, 1, 0, 0])
        qualities = [m["propagation_quality"] for m in messages]
        self.assertTrue(all(0 <= q <= 1 for q in qualities))
        self.assertLess(qualities[2], qualities[0])
        self.assertTrue(all(abs(m["timestamp"] - time.time()) < PATIENCE_S for m in messages))

    def test_002_a_new_file_is_told_before_the_interval_is_over(self):
        sink = self.run_with(profile=str(self.folder), interval=3600)
        now = time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime())
        (self.folder / "a.csv").write_text(HEAD + sounding(0, now))
        sink.wait(1)
        (self.folder / "bad.csv").write_text("not a profile")
        (self.folder / "b.csv").write_text(HEAD + sounding(20, now))
        last = sink.wait(2)[-1]
        self.assertEqual(last["alert"], "raised")
        self.assertEqual(last["station"], "b")

    def test_003_an_old_profile_says_nothing(self):
        (self.folder / "old.csv").write_text(HEAD + sounding(20))
        sink = self.run_with(profile=str(self.folder), interval=0.02)
        time.sleep(0.3)
        self.assertEqual(sink.messages, [])

    def test_004_wrong_arguments(self):
        (self.folder / "bad.csv").write_text("not a profile")
        for arguments, complaint in (
            ({"interval": 0}, "interval"),
            ({"environment": "moon"}, "environment"),
            ({"alert_off": 9.0}, "alert"),
            ({"max_age": 0.0}, "max_age"),
            ({"profile": "/no/such/folder/x"}, "folder that exists"),
            ({"profile": str(self.folder / "bad.csv"), "replay": True}, "bad.csv"),
        ):
            with self.assertRaisesRegex(ValueError, complaint):
                speculative.atmosphere_source(**({"profile": str(self.folder), "frequency": 1e9} | arguments))

    def test_005_a_duct_raises_the_threshold_of_a_classifier_and_its_end_lowers_it(self):
        """The block dropped into a flowgraph, its port on fast_classifier's: what is told, is done."""
        path = self.folder / "day.csv"
        path.write_text(HEAD + sounding(0, "2024-01-01T00:00Z") + sounding(20, "2024-01-02T00:00Z"))
        weather = speculative.atmosphere_source(str(path), 1e9, interval=0.2, replay=True)
        source = blocks.vector_source_f([1.0] * 1024, True, 1024)
        pace = blocks.throttle(gr.sizeof_float * 1024, 200)
        classifier = speculative.fast_classifier(
            speculative.default_fast_model(), 1024, 1e6, speculative.input_kind.power, threshold=0.5
        )
        classifier.set_conditions(0.8)
        sink, graph = collector(), gr.top_block()
        graph.connect(source, pace, classifier)
        graph.connect(classifier, blocks.null_sink(gr.sizeof_float * 1024))
        graph.msg_connect(weather, "conditions", classifier, "conditions")
        graph.msg_connect(classifier, "telemetry", sink, "in")
        graph.start()
        self.addCleanup(lambda: (graph.stop(), graph.wait()))

        def changes():
            return [m for m in list(sink.messages) if m.get("cause") == "conditions"]

        until = time.monotonic() + PATIENCE_S
        while len(changes()) < 3 and time.monotonic() < until:
            time.sleep(0.02)
        levels = [m["threshold"] for m in changes()]
        self.assertGreaterEqual(len(levels), 3)
        self.assertTrue(all(0.5 <= level <= 1 for level in levels))
        for before, after in zip(levels, levels[1:], strict=False):
            self.assertGreater(abs(after - before), 0.1)
        self.assertGreater(max(levels), 0.7)


if __name__ == "__main__":
    gr_unittest.run(qa_atmosphere_source)
