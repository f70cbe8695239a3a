#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""spectrum_classifier: the same results as the chain by hand, and retunes to the sample."""

import time

import numpy as np
import pmt
from gnuradio import blocks, fft, gr, gr_unittest, speculative

N = 1024
RATE = 1e6
PATIENCE_S = 20.0


def noise(vectors, seed=1):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=vectors * N) + 1j * rng.normal(size=vectors * N)).astype(np.complex64)


def frequency_tag(offset, hz):
    tag = gr.tag_t()
    tag.offset, tag.key, tag.value = offset, pmt.intern("rx_freq"), pmt.from_double(hz)
    return tag


class sender(gr.basic_block):
    def __init__(self):
        gr.basic_block.__init__(self, "sender", None, None)
        self.message_port_register_out(pmt.intern("out"))


class lingering_source(gr.sync_block):
    """Samples with tags. The stream ends only when `finished()`: GNU Radio drops the messages of one that has ended."""

    def __init__(self, samples, tags, finished):
        gr.sync_block.__init__(self, "lingering_source", None, [np.complex64])
        self._samples, self._tags, self._finished = samples, list(tags), finished
        self._position, self._until = 0, time.monotonic() + PATIENCE_S

    def work(self, _, output_items):
        for tag in self._tags:
            self.add_item_tag(0, tag.offset, tag.key, tag.value)
        self._tags = []
        n = min(len(output_items[0]), len(self._samples) - self._position)
        if n == 0:
            while not self._finished() and time.monotonic() < self._until:
                time.sleep(0.002)
            return -1
        output_items[0][:n] = self._samples[self._position : self._position + n]
        self._position += n
        return n


class qa_spectrum_classifier(gr_unittest.TestCase):
    def setUp(self):
        gr.logging().set_default_level(gr.log_levels.warn)
        self.tb = gr.top_block()

    def run_block(self, samples, tags=(), connected=(0, 1, 2), **options):
        """(power [n, N], label [n], confidence [n]) as far as connected; results; the block."""
        block = speculative.spectrum_classifier(RATE, **options)
        hop, average = options.get("hop", N), options.get("average", 1)
        expected = (len(samples) - (average - 1) * hop - N) // (hop * average) + 1
        results = []
        sink = speculative.result_sink(results.append)

        def finished():
            c = block.counters()
            return (
                c["vectors"] == expected and c["in_flight"] == 0 and sink.settled == expected - c["invalid"]
            )

        source = lingering_source(samples, tags, finished)
        self.tb.connect(source, block)
        self.tb.msg_connect(block, "results", sink, "results")
        made = [blocks.vector_sink_f(N), blocks.vector_sink_s(), blocks.vector_sink_f()]
        for port in connected:
            self.tb.connect((block, port), made[port])
        self.tb.run()
        return [np.array(one.data()) for one in made], results, block

    def test_equals_the_chain_by_hand(self):
        samples = noise(20) + 3 * np.exp(0.3j * np.arange(20 * N)).astype(np.complex64)
        (_, labels, confidences), _, _ = self.run_block(samples)
        tb = gr.top_block()
        model = speculative.default_fast_model()
        classifier = speculative.fast_classifier(model, N, RATE, threshold=0.0)
        by_hand = [blocks.vector_sink_s(), blocks.vector_sink_f()]
        window = fft.window.blackmanharris(N)
        to_vectors = blocks.stream_to_vector(gr.sizeof_gr_complex, N)
        tb.connect(
            blocks.vector_source_c(samples.tolist()),
            to_vectors,
            fft.fft_vcc(N, True, window, True),
            classifier,
        )
        tb.connect(classifier, blocks.null_sink(gr.sizeof_gr_complex * N))
        tb.connect((classifier, 1), by_hand[0])
        tb.connect((classifier, 2), by_hand[1])
        tb.run()
        np.testing.assert_array_equal(labels, by_hand[0].data())
        np.testing.assert_allclose(confidences, by_hand[1].data(), atol=1e-3)

    def test_each_output_may_be_left_alone(self):
        for connected in ((), (0,), (1,), (2,), (0, 2), (1, 2)):
            for outputs in range(max(connected, default=-1) + 1, 4):
                self.tb = gr.top_block()
                made, results, _ = self.run_block(noise(5), connected=connected, outputs=outputs)
                self.assertEqual(
                    [len(made[0]) // N, len(made[1]), len(made[2])], [5 * (p in connected) for p in range(3)]
                )
                self.assertEqual(len(results), 5)

    def test_a_retune_within_a_vector_makes_it_invalid_and_dates_the_next(self):
        for sample in (5 * N + 1, 6 * N - 1):
            self.tb = gr.top_block()
            tags = [frequency_tag(0, 1e8), frequency_tag(sample, 2e8)]
            (_, labels, _), results, block = self.run_block(noise(10), tags)
            self.assertEqual(np.flatnonzero(labels == -1).tolist(), [5])
            self.assertEqual(block.counters()["invalid"], 1)
            told = {r["offset"]: r["center_frequency"] for r in results}
            self.assertEqual(told, {v: 1e8 if v < 5 else 2e8 for v in range(10) if v != 5})

    def test_hop_and_average_say_where_a_vector_begins(self):
        _, results, _ = self.run_block(noise(20), hop=N // 2, average=4)
        self.assertEqual([r["sample_start"] for r in results], [2 * N * v for v in range(len(results))])
        self.assertEqual(len(results), (20 * N - (3 * N // 2 + N)) // (2 * N) + 1)

    def test_without_a_slow_side_nothing_is_deferred(self):
        _, results, block = self.run_block(noise(10), slow="none", threshold=1.0)
        block.set_threshold(1.0)
        self.assertEqual(block.threshold(), 0.0)
        self.assertEqual({r["status"] for r in results}, {"final"})

    def test_without_its_hub_every_deferred_vector_keeps_its_fast_label(self):
        _, results, block = self.run_block(noise(10), slow="hub", hub="tcp://127.0.0.1:1", threshold=1.0)
        self.assertEqual(block.counters()["deferred"], 10)
        self.assertEqual([r["status"] for r in results].count("provisional"), 10)
        self.assertEqual([r["source"] for r in results].count("fast_fallback"), 10)

    def test_settings_arrive_by_message(self):
        block, source = speculative.spectrum_classifier(RATE, slow="hub", hub="tcp://127.0.0.1:1"), sender()
        self.tb.connect(blocks.null_source(gr.sizeof_gr_complex), block)
        self.tb.msg_connect(source, "out", block, "cmd")
        self.tb.start()
        source.message_port_pub(pmt.intern("out"), pmt.cons(pmt.intern("threshold"), pmt.from_double(0.25)))
        end = time.monotonic() + PATIENCE_S
        while block.threshold() != 0.25 and time.monotonic() < end:
            time.sleep(0.002)
        self.tb.stop()
        self.tb.wait()
        self.assertEqual(block.threshold(), 0.25)

    def test_live_setters_are_the_classifiers(self):
        block = speculative.spectrum_classifier(RATE, slow="hub", hub="tcp://127.0.0.1:1")
        block.set_per_emission(True)
        self.assertTrue(block.classifier.per_emission())
        for setter, value, said in (
            (block.set_rule, "luck", "rule"),
            (block.set_budget, -1.0, "budget"),
            (block.set_audit_fraction, 2.0, "audit_fraction"),
            (block.set_conditions, 2.0, "conditions_strength"),
        ):
            with self.assertRaisesRegex(ValueError, said):
                setter(value)

    def test_without_a_slow_side_nothing_is_audited(self):
        block = speculative.spectrum_classifier(RATE)
        block.set_audit_fraction(1.0)
        self.tb.connect(blocks.vector_source_c(noise(10).tolist()), block)
        self.tb.run()
        self.assertEqual(block.counters()["accepted"], 10)

    def test_refuses_what_is_out_of_range(self):
        for options, error, said in (
            ({"slow": "yes"}, ValueError, "none, hub, model"),
            ({"fft_size": 512}, ValueError, "1024 bins"),
            ({"window": "nowhere"}, ValueError, "gnuradio.fft.window"),
            ({"window": "kaiser"}, ValueError, "blackmanharris"),
            ({"hop": -1}, ValueError, "hop"),
            ({"outputs": 4}, ValueError, "0 to 3"),
            ({"average": 0}, ValueError, "average"),
            ({"threshold": 2.0, "slow": "hub"}, ValueError, "threshold"),
            ({"model": "nowhere.onnx"}, RuntimeError, "nowhere.onnx"),
        ):
            with self.assertRaisesRegex(error, said):
                speculative.spectrum_classifier(RATE, **options)


if __name__ == "__main__":
    gr_unittest.run(qa_spectrum_classifier)
