# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")

from gr_speculative import mixtures as made  # noqa: E402
from gr_speculative.contract import LABELS  # noqa: E402
from gr_speculative.data import load  # noqa: E402

SIZE, RATE = 1024, 250_000


def tone(bin_number, count=4 * SIZE, noise=0.01, seed=1):
    rng = np.random.default_rng(seed)
    x = np.exp(2j * np.pi * bin_number / SIZE * np.arange(count))
    return (x + noise * rng.normal(size=(count, 2)) @ [1, 1j]).astype(np.complex64)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """OOK and FSK at the same rate, LTE at one too far away to meet them."""
    folder = tmp_path_factory.mktemp("recordings")
    lines, runs = (
        ["file,split,class,device_group,datatype,sample_rate"],
        ["file,start_window,end_window,label"],
    )
    for label, rate, where in (("ook_ism", RATE, 100), ("fsk_ism", 2 * RATE, -70), ("lte_ofdm", 30e6, 20)):
        tone(where).tofile(folder / f"{label}.cf32")
        lines.append(f"{label}.cf32,val,{label},{label},cf32,{rate}")
        runs.append(f"{label}.cf32,0,4,signal")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    (folder / "windows.csv").write_text("\n".join(runs) + "\n")
    return load(folder).recordings


@pytest.mark.parametrize("ratio", [0.0, 10.0, 20.0])
def test_the_weaker_lies_where_it_should_and_as_far_below(ratio):
    x, y = tone(100), tone(-70, seed=2)
    z = made.mixed(x, RATE, y, RATE, ratio, offset=10 * RATE / SIZE)
    assert z.dtype == np.complex64 and len(z) == len(x)
    power = np.abs(np.fft.fft(z[-SIZE:] * np.hanning(SIZE))) ** 2
    assert 10 * np.log10(power[100] / power[-60]) == pytest.approx(ratio, abs=0.2)


def test_noise_does_not_count_as_power_of_a_signal():
    quiet, loud = (made.signal_power(tone(100, SIZE, noise)) for noise in (1e-3, 0.1))
    assert loud == pytest.approx(quiet, rel=0.15)


def test_pairs_are_of_two_classes_at_rates_that_meet(recordings):
    found = made.mixtures(recordings, context=2, count=60)
    assert found.db.shape == (60, 2, SIZE) and not np.any(found.label == found.weaker)
    assert set(found.label) == set(found.weaker) == {1, 2} and set(found.ratio_db) == set(made.RATIOS_DB)
    assert set(found.rate[found.label == 1]) == {RATE} and set(found.rate[found.label == 2]) == {2 * RATE}
    again = made.mixtures(recordings, context=2, count=60)
    assert np.array_equal(found.db, again.db)
    assert made.mixtures([r for r in recordings if "fsk" not in r.name], context=2) is None


def test_what_is_counted():
    """Four mixtures at 0 dB: the stronger, the weaker, neither, the stronger; and one of another ratio, apart."""
    guess = np.eye(len(LABELS))[[1, 2, 3, 1, 2]]
    scores = SimpleNamespace(fast=guess, slow=guess, cascade=guess, deferred=np.array([1, 0, 0, 1, 0], bool))
    columns = {"label": np.array([1, 1, 1, 1, 2]), "weaker": np.array([2, 2, 2, 2, 1]), "file": np.arange(5)}
    found = SimpleNamespace(
        **columns, ratio_db=np.array([0.0, 0, 0, 0, 3]), apart=np.array([0, 0, 0, 0, 1], bool)
    )
    together, apart = made.measure_mixtures(found, scores, rounds=5)
    assert (together["ratio_db"], together["apart"], together["windows"]) == (0.0, False, 4)
    assert together["models"]["slow"]["stronger"]["value"] == 0.5 and together["deferred"]["value"] == 0.5
    assert together["models"]["slow"]["either"]["value"] == 0.75
    assert (apart["apart"], apart["models"]["fast"]["stronger"]["value"]) == (True, 1.0)
