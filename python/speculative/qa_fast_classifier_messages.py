#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""fast_classifier: what it says on its ports deferred, results and telemetry."""

import numpy as np
from gnuradio import gr_unittest
from qa_fast_classifier import (
    BINS,
    CONTEXT,
    DOUBT,
    LEFT,
    QUIET,
    RIGHT,
    FastClassifierCase,
    vector,
    wait_until,
)


class qa_fast_classifier_messages(FastClassifierCase):
    def test_a_deferred_vector_goes_out_with_its_context(self):
        self.start(center_frequency=433.92e6, deadline=10)
        levels = [(3, 9), (0, 20), QUIET, LEFT, DOUBT, RIGHT, DOUBT]
        self.feed(*levels)
        provisional = [m for m, _ in self.messages(count=len(levels)) if m["status"] == "provisional"]
        deferred = self.messages("deferred", count=3)
        self.assertEqual([meta["offset"] for meta, _ in deferred], [0, 4, 6])
        for (meta, payload), result in zip(deferred, provisional, strict=True):
            first = max(0, meta["offset"] - CONTEXT + 1)
            sent = levels[first : meta["offset"] + 1]
            self.assertEqual((meta["vectors"], meta["fft_size"]), (len(sent), BINS))
            db = meta["db_offset"] + meta["db_scale"] * np.reshape(payload, (-1, BINS))
            exact = 10 * np.log10([vector(*pair) for pair in sent])
            np.testing.assert_allclose(db, exact, atol=meta["db_scale"] / 2 + 1e-4)
            for key in ("session", "seq", "sample_rate", "center_frequency", "fast_label", "fast_confidence"):
                self.assertEqual(meta[key], result[key], key)
            self.assertEqual((meta["deadline_ms"], meta["node_id"]), (10e3, "qa"))
            self.assertEqual(meta["schema"], "speculative.deferred/1")
        self.assertEqual(len({meta["seq"] for meta, _ in deferred}), 3)

    def test_an_invalid_vector_cuts_the_context(self):
        self.start()
        self.source.feed([vector(*QUIET)] * 3 + [np.full(BINS, np.nan, np.float32)] + [vector(*DOUBT)] * 6)
        deferred = self.messages("deferred", count=6)
        self.assertEqual([meta["vectors"] for meta, _ in deferred], [1, 2, 3, 4, 4, 4])

    def test_runs_of_one_label_are_joined(self):
        self.start(max_run=5, vector_hop=16)
        levels = [QUIET] * 12 + [LEFT] * 3 + [DOUBT] + [LEFT] + [QUIET] * 5
        self.feed(*levels)

        def runs():
            return [(m["offset"], m["count"]) for m, _ in self.messages() if m["status"] == "final"]

        wait_until(lambda: sum(count for _, count in runs()) == len(levels) - 1)
        joined = [(0, 5), (5, 5), (10, 2), (12, 3), (16, 1), (17, 5)]
        if len(runs()) == len(joined):
            self.assertEqual(runs(), joined)
        else:  # on a busy machine a run may also end by its age
            ends = {offset + count for offset, count in runs()}
            self.assertLessEqual({12, 15, 17, 22}, ends)
            self.assertLessEqual(max(count for _, count in runs()), 5)
        for meta, scores in self.messages():
            self.assertEqual(meta["sample_start"], 16 * meta["offset"])
            self.assertEqual(meta["sample_count"], 16 * (meta["count"] - 1) + BINS)
            self.assertAlmostEqual(sum(scores), 1, places=5)
            self.assertAlmostEqual(meta["confidence"], max(scores), places=6)

    def test_a_run_does_not_wait_for_its_end(self):
        self.start(max_run=1000)
        self.feed(QUIET, QUIET)
        self.assertEqual(sum(meta["count"] for meta, _ in self.messages(count=1)), 2)

    def test_telemetry_tells_every_counter(self):
        self.start(telemetry_interval=0.01)
        self.feed(QUIET, DOUBT, LEFT, QUIET)
        before = len(self.messages("telemetry"))
        meta, payload = self.messages("telemetry", count=before + 2)[-1]
        self.assertEqual(len(payload), 0)
        self.assertEqual(meta["schema"], "speculative.telemetry/1")
        self.assertEqual({key: meta[key] for key in self.counters()}, self.counters())
        self.assertEqual((meta["fast_ratio"], meta["slow_ratio"], meta["fallback_ratio"]), (0.75, 0, 0))
        self.assertEqual((meta["threshold"], meta["latency_p50_ms"]), (0.85, 0))


if __name__ == "__main__":
    gr_unittest.run(qa_fast_classifier_messages)
