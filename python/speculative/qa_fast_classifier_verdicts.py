#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""fast_classifier: what becomes of a deferred vector, whatever comes in as a verdict."""

import random

import numpy as np
import pmt
from gnuradio import gr_unittest
from qa_fast_classifier import (
    DOUBT,
    LEFT,
    QUIET,
    FastClassifierCase,
    posterior,
    vector,
    wait_until,
)
from qa_slow_model import end

from gr_speculative.contract import Merge

RIGHT_MOST = [0.05, 0.15, 0.8]
NEVER = 3600.0  # seconds


def verdict_pdu(deferred, scores=RIGHT_MOST, **changes):
    """A verdict on a deferral, given the dict of its PDU; a change to None leaves the key out."""
    values = {
        "schema": pmt.intern("speculative.verdict/1"),
        "session": pmt.from_uint64(deferred["session"]),
        "seq": pmt.from_uint64(deferred["seq"]),
        "status": pmt.intern("ok"),
    } | changes
    meta = pmt.make_dict()
    for key, value in values.items():
        if value is not None:
            meta = pmt.dict_add(meta, pmt.intern(key), value)
    return pmt.cons(meta, pmt.init_f32vector(len(scores), list(scores)))


class qa_fast_classifier_verdicts(FastClassifierCase):
    def defer(self, count=1):
        """Feeds doubtful vectors and returns the dicts of their deferred PDUs."""
        before = self.sinks["deferred"].num_messages()
        self.feed(*[DOUBT] * count)
        return [meta for meta, _ in self.messages("deferred", count=before + count, start=before)]

    def post(self, *messages):
        for message in messages:
            self.block.to_basic_block()._post(pmt.intern("verdicts"), message)

    def wait_for(self, **counters):
        wait_until(lambda: counters.items() <= self.counters().items())

    def results_on(self, deferred, count):
        """All results on one deferral, once there are `count` of all."""
        return [r for r in self.messages(count=count) if r[0].get("seq") == deferred["seq"]]

    def test_a_verdict_in_time_revises(self):
        self.start(deadline=NEVER)
        (deferred,) = self.defer()
        self.post(verdict_pdu(deferred))
        (first, _), (second, scores) = self.results_on(deferred, 2)
        expected = np.sqrt(posterior(*DOUBT) * RIGHT_MOST)
        expected /= expected.sum()
        np.testing.assert_allclose(scores, expected, atol=1e-5)
        self.assertEqual((first["status"], first["label"]), ("provisional", "left"))
        self.assertEqual(
            (second["status"], second["source"], second["label"]), ("revised", "ensemble", "right")
        )
        self.assertAlmostEqual(second["confidence"], expected[2], places=5)
        for key in ("offset", "session", "fast_label", "fast_confidence", "sample_start"):
            self.assertEqual(second[key], first[key])
        self.assertGreaterEqual(second["elapsed_ms"], 0)
        self.assertNotIn("late", second)
        self.wait_for(in_time=1, in_flight=0, relabelled=1)
        self.assertGreater(self.block.latency_quantile(0.5), 0)

    def test_the_merge_is_the_models(self):
        self.write_model(merge=Merge("linear", lambda_=1.0))
        self.start(deadline=NEVER)
        (deferred,) = self.defer()
        self.post(verdict_pdu(deferred))
        meta, scores = self.results_on(deferred, 2)[1]
        self.assertEqual(meta["source"], "slow")
        np.testing.assert_allclose(scores, RIGHT_MOST, atol=1e-6)

    def test_without_a_verdict_the_deadline_makes_it_final_though_nothing_more_comes(self):
        self.start(deadline=0.03)
        (deferred,) = self.defer()
        meta, scores = self.results_on(deferred, 2)[1]
        self.assertEqual((meta["status"], meta["source"], meta["label"]), ("final", "fast_fallback", "left"))
        self.assertGreaterEqual(meta["elapsed_ms"], 30)
        np.testing.assert_allclose(scores, posterior(*DOUBT), atol=1e-5)
        self.wait_for(timed_out=1, in_flight=0)

    def test_a_late_verdict_revises_once(self):
        self.start(deadline=0.01)
        (deferred,) = self.defer()
        self.wait_for(timed_out=1)
        self.post(*[verdict_pdu(deferred)] * 3)
        self.wait_for(late=1, duplicate=2, in_time=0)
        results = self.results_on(deferred, 3)
        self.assertEqual([m["status"] for m, _ in results], ["provisional", "final", "revised"])
        self.assertEqual(results[2][0]["late"], True)
        self.assertEqual(results[2][0]["label"], "right")
        self.finish()
        self.assertEqual(len(self.messages()), 3)

    def test_verdicts_may_come_in_any_order_and_hold_plain_integers(self):
        self.start(deadline=NEVER)
        deferred = self.defer(20)
        random.Random(4).shuffle(deferred)
        for meta in deferred:
            self.post(verdict_pdu(meta, seq=pmt.from_long(meta["seq"])))
        self.wait_for(in_time=20, in_flight=0)
        revised = [m["offset"] for m, _ in self.messages(count=40) if m["status"] == "revised"]
        self.assertEqual(revised, [m["offset"] for m in deferred])

    def test_what_is_no_verdict_is_counted_and_harms_nothing(self):
        self.start(deadline=NEVER)
        (deferred,) = self.defer()
        sound = verdict_pdu(deferred)
        meta, scores = pmt.car(sound), pmt.cdr(sound)
        wrong = [
            pmt.PMT_NIL,
            pmt.PMT_T,
            pmt.intern("hello"),
            pmt.from_long(5),
            pmt.make_vector(3, pmt.PMT_T),
            meta,
            scores,
            pmt.cons(pmt.PMT_NIL, scores),
            pmt.cons(scores, meta),
            pmt.cons(pmt.intern("meta"), scores),
            pmt.cons(pmt.cons(pmt.intern("schema"), pmt.intern("loose")), scores),
            pmt.cons(meta, pmt.PMT_T),
            pmt.cons(meta, pmt.make_u8vector(12, 0)),
            pmt.cons(meta, pmt.init_f64vector(3, RIGHT_MOST)),
            verdict_pdu(deferred, model=pmt.from_long(1)),
            verdict_pdu(deferred, message=pmt.PMT_T),
            verdict_pdu(deferred, elapsed_ms=pmt.intern("long")),
        ]
        values = (None, pmt.PMT_NIL, pmt.PMT_T, pmt.from_double(1), pmt.intern("x"), pmt.from_long(-1))
        for key in ("schema", "session", "seq", "status"):
            wrong += [verdict_pdu(deferred, **{key: value}) for value in values]
        wrong += [verdict_pdu(deferred, schema=pmt.intern("speculative.deferred/1"))]
        self.post(*wrong)
        self.wait_for(malformed=len(wrong), in_flight=1, failed=0, unknown=0, duplicate=0)
        self.assertEqual(len(self.messages()), 1)
        self.post(sound)
        self.wait_for(in_time=1, malformed=len(wrong))

    def test_what_the_slow_side_cannot_do_falls_back_at_once(self):
        self.start(deadline=NEVER)
        nan = float("nan")
        wrong = ([], [1.0], [0.25] * 4, [0.5] * 3, [nan] * 3, [1.5, -0.5, 0], [0, 0, 0], [0, 0, float("inf")])
        refusals = ("busy", "expired", "error", "unreachable")
        answers = [("ok", scores) for scores in wrong] + [(status, []) for status in refusals]
        for deferred, (status, scores) in zip(self.defer(len(answers)), answers, strict=True):
            self.post(verdict_pdu(deferred, scores, status=pmt.intern(status)))
        self.wait_for(failed=len(answers), malformed=len(wrong), in_flight=0)
        fallbacks = [m for m, _ in self.messages(count=2 * len(answers)) if m["status"] == "final"]
        self.assertEqual({(m["source"], m["label"]) for m in fallbacks}, {("fast_fallback", "left")})

    def test_verdicts_on_nothing_are_unknown(self):
        self.start(deadline=NEVER)
        (deferred,) = self.defer()
        seq, session = deferred["seq"], deferred["session"]
        for other in (seq + 1, seq + 256 * 8, 2**64 - 1):
            self.post(verdict_pdu(deferred | {"seq": other}))
        self.post(verdict_pdu(deferred | {"session": session ^ 1}), verdict_pdu(deferred | {"session": 0}))
        self.wait_for(unknown=5, in_flight=1, malformed=0)

    def test_an_earlier_run_s_verdict_is_unknown(self):
        self.start(deadline=NEVER)
        (deferred,) = self.defer()
        self.finish()
        self.assertEqual(self.counters()["dropped"], 1)
        self.tb.start()
        (again,) = self.defer()
        self.assertNotEqual(again["session"], deferred["session"])
        self.post(verdict_pdu(deferred))
        self.wait_for(unknown=1, in_flight=1, duplicate=0)
        self.post(verdict_pdu(again))
        self.wait_for(in_time=1, in_flight=0)

    def test_a_full_table_makes_the_fast_label_final(self):
        self.start(deadline=NEVER, max_in_flight=3)
        self.feed(*[DOUBT] * 5)
        self.wait_for(deferred=5, dropped=2, in_flight=3)
        results = [meta for meta, _ in self.messages(count=5)]
        kinds = [(m["status"], m["source"], "seq" in m) for m in results]
        self.assertEqual(kinds, [("provisional", "fast", True)] * 3 + [("final", "fast_fallback", False)] * 2)
        deferred = [meta for meta, _ in self.messages("deferred", count=3)]
        self.post(verdict_pdu(deferred[1]))
        self.wait_for(in_time=1)
        self.defer()
        self.finish()
        self.assertEqual(len(self.messages("deferred")), 4)
        tags = [t.offset for t in self.through.tags() if pmt.eqv(t.key, pmt.intern("uncertain"))]
        self.assertEqual(tags, [0, 1, 2, 5])

    def test_what_is_in_flight_at_the_end_is_dropped(self):
        for stop in (self.finish, lambda: end(self.tb)):
            self.restart(deadline=NEVER)
            self.feed(QUIET, *[DOUBT] * 7)
            stop()
            self.assertEqual(
                {key: self.counters()[key] for key in ("accepted", "deferred", "dropped", "in_flight")},
                {"accepted": 1, "deferred": 7, "dropped": 7, "in_flight": 0},
            )

    def test_each_deferral_ends_once_under_load(self):
        self.start(deadline=0.02, max_in_flight=4096)
        dice = random.Random(5)
        answered, total = 0, 0
        for _ in range(40):
            self.source.feed([vector(*dice.choice((QUIET, LEFT, DOUBT, DOUBT))) for _ in range(50)])
            total += 50
            wait_until(lambda: self.counters()["vectors"] == total)  # noqa: B023
            self.block.set_threshold(dice.choice((0.5, 0.85, 1.0)))
            self.block.set_deadline(dice.choice((0.002, 0.02, 0.2)))
            deferred = self.messages("deferred", start=answered)
            for meta, _ in deferred:
                status = dice.choice(("ok", "ok", "ok", "busy"))
                answer = verdict_pdu(meta, RIGHT_MOST if status == "ok" else [], status=pmt.intern(status))
                self.post(*[answer] * dice.choice((0, 1, 1, 2)), *[pmt.PMT_T] * dice.choice((0, 0, 1)))
            answered += len(deferred)
        self.wait_for(in_flight=0)
        count = self.counters()
        self.assertEqual(count["dropped"], 0)
        once = count["accepted"] + count["deferred"]
        ends = count["in_time"] + count["timed_out"] + count["failed"]

        def told():
            by_seq = {}
            for meta, _ in self.messages(count=once + ends):
                if "seq" in meta:
                    by_seq.setdefault(meta["seq"], []).append(
                        meta["status"] + meta.get("late", False) * " late"
                    )
            return by_seq

        # A late revision, which is none of these, may be told before the last end is.
        wait_until(lambda: sum(len(statuses) > 1 for statuses in told().values()) == count["deferred"])
        by_seq = told()
        allowed = (["revised"], ["final"], ["final", "revised late"])
        for statuses in by_seq.values():
            self.assertEqual(statuses[0], "provisional")
            self.assertIn(statuses[1:], allowed)
        self.assertEqual(len(by_seq), count["deferred"])
        self.assertGreater(min(count[key] for key in ("in_time", "timed_out", "failed", "malformed")), 10)


if __name__ == "__main__":
    gr_unittest.run(qa_fast_classifier_verdicts)
