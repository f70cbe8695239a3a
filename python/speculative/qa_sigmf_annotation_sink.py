#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""sigmf_annotation_sink: valid by the sigmf package, whole while it runs, revised, parted at retunes."""

import json
import logging
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from unittest import skipUnless

import pmt
from gnuradio import gr, gr_unittest, speculative

PATIENCE_S = 20.0
RATE = 1e6


def result(vector, label, center=1e8, source="fast", confidence=0.75, **changes):
    meta = pmt.make_dict()
    values = {
        "offset": pmt.from_uint64(vector),
        "count": pmt.from_uint64(1),
        "label": pmt.intern(label),
        "confidence": pmt.from_double(confidence),
        "source": pmt.intern(source),
        "status": pmt.intern("final"),
        "center_frequency": pmt.from_double(center),
    } | changes
    for key, value in values.items():
        if value is not None:
            meta = pmt.dict_add(meta, pmt.intern(key), value)
    return pmt.cons(meta, pmt.init_f32vector(2, [0.25, 0.75]))


class sender(gr.basic_block):
    def __init__(self):
        gr.basic_block.__init__(self, "sender", None, None)
        self.message_port_register_out(pmt.intern("out"))


class qa_sigmf_annotation_sink(gr_unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name, "labels.sigmf-meta")

    def tearDown(self):
        self.folder.cleanup()

    def write(self, messages, **options):
        """The document after a run in which these messages came."""
        tb = gr.top_block()
        sink = speculative.sigmf_annotation_sink(str(self.path), RATE, **options)
        source = sender()
        tb.msg_connect(source, "out", sink, "results")
        tb.start()
        for message in messages:
            source.message_port_pub(pmt.intern("out"), message)
        self.wait(lambda: sink.handled == len(messages))
        tb.stop()
        tb.wait()
        return json.loads(self.path.read_text())

    def wait(self, condition):
        end = time.monotonic() + PATIENCE_S
        while not condition():
            self.assertLess(time.monotonic(), end, "waited in vain")
            time.sleep(0.002)

    def spans(self, document):
        return [
            (a["core:sample_start"] // 1024, a["core:sample_count"] // 1024, a["core:label"])
            for a in document["annotations"]
        ]

    @skipUnless(find_spec("sigmf"), "the package sigmf is not installed")
    def test_valid_by_the_sigmf_package(self):
        from sigmf import SigMFFile

        messages = [result(v, "lte" if v % 3 else "ook", 1e8 if v < 5 else 2e8) for v in range(10)]
        for recorded in (False, True):
            SigMFFile(metadata=self.write(messages, recorded=recorded)).validate()

    def test_a_revision_replaces_its_provisional_result(self):
        messages = [result(v, "ook") for v in range(4)] + [
            result(2, "lte", source="ensemble", confidence=0.5)
        ]
        document = self.write(messages)
        self.assertEqual(self.spans(document), [(0, 2, "ook"), (2, 1, "lte"), (3, 1, "ook")])
        self.assertEqual(document["annotations"][1]["speculative:confidence"], 0.5)
        self.assertEqual(document["annotations"][1]["speculative:sources"], {"ensemble": 1})

    def test_a_retune_begins_a_capture_and_parts_spans(self):
        document = self.write([result(v, "lte", 1e8 if v < 3 else 2e8) for v in range(6)])
        captures = [(c["core:sample_start"], c["core:frequency"]) for c in document["captures"]]
        self.assertEqual(captures, [(0, 1e8), (3 * 1024, 2e8)])
        self.assertEqual(self.spans(document), [(0, 3, "lte"), (3, 3, "lte")])
        edges = [(a["core:freq_lower_edge"], a["core:freq_upper_edge"]) for a in document["annotations"]]
        self.assertEqual(edges, [(1e8 - RATE / 2, 1e8 + RATE / 2), (2e8 - RATE / 2, 2e8 + RATE / 2)])

    def test_noise_and_where_the_samples_are(self):
        messages = [result(0, "noise"), result(1, "ook")]
        document = self.write(messages)
        self.assertEqual(self.spans(document), [(1, 1, "ook")])
        self.assertTrue(document["global"]["core:metadata_only"])
        document = self.write(messages, noise=True, recorded=True)
        self.assertEqual(self.spans(document), [(0, 1, "noise"), (1, 1, "ook")])
        self.assertNotIn("core:metadata_only", document["global"])
        self.assertEqual(document["global"]["core:datatype"], "cf32_le")

    def test_it_is_whole_while_it_runs_and_takes_no_nonsense(self):
        messages = [
            result(0, "ook"),
            pmt.PMT_NIL,
            pmt.intern("x"),
            result(1, "ook", offset=None),
            result(1, "ook"),
        ]
        with self.assertLogs(logging.getLogger(), "WARNING"):
            document = self.write(messages, flush_interval=1e-6)
        self.assertEqual(self.spans(document), [(0, 2, "ook")])

    def test_a_disk_that_fails_stops_nothing(self):
        self.path.mkdir()  # a folder where the file should go
        with self.assertLogs(logging.getLogger(), "WARNING") as logs, self.assertRaises(IsADirectoryError):
            self.write([result(0, "ook")], flush_interval=1e-6)
        self.assertIn("cannot be written", logs.output[0])

    def test_refuses_what_is_out_of_range(self):
        good = str(self.path)
        for arguments, name in (
            ((good, 0.0), "sample_rate"),
            ((good, RATE, 0.0, 0), "hop"),
            (("labels.json", RATE), "path"),
            ((good + "/missing/x.sigmf-meta", RATE), "path"),
        ):
            with self.assertRaisesRegex(ValueError, name):
                speculative.sigmf_annotation_sink(*arguments)


if __name__ == "__main__":
    gr_unittest.run(qa_sigmf_annotation_sink)
