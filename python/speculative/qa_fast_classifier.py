#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""fast_classifier: streams, results and settings, with a model so small that its answers can be told."""

import queue
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pmt
from gnuradio import blocks, gr, gr_unittest
from qa_slow_model import PATIENCE_S, end, wait_until

from gr_speculative.contract import METADATA_KEY, Contract, Preprocessing
from gr_speculative.preprocessing import prepare, to_db

LABELS = ("quiet", "left", "right")
BINS = 64
CONTEXT = 4
RATE = 64e3  # Hz; at 1 kHz a bin the rate feature is 0


def field(number, value):
    """One protobuf field: an integer, or the bytes of a text, a message or packed numbers."""

    def varint(n):
        return bytes([n & 0x7F | 0x80]) + varint(n >> 7) if n > 0x7F else bytes([n])

    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def tiny_model(contract):
    """ONNX bytes: logits 4 + 2 rate, 10 l + 0.2, 10 r; l, r: means of the spectrum left and right of DC."""

    def value(number, name, *sizes):
        dims = b"".join(field(1, field(1, s) if s else field(2, "batch")) for s in sizes)
        return field(number, field(1, name) + field(2, field(1, field(1, 1) + field(2, dims))))

    def node(op, name, *inputs, **attributes):
        entries = b"".join(field(1, i) for i in inputs) + field(2, name) + field(3, name) + field(4, op)
        for key, value in attributes.items():
            typed = (
                field(3, value) + field(20, 2) if type(value) is int else field(8, value[0]) + field(20, 7)
            )
            entries += field(5, field(1, key) + typed)
        return field(1, entries)

    def weight(name, array):
        dims = b"".join(field(1, size) for size in array.shape)
        return field(5, dims + field(2, 1) + field(8, name) + field(9, array.astype("<f4").tobytes()))

    graph = (
        node("AveragePool", "halves", "spectrum", kernel_shape=[BINS // 2], strides=[BINS // 2])
        + node("Flatten", "flat", "halves", axis=1)
        + node("Concat", "joined", "flat", "rate", axis=1)
        + node("Gemm", "features", "joined", "same")
        + node("Gemm", "logits", "features", "w", "b")
        + field(2, "tiny")
        + weight("same", np.eye(3))
        + weight("w", np.array([[0, 10, 0], [0, 0, 10], [2, 0, 0]]))
        + weight("b", np.array([4, 0.2, 0]))
        + value(11, "spectrum", 0, 1, BINS)
        + value(11, "rate", 0, 1)
        + value(12, "logits", 0, 3)
        + value(12, "features", 0, 3)
    )
    opset = field(1, "") + field(2, 17)
    metadata = field(1, METADATA_KEY) + field(2, contract.to_json())
    return field(1, 8) + field(7, graph) + field(8, opset) + field(14, metadata)


def posterior(left_db, right_db, sample_rate=RATE):
    """What the tiny model says of vector(left_db, right_db)."""
    db = to_db(vector(left_db, right_db))[None, None]
    spectrum, rate = prepare(db, np.array([sample_rate]), Preprocessing())
    left, right = spectrum.reshape(2, -1).mean(axis=1)
    logits = np.array([4 + 2 * rate[0, 0], 10 * left + 0.2, 10 * right])
    return np.exp(logits) / np.exp(logits).sum()


def vector(left_db, right_db):
    """Power of BINS bins: 0 dB around DC, and these levels beside it."""
    db = np.zeros(BINS)
    db[:28], db[36:] = left_db, right_db
    return (10 ** (db / 10)).astype(np.float32)


QUIET, LEFT, RIGHT = (0, 0), (20, 0), (0, 20)  # dB; sure
DOUBT = (20, 20)  # labelled left by a hair


class feeder(gr.sync_block):
    """A source of what a test hands it: feed(vectors, tags), then finish()."""

    def __init__(self, dtype=np.float32):
        gr.sync_block.__init__(self, "feeder", None, [(dtype, BINS)])
        self._queue = queue.Queue()
        self._rows = []

    def feed(self, vectors, tags=()):
        """Vectors [n, BINS]; tags (index among these vectors, key, PMT)."""
        tags = list(tags)
        self._queue.put([(row, [t for t in tags if t[0] == i]) for i, row in enumerate(vectors)])

    def finish(self):
        self._queue.put(None)

    def work(self, input_items, output_items):
        if not self._rows:
            try:  # in here, for once nothing has come out GNU Radio asks again only after 250 ms
                self._rows = self._queue.get(timeout=1)
            except queue.Empty:
                return 0
            if self._rows is None:
                return -1
        out = output_items[0]
        n = min(len(out), len(self._rows))
        for i, (row, tags) in enumerate(self._rows[:n]):
            out[i] = row
            for _, key, value in tags:
                self.add_item_tag(0, self.nitems_written(0) + i, pmt.intern(key), value)
        self._rows = self._rows[n:]
        return n


class FastClassifierCase(gr_unittest.TestCase):
    """A flowgraph around one block: the feeder, all outputs, all messages."""

    source = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="qa-")
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "tiny.onnx"
        self.write_model()
        self.tb = gr.top_block()
        self.addCleanup(self.close)

    def write_model(self, **changes):
        """A tiny model at self.path; changes are fields of its contract."""
        contract = Contract("fast", "tiny", LABELS, BINS, slow_context=CONTEXT)
        self.path.write_bytes(tiny_model(replace(contract, **changes)))

    def build(self, dtype=np.float32, **arguments):
        from gnuradio import speculative

        arguments = {
            "input": speculative.input_kind.power,
            "telemetry_interval": 0,
            "node_id": "qa",
        } | arguments
        self.block = speculative.fast_classifier(str(self.path), BINS, RATE, **arguments)
        self.source = feeder(dtype)
        item = np.dtype(dtype).itemsize
        self.through = blocks.vector_sink_c(BINS) if item == 8 else blocks.vector_sink_f(BINS)
        self.labels, self.confidence = blocks.vector_sink_s(), blocks.vector_sink_f()
        self.sinks = {port: blocks.message_debug() for port in ("results", "deferred", "telemetry")}
        self.tb.connect(self.source, self.block)
        for port, sink in enumerate((self.through, self.labels, self.confidence)):
            self.tb.connect((self.block, port), sink)
        for port, sink in self.sinks.items():
            self.tb.msg_connect(self.block, port, sink, "store")

    def start(self, **arguments):
        self.build(**arguments)
        self.tb.start()

    def close(self):
        if self.source:
            self.source.finish()
        end(self.tb)

    def restart(self, **arguments):
        """Another flowgraph, with a block of its own."""
        self.close()
        self.tb = gr.top_block()
        self.start(**arguments)

    def feed(self, *levels, tags=()):
        """Feeds a vector of each pair of levels and waits until all of them were seen."""
        before = self.counters()["vectors"]
        self.source.feed([vector(*pair) for pair in levels], tags)
        wait_until(lambda: self.counters()["vectors"] == before + len(levels))

    def finish(self):
        """Ends the stream and waits until the flowgraph has ended by itself."""
        self.source.finish()
        waiting = threading.Thread(target=self.tb.wait, daemon=True)
        waiting.start()
        waiting.join(PATIENCE_S)
        self.assertFalse(waiting.is_alive(), "the flowgraph does not end")

    def counters(self):
        """A snapshot, in which everything adds up."""
        count = self.block.counters()
        sums = ("accepted", "deferred", "unbudgeted", "invalid")
        ends = ("in_time", "timed_out", "dropped", "failed", "in_flight")
        self.assertEqual(count["vectors"], sum(count[key] for key in sums), count)
        self.assertEqual(count["deferred"], sum(count[key] for key in ends), count)
        return count

    def messages(self, port="results", count=0, start=0):
        """Messages of a port as (dict, vector) from number `start` on, once it has sent `count` in all."""
        sink = self.sinks[port]
        wait_until(lambda: sink.num_messages() >= count)
        stored = [sink.get_message(i) for i in range(start, sink.num_messages())]
        return [(pmt.to_python(pmt.car(m)), pmt.to_python(pmt.cdr(m))) for m in stored]


class qa_fast_classifier(FastClassifierCase):
    def test_labels_and_confidences_are_those_of_the_results(self):
        self.start()
        levels = [QUIET, LEFT, RIGHT, DOUBT, (12, 3), QUIET]
        self.feed(*levels)
        results = self.messages(count=len(levels))
        for i, ((meta, scores), pair) in enumerate(zip(results, levels, strict=True)):
            expected = posterior(*pair)
            np.testing.assert_allclose(scores, expected, atol=1e-5)
            self.assertEqual(meta["label"], LABELS[np.argmax(expected)])
            self.assertAlmostEqual(meta["confidence"], expected.max(), places=5)
            self.assertEqual((meta["offset"], meta["count"]), (i, 1))
            self.assertEqual((meta["sample_start"], meta["sample_count"]), (i * BINS, BINS))
            self.assertEqual(meta["status"], "provisional" if pair in (DOUBT, (12, 3)) else "final")
            self.assertEqual((meta["source"], meta["model"], meta["node_id"]), ("fast", "tiny", "qa"))
            self.assertEqual(
                (meta["sample_rate"], meta["bandwidth"], meta["center_frequency"]), (RATE, RATE, 0)
            )
        self.finish()
        self.assertEqual([LABELS[i] for i in self.labels.data()], [meta["label"] for meta, _ in results])
        np.testing.assert_array_equal(self.confidence.data(), [meta["confidence"] for meta, _ in results])

    def test_vectors_pass_unchanged(self):
        random = np.random.default_rng(1)
        data = random.normal(size=(300, BINS)).astype(np.float32)
        data[7, 3], data[100, 0] = np.nan, -np.inf
        self.start()
        self.source.feed(data)
        wait_until(lambda: self.counters()["vectors"] == 300)
        self.finish()
        np.testing.assert_array_equal(np.reshape(self.through.data(), (300, BINS)), data)

    def test_each_kind_of_input(self):
        from gnuradio.speculative import input_kind

        rows = [vector(*pair) for pair in (QUIET, LEFT, RIGHT, DOUBT)]
        phases = np.exp(2j * np.pi * np.random.default_rng(2).random((4, BINS)))
        for kind, dtype, data, shift in (
            (input_kind.power, np.float32, rows, False),
            (input_kind.power, np.float32, np.fft.ifftshift(rows, axes=1), True),
            (input_kind.decibel, np.float32, 10 * np.log10(rows), False),
            (input_kind.complex_fft, np.complex64, np.sqrt(rows) * phases, False),
            (input_kind.complex_fft, np.complex64, np.fft.ifftshift(np.sqrt(rows) * phases, axes=1), True),
        ):
            with self.subTest(kind=kind, shift=shift):
                self.restart(dtype=dtype, input=kind, shift=shift)
                self.source.feed(np.asarray(data, dtype))
                wait_until(lambda: self.counters()["vectors"] == 4)
                self.finish()
                self.assertEqual(list(self.labels.data()), [0, 1, 2, 1])
                self.assertEqual(self.counters()["deferred"], 1)

    def test_invalid_vectors_are_counted_and_not_classified(self):
        from gnuradio.speculative import input_kind

        bad = [np.nan, np.inf]
        for kind, values in ((input_kind.power, [*bad, -np.inf]), (input_kind.decibel, bad)):
            with self.subTest(kind=kind):
                self.restart(input=kind)
                rows = np.zeros((2 * len(values) + 1, BINS), np.float32)
                for i, value in enumerate(values):
                    rows[2 * i + 1, 17 * i] = value
                self.source.feed(rows)
                wait_until(lambda: self.counters()["vectors"] == len(rows))  # noqa: B023
                self.finish()
                labels = [0, -1] * len(values) + [0]
                self.assertEqual(list(self.labels.data()), labels)
                np.testing.assert_array_equal(np.equal(self.confidence.data(), 0), np.equal(labels, -1))
                self.assertEqual(self.counters()["invalid"], len(values))
                results = self.messages()
                self.assertEqual([meta["offset"] for meta, _ in results], list(range(0, len(rows), 2)))

    def test_no_power_at_all_is_valid(self):
        from gnuradio.speculative import input_kind

        self.start(input=input_kind.decibel)
        self.source.feed(np.full((1, BINS), -np.inf, np.float32))
        wait_until(lambda: self.counters()["accepted"] == 1)

    def test_uncertain_tags_are_on_the_deferred_vectors(self):
        self.start()
        self.feed(QUIET, DOUBT, LEFT, DOUBT, DOUBT, QUIET)
        provisional = {m["offset"]: m for m, _ in self.messages(count=6) if m["status"] == "provisional"}
        self.finish()
        tags = [tag for tag in self.through.tags() if pmt.symbol_to_string(tag.key) == "uncertain"]
        self.assertEqual([tag.offset for tag in tags], [1, 3, 4])
        for tag in tags:
            meta = provisional[tag.offset]
            self.assertEqual(
                pmt.to_python(tag.value), {key: meta[key] for key in ("seq", "label", "confidence")}
            )

    def test_what_comes_out_does_not_depend_on_how_the_stream_is_cut(self):
        random = np.random.default_rng(3)
        rows = np.stack([vector(*pair) for pair in random.uniform(0, 30, (500, 2))])
        rows[random.integers(0, 500, 12), 5] = np.nan
        tags = [(i, "rx_freq", pmt.from_double(1e6 * i)) for i in (0, 100, 250)]
        tags += [(40, "rx_rate", pmt.from_double(2 * RATE))]
        seen = []
        for most in (500, 1, 7, 16):
            self.close()
            self.tb = gr.top_block()
            self.build(deadline=3600, max_in_flight=1000)
            self.block.set_max_noutput_items(most)
            self.source.feed(rows, tags)
            self.tb.start()
            wait_until(lambda: self.counters()["vectors"] == 500)
            valid = self.counters()["vectors"] - self.counters()["invalid"]
            results = [meta for meta, _ in self.messages(count=valid)]
            self.finish()
            payloads = [(m["offset"], m["vectors"], bytes(v)) for m, v in self.messages("deferred")]
            uncertain = [t.offset for t in self.through.tags() if pmt.eqv(t.key, pmt.intern("uncertain"))]
            keys = ("offset", "label", "confidence", "center_frequency", "sample_rate", "status")
            found = (list(self.labels.data()), list(self.confidence.data()), payloads, uncertain)
            seen.append((*found, [tuple(m[key] for key in keys) for m in results]))
        self.assertGreater(len(seen[0][2]), 50)
        for other in seen[1:]:
            self.assertEqual(other, seen[0])

    def test_outputs_are_optional(self):
        from gnuradio import speculative

        for outputs in range(4):
            with self.subTest(outputs=outputs):
                tb = gr.top_block()
                source = blocks.vector_source_f(np.concatenate([vector(*LEFT), vector(*DOUBT)]), False, BINS)
                block = speculative.fast_classifier(
                    str(self.path), BINS, RATE, input=speculative.input_kind.power
                )
                tb.connect(source, block)
                sinks = [BINS * gr.sizeof_float, gr.sizeof_short, gr.sizeof_float][:outputs]
                for port, size in enumerate(sinks):
                    tb.connect((block, port), blocks.null_sink(size))
                tb.start()
                tb.wait()
                count = block.counters()
                self.assertEqual((count["accepted"], count["deferred"]), (1, 1))


if __name__ == "__main__":
    gr_unittest.run(qa_fast_classifier)
