#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""fast_classifier while it runs: its port cmd, asking about emissions, and who is told of the threshold."""

import random
import time

import pmt
from gnuradio import gr_unittest
from qa_fast_classifier import DOUBT, LEFT, QUIET, FastClassifierCase, vector, wait_until
from qa_fast_classifier_verdicts import NEVER, RIGHT_MOST, verdict_pdu


def dict_of(**values):
    settings = pmt.make_dict()
    for name, value in values.items():
        settings = pmt.dict_add(settings, pmt.intern(name), value)
    return settings


class qa_fast_classifier_control(FastClassifierCase):
    def post(self, port, message):
        self.block.to_basic_block()._post(pmt.intern(port), message)

    def command(self, name, value):
        """Posts a pair, and waits until it has been read: messages are, in their order."""
        self.post("cmd", pmt.cons(pmt.intern(name), value))
        marker = float(random.randrange(1000, 10**6))
        self.post("cmd", pmt.cons(pmt.intern("deadline"), pmt.from_double(marker)))
        wait_until(lambda: self.block.deadline() == marker)

    def answer(self, number, scores=RIGHT_MOST):
        """A verdict on the deferral with this number, and its effect."""
        meta = self.messages("deferred", count=number + 1)[number][0]
        before = self.counters()["in_time"]
        self.post("verdicts", verdict_pdu(meta, scores))
        wait_until(lambda: self.counters()["in_time"] == before + 1)

    def changes(self, count):
        """(cause, threshold) of each change that was told of, once there are that many."""

        def told():
            return [
                (m["cause"], round(m["threshold"], 6))
                for m, _ in self.messages("telemetry")
                if m["schema"] == "speculative.threshold/1"
            ]

        wait_until(lambda: len(told()) >= count)
        return told()

    def test_each_setting_by_message(self):
        self.start()
        self.command("threshold", pmt.from_double(0.25))
        self.assertEqual(self.block.threshold(), 0.25)
        self.command("center_frequency", pmt.from_long(433_000_000))
        self.feed(DOUBT)
        self.assertEqual(self.messages(count=1)[0][0]["center_frequency"], 433e6)
        self.assertEqual(self.counters()["deferred"], 1)
        self.command("rule", pmt.intern("max_probability"))  # of DOUBT 0.54, its margin is 0.1
        self.feed(DOUBT)
        self.assertEqual(self.counters()["accepted"], 1)
        self.command("rule", pmt.intern("margin"))
        self.command("burst", pmt.from_double(1))
        self.command("budget", pmt.from_double(1e-6))
        self.feed(DOUBT, DOUBT)
        self.assertEqual((self.counters()["deferred"], self.counters()["unbudgeted"]), (2, 1))
        self.command("budget", pmt.from_long(0))
        self.command("audit_fraction", pmt.from_double(1))
        self.feed(QUIET)
        self.assertEqual(self.counters()["audited"], 1)
        self.command("per_emission", pmt.PMT_T)
        self.assertTrue(self.block.per_emission())
        self.command("conditions_strength", pmt.from_double(1))
        self.post("conditions", self.conditions(0.0))
        wait_until(lambda: self.block.threshold() == 1)

    def conditions(self, quality):
        return pmt.cons(
            dict_of(
                schema=pmt.intern("speculative.conditions/1"),
                propagation_quality=pmt.from_double(quality),
                timestamp=pmt.from_double(time.time()),
            ),
            pmt.make_u8vector(0, 0),
        )

    def test_a_wrong_setting_changes_nothing_and_leaves_the_others_of_its_message(self):
        self.start(threshold=0.5, deadline=5)
        wrong = {
            "threshold": pmt.from_double(1.5),
            "deadline": pmt.intern("soon"),
            "rule": pmt.intern("benefit"),
            "budget": pmt.from_double(-1),
            "per_emission": pmt.from_long(1),
            "colour": pmt.PMT_T,
        }
        for name, value in wrong.items():
            self.post("cmd", dict_of(center_frequency=pmt.from_double(1e6), **{name: value}))
            self.post("cmd", dict_of(**{name: value}, center_frequency=pmt.from_double(2e6)))
            self.post("cmd", pmt.cons(pmt.intern(name), value))
        self.post("cmd", pmt.PMT_T)
        self.post("cmd", pmt.dict_add(pmt.make_dict(), pmt.from_long(1), pmt.PMT_T))
        self.command("center_frequency", pmt.from_double(3e6))
        self.assertEqual(self.block.threshold(), 0.5)
        self.assertFalse(self.block.per_emission())
        self.feed(DOUBT)
        self.assertEqual(self.messages(count=1)[0][0]["center_frequency"], 3e6)
        for settings in (
            dict_of(threshold=pmt.from_double(2), deadline=pmt.from_double(7)),
            dict_of(deadline=pmt.from_double(8), threshold=pmt.from_double(2)),
        ):
            self.post("cmd", settings)
            deadline = pmt.to_double(pmt.dict_ref(settings, pmt.intern("deadline"), pmt.PMT_NIL))
            wait_until(lambda wanted=deadline: self.block.deadline() == wanted)

    def test_every_change_of_the_threshold_is_told_with_its_cause(self):
        self.start(threshold=0.5, deadline=NEVER)
        self.block.set_threshold(0.6)
        self.block.set_threshold(0.6)
        self.block.set_threshold(0.2)
        self.assertEqual(self.changes(2), [("set", 0.6), ("set", 0.2)])
        self.block.set_conditions(0.5)
        self.post("conditions", self.conditions(0.5))
        self.assertEqual(self.changes(3)[2:], [("conditions", 0.4)])
        self.post("conditions", self.conditions(1.0))
        self.assertEqual(self.changes(4)[3:], [("conditions", 0.2)])
        self.block.set_audit_fraction(1.0)
        for number in range(20):  # each run of a label is audited, and each audit disagrees
            self.feed(QUIET if number % 2 else LEFT)
            if self.counters()["audited"] == number + 1:
                self.answer(number)
            if self.counters()["alarms"]:
                break
        self.assertEqual(self.changes(5)[4:], [("alarm", 0.6)])
        self.block.set_threshold(0.2)
        self.assertEqual(self.changes(6)[5:], [("set", 0.2)])

    def test_one_deferral_answers_for_an_emission(self):
        self.start(deadline=NEVER, max_run=1000, telemetry_interval=0.01)
        self.block.set_per_emission(True)
        self.feed(*[DOUBT] * 60)
        self.assertEqual(self.counters()["deferred"], 1)
        self.answer(0)
        self.feed(*[DOUBT] * 40)
        self.feed(*[QUIET] * 3)
        wait_until(lambda: sum(m["count"] for m, _ in self.messages() if m["status"] != "revised") == 103)
        results = [meta for meta, _ in self.messages()]
        self.assertEqual({m["emission"] for m in results}, {0, 1})
        (revised,) = (m for m in results if m["status"] == "revised")
        self.assertEqual((revised["label"], revised["emission"]), ("right", 0))
        after = [m for m in results if m["status"] == "final" and m["offset"] >= 60]
        self.assertEqual(
            {(m["label"], m["source"]) for m in after if m["emission"] == 0}, {("right", "ensemble")}
        )
        # a few vectors that look different pass for a part of it
        self.assertEqual(
            {(m["label"], m["source"]) for m in after if m["emission"] == 1}, {("right", "ensemble")}
        )
        for m in results:  # a run is of one emission and one source
            self.assertTrue(m["offset"] >= 60 or m["offset"] + m["count"] <= 60)
        told = len(self.messages("telemetry"))
        self.assertEqual(self.messages("telemetry", count=told + 2)[-1][0]["emissions"], 2)

    def test_a_new_start_knows_no_emission(self):
        self.start(deadline=NEVER)
        self.block.set_per_emission(True)
        self.feed(*[DOUBT] * 10)
        self.answer(0)
        self.feed(DOUBT)
        self.assertEqual(self.messages(count=12)[-1][0]["source"], "ensemble")
        self.tb.stop()
        self.tb.wait()
        self.tb.start()
        self.feed(DOUBT)

        def of_the_next():  # what was asked about the first may have ended with the stop, as a fallback
            return [m["source"] for m, _ in self.messages() if m["emission"] == 1]

        wait_until(of_the_next)
        self.assertEqual(of_the_next(), ["fast"])

    def test_asking_about_emissions_may_be_turned_on_and_off_all_the_time(self):
        self.start(deadline=0.01, max_in_flight=8, max_run=4)
        self.block.set_audit_fraction(0.2)
        dice, total = random.Random(7), 0
        for _ in range(30):
            levels = [dice.choice((QUIET, LEFT, DOUBT)) for _ in range(100)]
            total += len(levels)
            self.source.feed([vector(*pair) for pair in levels])
            while self.counters()["vectors"] < total:
                self.block.set_per_emission(dice.random() < 0.5)
                if self.sinks["deferred"].num_messages():
                    newest = self.messages("deferred", start=self.sinks["deferred"].num_messages() - 1)[0][0]
                    self.post("verdicts", verdict_pdu(newest))
        wait_until(lambda: self.counters()["in_flight"] == 0)
        count = self.counters()
        self.assertEqual(count["vectors"], total)
        self.assertGreater(min(count["emissions"], count["accepted"], count["deferred"]), 0)


if __name__ == "__main__":
    gr_unittest.run(qa_fast_classifier_control)
