# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy")
from replayed_calibrations import CONFIDENCE, Population  # noqa: E402
from scipy.stats import binom, multinomial  # noqa: E402

from gr_speculative import guarantee, rules  # noqa: E402
from gr_speculative.guarantee import THRESHOLDS, Sequence, draw, needed, p_value  # noqa: E402

ROOT = Path(__file__).parents[1]
RECORDINGS = Path(os.environ.get("SPECULATIVE_RECORDINGS", ROOT.parent / "shared" / "recordings"))
ROUNDS = 300


def tables(n: int) -> np.ndarray:
    return np.array([(a, b) for a in range(n + 1) for b in range(n + 1 - a)])


@pytest.mark.parametrize("mode", guarantee.MODES)
def test_without_gains_it_is_the_binomial_tail(mode):
    for n, lost in ((1, 0), (68, 2), (299, 0), (500, 3)):
        assert p_value(mode, n, lost, 0, 0.01) == pytest.approx(binom.cdf(lost, n, 0.01), rel=1e-9)
    assert p_value(mode, 0, 0, 0, 0.01) == 1


@pytest.mark.parametrize("n, risk", [(20, 0.2), (40, 0.05)])
def test_the_test_has_its_level_wherever_the_hypothesis_holds(n, risk):
    """Every table; shares of gains that the code does not try; on the edge of H0 and inside."""
    table = tables(n)
    p = np.array([p_value("non-inferior", n, a, b, risk) for a, b in table.tolist()])
    counts = np.column_stack([table, n - table.sum(axis=1)])
    worst = 0.0
    for gain in np.linspace(0, (1 - risk) / 2, 57):
        for excess in (0.0, 0.05):
            loss = gain + risk + excess
            if loss + gain > 1 + 1e-9:
                continue
            chance = multinomial.pmf(counts, n, [loss, gain, max(0.0, 1 - loss - gain)])
            for level in (0.01, 0.05, 0.2):
                size = float(chance[p <= level].sum())
                assert size <= 1.005 * level
                worst = max(worst, size / level)
    assert worst > 0.6  # valid, and not because it never rejects


def test_more_losses_speak_against_it_and_more_gains_for_it():
    n = 20
    p = {(a, b): p_value("non-inferior", n, a, b, 0.1) for a, b in tables(n).tolist()}
    for (a, b), value in p.items():
        assert value <= p.get((a + 1, b), 1) + 1e-12
        assert value >= p.get((a, b + 1), 0) - 1e-12


def test_it_certifies_what_a_bound_for_each_share_does_not():
    """4 lost and 20 gained of 400: the gain is evident, though 4 losses alone do not allow a risk of 1 %."""
    assert p_value("non-inferior", 400, 4, 20, 0.01) < 0.005 < binom.cdf(4, 400, 0.01)


def test_units_needed():
    for risk, confidence in ((0.01, 0.95), (0.05, 0.9), (0.5, 0.5)):
        n = needed("agree", risk, confidence)
        assert p_value("agree", n, 0, 0, risk) <= 1 - confidence < p_value("agree", n - 1, 0, 0, risk)
    n = needed("non-inferior", 0.01, 0.95, loss_rate=0.01, gain_rate=0.015)
    assert p_value("non-inferior", n, round(np.ceil(0.01 * n)), int(0.015 * n), 0.01) <= 0.05
    assert needed("non-inferior", 0.01, 0.95, loss_rate=0.03, gain_rate=0.02) is None
    assert needed("agree", 0.01, 0.95, loss_rate=0.011) is None


def test_losses():
    label, fast, slow, merged = np.array([[0, 0, 0], [0, 1, 1], [0, 0, 1], [1, 0, 0]])
    accepted, deferred = guarantee.losses("non-inferior", label, fast, slow, merged)
    assert accepted.tolist() == [0, 1, 0] and deferred.tolist() == [1, 0, -1]
    accepted, deferred = guarantee.losses("agree", label, fast, slow, merged)
    assert accepted.tolist() == [0, 1, 0] and deferred.tolist() == [1, 0, 1]
    with pytest.raises(ValueError, match="expected one of non-inferior, agree"):
        guarantee.losses("equal", label, fast, slow, merged)


def test_draw_takes_one_of_each_unit_at_random():
    unit = np.repeat([5, 2, 9], (1, 4, 200))
    rows = np.array([draw(unit, np.random.default_rng(seed)) for seed in range(200)])
    assert np.all(unit[rows] == [2, 5, 9])
    assert set(rows[:, 0]) == {1, 2, 3, 4} and len(set(rows[:, 2])) > 100


def test_the_sequence_starts_with_everything_deferred_and_ends_at_the_first_failure():
    assert THRESHOLDS[0] == 1 and THRESHOLDS[-1] == 0 and np.all(np.diff(THRESHOLDS) < 0)
    n = 1000
    score, none = np.linspace(0, 1, n), np.zeros(n, int)
    band = ((score > 0.6) & (score < 0.8)).astype(
        int
    )  # what is below it would be as harmless as what is above
    sequence = Sequence("non-inferior", score, accepted=band - (score <= 0.6), deferred=none)
    assert sequence.lost[0] == 0 and sequence.lost[-1] == band.sum()
    assert p_value("non-inferior", n, int(sequence.lost[-1]), int(sequence.gained[-1]), 0.02) < 0.05
    passed = sequence.passed(0.02, CONFIDENCE)
    assert 0.76 < THRESHOLDS[passed - 1] < 0.8
    assert Sequence("agree", score, none + 1, none).passed(0.02, CONFIDENCE) > 0
    assert Sequence("agree", score, none, none + 1).passed(0.02, CONFIDENCE) == 0


def test_the_reachable_risk_is_the_smallest():
    score = np.linspace(0, 1, 200)
    sequence = Sequence("non-inferior", score, (score < 0.1).astype(int), np.zeros(200, int))
    for steps in (1, 100, len(THRESHOLDS)):
        risk = sequence.reachable(steps, CONFIDENCE)
        assert sequence.passed(risk, CONFIDENCE) >= steps > sequence.passed(risk - 1e-4, CONFIDENCE)
    assert sequence.reachable(1, CONFIDENCE) == pytest.approx(1 - 0.05 ** (1 / 200), abs=1e-4)
    empty = Sequence("agree", score[:0], score[:0], score[:0])
    assert empty.passed(0.5, CONFIDENCE) == 0 and empty.reachable(1, CONFIDENCE) == 1


# The most that a rate of 5 % gives in all but one of a thousand replays.
TOLERATED = binom.ppf(0.999, ROUNDS, 1 - CONFIDENCE)


def simulated(mode: str, emissions: int = 3000, vectors: int = 12) -> Population:
    """Emissions of one difficulty each: the fast model errs on all of one or on none; slow is better."""
    rng = np.random.default_rng(2)
    unit = np.repeat(np.arange(emissions), vectors)
    difficulty = rng.beta(0.6, 2.5, emissions)
    score = np.clip(1 - difficulty[unit] + 0.05 * rng.normal(size=len(unit)), 0, 1)
    wrong = (rng.random(emissions) < 0.7 * difficulty**1.5)[unit]
    slow_wrong = (rng.random(emissions) < 0.01)[unit]
    fast, slow = np.where(wrong, 1, 0), np.where(slow_wrong, 2, 0)
    return Population(mode, unit, score, *guarantee.losses(mode, np.zeros_like(unit), fast, slow, slow))


@pytest.mark.parametrize("mode", guarantee.MODES)
def test_replayed_calibrations_keep_the_promise(mode):
    population = simulated(mode)
    truth = population.risk(population.unit)
    assert truth[0] < 0.03 < truth[-1]  # it can be broken
    broken, certified = population.broken(0.03, 300, ROUNDS)
    assert certified > 0.9 * ROUNDS
    assert broken <= TOLERATED


def test_the_recipe_that_counts_each_vector_breaks_it():
    population = simulated("agree")
    broken, _ = population.broken(0.03, 300, ROUNDS, np.arange(len(population.unit)))
    assert broken > 2 * TOLERATED


@pytest.fixture(scope="module")
def recorded():
    if not (RECORDINGS / "manifest.csv").exists():
        pytest.skip(f"no recordings at {RECORDINGS}")
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from gr_speculative.cascade_predictions import predict
    from gr_speculative.data import load
    from gr_speculative.fast_model import load_fast_model
    from gr_speculative.slow_model import load_slow_model

    models = ROOT / "models"
    fast, slow = load_fast_model(models / "fast.onnx"), load_slow_model(models / "slow.safetensors")
    return predict(load(RECORDINGS).split("val"), fast, slow)


def test_replayed_calibrations_on_recordings_keep_the_promise_by_file_only(recorded):
    """The recorded files are the population: the promise holds with a file as unit, not with a vector."""
    labels = [recorded.labels(model) for model in ("fast", "slow", "merged")]
    losses = guarantee.losses("agree", recorded.label, *labels)
    score = rules.score("margin", recorded.fast, recorded.levels)
    population = Population("agree", recorded.units["file"], score, *losses)
    files, vectors = len(population.members), np.arange(len(population.unit))
    # A promise that is kept at some thresholds and broken at others, by either weighting.
    risk = float(np.mean([population.risk(counted)[[0, -1]] for counted in (vectors, population.unit)]))
    broken, certified = population.broken(risk, 4 * files, ROUNDS)
    assert certified > 0.5 * ROUNDS
    assert broken <= TOLERATED
    assert population.broken(risk, files, ROUNDS)[0] <= TOLERATED
    assert population.broken(risk, files, ROUNDS, vectors)[0] > 1.5 * TOLERATED
