# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""What heads say, from the slow model through fast_classifier into results and telemetry."""

import json
import sys
import threading
import types
from pathlib import Path

import numpy as np
import pmt
from gnuradio import blocks, gr, gr_unittest, speculative
from qa_slow_model import fake_loader

from gr_speculative.contract import Contract

PATIENCE_S = 20
MODEL = speculative.default_fast_model()
N, VECTORS = 1024, 20


class SlowModel:
    contract = Contract(role="slow", name="double", context=16)

    def predict(self, db, rate):
        return np.full((len(db), 8), 1 / 8, np.float32)


class Counting:
    name = "counting"
    outputs = {"vectors": "of the context", "labels": "most probable first"}

    def answer(self, requests, db, scores):
        return [{"vectors": np.float32(d.shape[0]), "labels": ["a", "b"]} for d in db]


doubles = types.ModuleType("qa_heads_doubles")
doubles.head = Counting
sys.modules["qa_heads_doubles"] = doubles


class sink(gr.basic_block):
    def __init__(self, port):
        gr.basic_block.__init__(self, "sink", in_sig=None, out_sig=None)
        self.messages, self._more = [], threading.Condition()
        self.message_port_register_in(pmt.intern("in"))
        self.set_msg_handler(pmt.intern("in"), self._keep)

    def _keep(self, message):
        with self._more:
            self.messages.append(message)
            self._more.notify_all()

    def wait(self, enough):
        with self._more:
            assert self._more.wait_for(lambda: enough(self.messages), PATIENCE_S), len(self.messages)


def heads_of(message):
    value = pmt.dict_ref(pmt.car(message), pmt.intern("heads"), pmt.PMT_NIL)
    return None if pmt.is_null(value) else json.loads(bytes(pmt.u8vector_elements(value)))


class qa_heads(gr_unittest.TestCase):
    def test_001_heads_reach_revised_results_and_telemetry(self):
        self.assertTrue(Path(MODEL).is_file())
        rng = np.random.default_rng(1)
        power = rng.exponential(1.0, N * VECTORS).astype(np.float32)
        # Without an end: the classifier takes no verdicts once its stream is over.
        source = blocks.vector_source_f(power.tolist(), True, N)
        pace = blocks.throttle(gr.sizeof_float * N, 200)
        classifier = speculative.fast_classifier(
            MODEL, N, 1e6, speculative.input_kind.power, threshold=1.0, telemetry_interval=0.05
        )
        with fake_loader(SlowModel()):
            slow = speculative.slow_model("double.safetensors", heads=["qa_heads_doubles:head"])
        results, telemetry = sink("results"), sink("telemetry")
        graph = gr.top_block()
        graph.connect(source, pace, classifier)
        graph.connect(classifier, blocks.null_sink(gr.sizeof_float * N))
        graph.msg_connect(classifier, "deferred", slow, "deferred")
        graph.msg_connect(slow, "verdicts", classifier, "verdicts")
        graph.msg_connect(classifier, "results", results, "in")
        graph.msg_connect(classifier, "telemetry", telemetry, "in")
        graph.start()
        expected = {"counting": {"vectors": 16.0, "labels": ["a", "b"]}}
        results.wait(lambda messages: any(heads_of(m) == expected for m in messages))
        telemetry.wait(lambda messages: any(heads_of(m) == expected for m in messages))
        graph.stop()
        graph.wait()
        for message in results.messages:
            status = pmt.symbol_to_string(pmt.dict_ref(pmt.car(message), pmt.intern("status"), pmt.PMT_NIL))
            self.assertEqual(heads_of(message), expected if status == "revised" else None)


if __name__ == "__main__":
    gr_unittest.run(qa_heads)
