#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""fast_classifier: model files and values that it refuses, and what its settings do."""

import random

from gnuradio import gr_unittest
from qa_fast_classifier import (
    BINS,
    DOUBT,
    LABELS,
    LEFT,
    QUIET,
    RATE,
    RIGHT,
    FastClassifierCase,
    vector,
    wait_until,
)


class qa_fast_classifier_settings(FastClassifierCase):
    def assert_refused(self, error, pattern, *positional, **arguments):
        from gnuradio import speculative

        with self.assertRaisesRegex(error, pattern):
            speculative.fast_classifier(*(positional or (str(self.path), BINS, RATE)), **arguments)

    def test_values_out_of_range(self):
        nan, inf = float("nan"), float("inf")
        wrong = {
            "threshold": (1.01, inf, nan),
            "deadline": (0, -1, nan, inf, 1e-12),
            "center_frequency": (nan, inf),
            "max_in_flight": (0, 10**6, 2**63),
            "max_run": (0,),
            "telemetry_interval": (-1, 0.001, nan, inf),
        }
        for name, values in wrong.items():
            for value in values:
                with self.subTest(name=name, value=value):
                    self.assert_refused(ValueError, name, **{name: value})
        for rate in (0, -1, nan, inf):
            self.assert_refused(ValueError, "sample_rate", str(self.path), BINS, rate)
        for arguments in ({"max_in_flight": -1}, {"max_run": 0.5}, {"deadline": "soon"}, {"input": 1}):
            self.assert_refused(TypeError, "", **arguments)

    def test_another_fft_size_says_which_is_right(self):
        self.assert_refused(ValueError, f"fft_size is 1024.*{BINS} bins", str(self.path), 1024, RATE)
        self.build()
        from gnuradio import speculative

        block = speculative.fast_classifier(str(self.path), 0, RATE)
        self.assertEqual(block.fft_size(), BINS)
        self.assertEqual(tuple(block.labels()), LABELS)

    def test_model_files_that_are_none(self):
        sound = self.path.read_bytes()
        other = self.path.with_name("other.onnx")
        cases = {
            "empty": b"",
            "text": b"not a model\n" * 50,
            "half": sound[: len(sound) // 2],
            "short": sound[:-1],
            "zeros": bytes(1000),
            "without contract": sound.replace(b"gr_speculative", b"gr_speculation"),
            "slow": sound.replace(b'"role": "fast"', b'"role": "slow"'),
        }
        for name, content in cases.items():
            with self.subTest(name):
                other.write_bytes(content)
                self.assert_refused(RuntimeError, "other.onnx", str(other), BINS, RATE)
        other.unlink()
        for path in (str(other), str(other.parent), ""):
            self.assert_refused(RuntimeError, path, path, BINS, RATE)

    def test_a_truncated_model_is_refused_wherever_it_ends(self):
        sound = self.path.read_bytes()
        other = self.path.with_name("other.onnx")
        for length in range(0, len(sound), 13):
            other.write_bytes(sound[:length])
            self.assert_refused(RuntimeError, "other.onnx", str(other), BINS, RATE)

    def test_thresholds_0_and_1_defer_nothing_and_everything(self):
        for threshold, deferred in ((0, 0), (1, 4)):
            self.restart(threshold=threshold)
            self.feed(QUIET, LEFT, RIGHT, DOUBT)
            self.assertEqual(self.counters()["deferred"], deferred)

    def test_a_negative_threshold_is_the_models(self):
        self.write_model(threshold=0.05)
        self.start()
        self.assertEqual(self.block.threshold(), 0.05)
        self.feed(DOUBT)
        self.assertEqual(self.counters()["accepted"], 1)
        self.block.set_threshold(0.5)
        self.feed(DOUBT)
        self.assertEqual(self.counters()["deferred"], 1)
        self.block.set_threshold(-1)
        self.assertEqual(self.block.threshold(), 0.05)

    def test_the_rule_is_the_models(self):
        self.write_model(rule="max_probability", threshold=0.5)
        self.start()
        self.feed(DOUBT)  # its margin is 0.1, its largest probability 0.54
        self.assertEqual(self.counters()["accepted"], 1)

    def test_settings_change_while_the_stream_runs(self):
        self.start(deadline=5)
        self.assertEqual((self.block.threshold(), self.block.deadline()), (0.85, 5))
        self.feed(DOUBT)
        self.block.set_deadline(0.25)
        self.block.set_center_frequency(433e6)
        self.block.set_threshold(0)
        self.feed(DOUBT)
        self.block.set_threshold(1)
        self.feed(QUIET)
        deferred = [meta for meta, _ in self.messages("deferred", count=2)]
        self.assertEqual([m["offset"] for m in deferred], [0, 2])
        self.assertEqual([m["deadline_ms"] for m in deferred], [5000, 250])
        self.assertEqual([m["center_frequency"] for m in deferred], [0, 433e6])

    def test_settings_refuse_what_the_constructor_refuses_and_keep_their_value(self):
        self.start(deadline=5, threshold=0.5)
        for setter, values in {
            self.block.set_threshold: (1.01, float("nan")),
            self.block.set_deadline: (0, -1, float("nan"), float("inf")),
            self.block.set_center_frequency: (float("nan"), float("inf")),
        }.items():
            for value in values:
                with self.assertRaises(ValueError):
                    setter(value)
        self.assertEqual((self.block.threshold(), self.block.deadline()), (0.5, 5))

    def test_settings_may_be_turned_all_the_time(self):
        self.start(deadline=0.01, max_in_flight=8, max_run=4, telemetry_interval=0.01)
        dice = random.Random(6)
        total = 0
        for _ in range(30):
            levels = [dice.choice((QUIET, LEFT, DOUBT)) for _ in range(100)]
            total += len(levels)
            self.source.feed([vector(*pair) for pair in levels])
            while self.counters()["vectors"] < total:
                self.block.set_threshold(dice.random())
                self.block.set_deadline(dice.uniform(0.001, 0.1))
                self.block.set_center_frequency(dice.uniform(1e6, 1e9))
                self.block.latency_quantile(dice.random())
        wait_until(lambda: self.counters()["in_flight"] == 0)
        count = self.counters()
        self.assertEqual(count["vectors"], total)
        self.assertEqual(count["deferred"], count["timed_out"] + count["dropped"])


if __name__ == "__main__":
    gr_unittest.run(qa_fast_classifier_settings)
