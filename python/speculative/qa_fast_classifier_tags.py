#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""fast_classifier: what the stream's tags say of time, rate and frequency."""

import pmt
from gnuradio import gr_unittest
from qa_fast_classifier import BINS, DOUBT, LEFT, QUIET, RATE, FastClassifierCase, posterior, wait_until

EPOCH = 1_700_000_000
HOP_S = BINS / RATE


def hz(value):
    return pmt.from_double(value)


def time(seconds, fraction):
    return pmt.make_tuple(pmt.from_uint64(seconds), pmt.from_double(fraction))


class qa_fast_classifier_tags(FastClassifierCase):
    def results(self, count):
        return [meta for meta, _ in self.messages(count=count)]

    def assert_dates(self, results, start, fraction, hop=HOP_S):
        for i, meta in enumerate(results):
            seconds, part = meta["rx_time"]
            self.assertTrue(0 <= part < 1)
            self.assertAlmostEqual(seconds - start + part, fraction + i * hop, places=9)

    def test_time_counts_on_from_its_tag(self):
        self.start()
        times = {10: time(EPOCH, 0.995), 30: time(EPOCH + 9, 0.5)}
        self.feed(*[QUIET] * 40, tags=[(i, "rx_time", value) for i, value in times.items()])
        results = self.results(40)
        self.assertFalse(any("rx_time" in meta for meta in results[:10]))
        self.assert_dates(results[10:30], EPOCH, 0.995)
        self.assert_dates(results[30:], EPOCH + 9, 0.5)

    def test_time_may_be_told_in_plain_integers(self):
        self.start()
        self.feed(QUIET, tags=[(0, "rx_time", pmt.make_tuple(pmt.from_long(EPOCH), pmt.from_long(0)))])
        self.assert_dates(self.results(1), EPOCH, 0)

    def test_a_new_rate_makes_its_vector_invalid_and_counts_from_there(self):
        for rate in (pmt.from_double(4 * RATE), pmt.from_long(int(4 * RATE)), pmt.from_uint64(int(4 * RATE))):
            with self.subTest(rate=rate):
                self.restart()
                self.feed(*[QUIET] * 20, tags=[(0, "rx_time", time(EPOCH, 0)), (8, "rx_rate", rate)])
                results = self.results(19)
                self.assertEqual([m["offset"] for m in results], [*range(8), *range(9, 20)])
                self.assertEqual({m["sample_rate"] for m in results[:8]}, {RATE})
                self.assertEqual({m["sample_rate"] for m in results[8:]}, {4 * RATE})
                self.assert_dates(results[:8], EPOCH, 0)
                self.assert_dates(results[8:], EPOCH, 8 * HOP_S + HOP_S / 4, HOP_S / 4)
                # The network is told the rate, too.
                self.assertAlmostEqual(results[0]["confidence"], posterior(*QUIET).max(), places=5)
                self.assertAlmostEqual(results[-1]["confidence"], posterior(*QUIET, 4 * RATE).max(), places=5)

    def test_a_retune_makes_its_vector_invalid_and_cuts_the_context(self):
        for frequency in (hz(868e6), pmt.from_long(868_000_000), pmt.from_uint64(868_000_000)):
            with self.subTest(frequency=frequency):
                self.restart(center_frequency=100e6)
                self.feed(*[DOUBT] * 10, tags=[(6, "rx_freq", frequency)])
                self.assertEqual(self.counters()["invalid"], 1)
                results = self.results(9)
                self.assertEqual(
                    [(m["offset"], m["center_frequency"]) for m in results],
                    [(i, 100e6) for i in range(6)] + [(i, 868e6) for i in range(7, 10)],
                )
                vectors = [meta["vectors"] for meta, _ in self.messages("deferred", count=9)]
                self.assertEqual(vectors, [1, 2, 3, 4, 4, 4, 1, 2, 3])
                self.finish()
                self.assertEqual(list(self.labels.data()), [1] * 6 + [-1] + [1] * 3)

    def test_several_tunings_within_one_vector_leave_the_last(self):
        self.start(center_frequency=100e6)
        tags = [(2, "rx_freq", hz(frequency)) for frequency in (7e6, 5e6, 9e6, 100e6)]
        self.feed(*[QUIET] * 4, tags=tags)
        self.assertEqual([m["offset"] for m in self.results(3)], [0, 1, 3])
        self.assertEqual({m["center_frequency"] for m in self.results(3)}, {100e6})

    def test_tags_that_repeat_what_is_known_change_nothing(self):
        self.start(center_frequency=100e6)
        tags = [
            (i, key, hz(value)) for i in (0, 2, 3) for key, value in (("rx_freq", 100e6), ("rx_rate", RATE))
        ]
        self.feed(*[QUIET] * 5, tags=tags)
        self.assertEqual(self.counters()["accepted"], 5)

    def test_tags_on_the_first_vector_describe_the_stream(self):
        self.start()
        self.feed(QUIET, QUIET, tags=[(0, "rx_freq", hz(5e6)), (0, "rx_rate", hz(10 * RATE))])
        results = self.results(2)
        self.assertEqual([m["center_frequency"] for m in results], [5e6] * 2)
        self.assertEqual([m["sample_rate"] for m in results], [10 * RATE] * 2)

    def test_tags_that_make_no_sense_are_ignored(self):
        self.start(center_frequency=100e6)
        good = time(EPOCH, 0.25)
        nan, inf = hz(float("nan")), hz(float("inf"))
        wrong = [("rx_freq", value) for value in (nan, inf, pmt.intern("100e6"), pmt.PMT_NIL, pmt.PMT_T)]
        wrong += [("rx_rate", value) for value in (nan, inf, hz(0), hz(-1), pmt.from_long(-5), pmt.PMT_NIL)]
        wrong += [
            ("rx_time", value)
            for value in (
                hz(EPOCH),
                pmt.make_tuple(),
                pmt.make_tuple(pmt.from_uint64(5)),
                pmt.make_tuple(pmt.from_uint64(5), pmt.intern("half")),
                pmt.make_tuple(pmt.from_long(-5), hz(0)),
                time(5, float("nan")),
                time(5, -0.5),
                time(5, 1.5),
                time(5, 1e300),
                pmt.make_tuple(hz(1e300), hz(0)),
                pmt.cons(pmt.from_uint64(5), hz(0)),
            )
        ]
        n = len(wrong) + 1
        tags = [(0, "rx_time", good)] + [(i + 1, *tag) for i, tag in enumerate(wrong)]
        self.feed(*[QUIET] * n, tags=tags)
        self.assertEqual(self.counters()["accepted"], n)
        results = self.results(n)
        self.assert_dates(results, EPOCH, 0.25)
        self.assertEqual({(m["center_frequency"], m["sample_rate"]) for m in results}, {(100e6, RATE)})

    def test_other_tags_pass_to_every_output(self):
        self.start()
        self.feed(*[LEFT] * 5, tags=[(3, "burst", pmt.from_long(7))])
        self.finish()
        for sink in (self.through, self.labels, self.confidence):
            tags = [(t.offset, pmt.symbol_to_string(t.key), pmt.to_python(t.value)) for t in sink.tags()]
            self.assertEqual(tags, [(3, "burst", 7)])

    def test_the_samples_of_a_vector_follow_from_the_hop(self):
        self.start(vector_hop=3 * BINS)
        self.feed(*[QUIET] * 4, tags=[(1, "rx_time", time(EPOCH, 0))])
        results = self.results(4)
        self.assertEqual([m["sample_start"] for m in results], [3 * BINS * i for i in range(4)])
        self.assertEqual({m["sample_count"] for m in results}, {BINS})
        self.assert_dates(results[1:], EPOCH, 0, 3 * HOP_S)

    def test_time_does_not_outlive_the_stream_that_told_it(self):
        self.start(center_frequency=1e6)
        self.feed(*[DOUBT] * 3, tags=[(2, "rx_time", time(EPOCH, 0)), (1, "rx_freq", hz(2e6))])
        first = self.results(2)
        self.finish()
        self.tb.start()
        self.feed(DOUBT)
        wait_until(lambda: self.results(1)[-1]["session"] != first[0]["session"])
        again = self.results(1)[-1]
        self.assertEqual(again["offset"], 0)
        self.assertNotIn("rx_time", again)
        self.assertEqual(again["center_frequency"], 2e6)
        wait_until(lambda: self.messages("deferred")[-1][0]["session"] == again["session"])
        self.assertEqual(self.messages("deferred")[-1][0]["vectors"], 1)


if __name__ == "__main__":
    gr_unittest.run(qa_fast_classifier_tags)
