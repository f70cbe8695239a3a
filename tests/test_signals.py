# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Modulators against what their standards say, impairments against their units."""

import numpy as np
import pytest

pytest.importorskip("scipy")
from gr_speculative import impairments as imp
from gr_speculative.canvas import band_limited_resample, keying
from gr_speculative.modulators import _CHIPS
from gr_speculative.signals import KINDS, join, modulate

CASES = [
    (kind.name, rate) for kind in KINDS.values() for rate in sorted({kind.min_rate, *kind.typical_rates})
]


def rng(seed=0):
    return np.random.default_rng(seed)


def spectrum(x, rate):
    return np.fft.fftfreq(len(x), 1 / rate), np.abs(np.fft.fft(x)) ** 2


def tone(frequency, rate, n=4096):
    return np.exp(2j * np.pi * frequency / rate * np.arange(n)).astype(np.complex64)


def longest(signal):
    """Samples of the longest stretch on air."""
    a, b = max(signal.keyed, key=lambda pair: pair[1] - pair[0])
    return signal.samples[a:b]


@pytest.mark.parametrize(("kind", "rate"), CASES)
def test_every_kind_at_every_rate(kind, rate):
    n = 32768
    signal = modulate(kind, rng(3), rate, n / rate)
    assert signal.samples.shape == (n,) and signal.samples.dtype == np.complex64
    assert np.isfinite(signal.samples).all()
    assert np.array_equal(signal.keyed, join(signal.keyed, 0))
    assert signal.keyed.min() >= 0 and signal.keyed.max() <= n
    on = np.zeros(n, bool)
    for a, b in signal.keyed:
        on[a:b] = True
    power = np.abs(signal.samples) ** 2
    assert power[on].mean() == pytest.approx(1, rel=1e-3)
    assert power[~on].sum() < 0.05 * power.sum()
    assert -rate / 2 <= signal.low < signal.high <= rate / 2
    f, p = spectrum(signal.samples, rate)
    assert p[(f >= signal.low) & (f <= signal.high)].sum() > 0.75 * p.sum()


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_is_everything(kind):
    rate = KINDS[kind].typical_rates[0]
    one, same, other = (modulate(kind, rng(s), rate, 16384 / rate) for s in (5, 5, 6))
    assert np.array_equal(one.samples, same.samples) and one.parameters == same.parameters
    assert not np.array_equal(one.samples, other.samples)


@pytest.mark.parametrize("kind", ["fsk_ism", "gfsk_1m", "oqpsk_154", "gsm", "dmr", "lora", "nfm"])
def test_constant_envelope(kind):
    rate = KINDS[kind].typical_rates[-1]
    packet = longest(modulate(kind, rng(2), rate, 0.02))[64:-64]
    assert np.std(np.abs(packet)) < 0.05 * np.mean(np.abs(packet))


def test_gfsk_deviates_a_quarter_of_the_bit_rate():
    packet = longest(modulate("gfsk_1m", rng(1), 20e6, 5e-3))
    frequency = np.diff(np.unwrap(np.angle(packet))) * 20e6 / (2 * np.pi)
    assert 0.22e6 < np.percentile(np.abs(frequency), 95) < 0.28e6


def test_oqpsk_starts_with_the_preamble_of_802_15_4():
    rate = 20e6
    signal = next(
        s for s in (modulate("oqpsk_154", rng(k), rate, 0.02) for k in range(20)) if len(s.keyed) > 1
    )
    packet = signal.samples[signal.keyed[1, 0] :]
    at = np.arange(8 * 16) * 20 + 10  # the middle of each pulse of the I rail: one a microsecond
    chips = np.sign(packet[at].real * np.sign(packet[10].real))
    assert np.array_equal(chips, np.tile(_CHIPS[0, ::2], 8))


def test_chip_sequences():
    rows = {1: "11101101100111000011010100100010", 8: "10001100100101100000011101111011"}  # from the standard
    for symbol, row in rows.items():
        assert "".join("1" if chip > 0 else "0" for chip in _CHIPS[symbol]) == row
    correlation = _CHIPS @ _CHIPS.T
    assert np.array_equal(np.diag(correlation), np.full(16, 32))
    assert np.abs(correlation - np.diag(np.diag(correlation))).max() <= 8


def test_adsb_pulses():
    """Preambles of mode S, and framing pulses of modes A and C, where the standard has them (µs)."""
    signal = modulate("adsb_1090", rng(3), 10e6, 0.05)
    start, stop = signal.keyed.T
    lengths = (stop - start) / 10
    found = {"reply": 0, "squitter": 0}
    for name, length, high, low in (
        ("reply", 21.25, (0.25, 20.5), (0.8, 10.5, 19.9)),
        ("squitter", 120, (0.25, 1.25, 3.75, 4.75), (0.75, 2.5, 5.5, 7.0)),
    ):
        for at in start[(np.abs(lengths - length) < 0.3) & (start > 0)]:
            envelope = np.abs(signal.samples[at : at + 210])
            on, off = (envelope[[int(us * 10) for us in times]] for times in (high, low))
            assert on.min() > 10 * off.max()
            found[name] += 1
    assert found["reply"] > 20 and found["squitter"] > 20


def lag_correlation(x, lag):
    return abs(np.vdot(x[:-lag], x[lag:])) / np.vdot(x[lag:], x[lag:]).real


def test_ofdm_cyclic_prefixes():
    lte = modulate("lte_ofdm", rng(0), 1.92e6, 0.02)
    assert lag_correlation(lte.samples, 128) > 3 * lag_correlation(lte.samples, 150)
    wifi = longest(modulate("wifi_ofdm", rng(0), 20e6, 5e-3))
    assert lag_correlation(wifi, 64) > 3 * lag_correlation(wifi, 75)


def test_lte_leaves_dc_empty():
    f, p = spectrum(modulate("lte_ofdm", rng(2), 1.92e6, 0.1).samples, 1.92e6)
    assert p[np.abs(f) < 3e3].mean() < 0.2 * p[(np.abs(f) > 3e4) & (np.abs(f) < 4e5)].mean()


def test_unknown_kinds_are_marked():
    assert {k.name for k in KINDS.values() if not k.known} == {"lora", "nfm", "cw", "dmr", "gsm"}


@pytest.mark.parametrize(
    ("kind", "rate", "duration", "message"),
    [
        ("morse", 1e6, 0.1, "unknown kind"),
        ("wifi_ofdm", 1e6, 0.1, "at least"),
        ("ook_ism", float("nan"), 0.1, "at least"),
        ("ook_ism", 1e6, 0.0, "no sample"),
    ],
)
def test_refusals(kind, rate, duration, message):
    with pytest.raises(ValueError, match=message):
        modulate(kind, rng(), rate, duration)


def test_keying_averages_over_a_sample():
    t = np.arange(10) * 1.0
    assert keying(t, np.array([[2.0, 4.25]])) == pytest.approx([0, 0, 0.5, 1, 0.75, 0, 0, 0, 0, 0])


@pytest.mark.parametrize(("rate_in", "rate_out"), [(20e6, 25e6), (30.72e6, 19.2e6), (1.92e6, 2e6)])
def test_resampling_keeps_frequency(rate_in, rate_out):
    y = band_limited_resample(tone(0.2 * rate_in, rate_in, 9600), rate_in, rate_out)
    f, p = spectrum(y, rate_out)
    assert f[p.argmax()] == pytest.approx(0.2 * rate_in, abs=rate_out / len(y))


def test_join():
    assert join(np.array([[8, 9], [0, 5], [1, 2], [6, 7]]), 1).tolist() == [[0, 9]]
    assert join(np.array([[0, 5], [7, 9]]), 1).tolist() == [[0, 5], [7, 9]]
    assert join(np.zeros((0, 2)), 1).shape == (0, 2)


def test_snr_is_within_the_bandwidth():
    n, rate, width = 1 << 16, 1e6, 1e5
    f, p = spectrum(imp.white_noise(rng(), n, imp.noise_power(10, width, rate)), rate)
    assert p[np.abs(f) < width / 2].sum() / n**2 == pytest.approx(0.1, rel=0.05)


def test_frequency_shift_and_clock_offset():
    f, p = spectrum(imp.frequency_shift(tone(1e5, 1e6), 1e6, -2.5e5), 1e6)
    assert f[p.argmax()] == pytest.approx(-1.5e5, abs=300)
    n = 1 << 16
    y = imp.clock_offset(tone(1e5, 1e6, n), 50.0)
    turned = np.unwrap(np.angle(y[10:-10] * tone(1e5, 1e6, n)[10:-10].conj()))
    assert (turned[-1] - turned[0]) / (2 * np.pi) == pytest.approx(-50e-6 * 0.1 * (n - 21), rel=0.05)


def test_phase_noise_widens_a_line():
    y = imp.phase_noise(tone(0, 1e6, 1 << 18), rng(), 1e6, 1e3)
    f, p = spectrum(y, 1e6)
    assert np.abs(y) == pytest.approx(np.ones(1 << 18), abs=1e-5)
    assert p[np.abs(f) < 500].sum() / p.sum() == pytest.approx(
        0.5, abs=0.15
    )  # Lorentzian: half within ±FWHM/2


def test_image_is_where_it_is_said_to_be():
    f, p = spectrum(imp.iq_imbalance(tone(1e5, 1e6, 4000), 0.5, 3.0), 1e6)
    image = 10 * np.log10(p[np.argmin(np.abs(f - 1e5))] / p[np.argmin(np.abs(f + 1e5))])
    assert image == pytest.approx(imp.image_rejection_db(0.5, 3.0), abs=0.1)


def test_dc_and_spurs_run_on_over_blocks():
    x = np.zeros(3000, np.complex64)
    assert imp.dc_offset(x, 0.5j).mean() == pytest.approx(0.5j)
    whole = imp.spurs(x, [123.0], [0.1], 1e4)
    parts = [imp.spurs(x[a:b], [123.0], [0.1], 1e4, start=a) for a, b in ((0, 1111), (1111, 3000))]
    assert np.concatenate(parts) == pytest.approx(whole, abs=1e-6)


def test_quantise_clips_and_counts():
    x = imp.white_noise(rng(), 100_000, 4.0)
    y = imp.quantise(x, 4, 1.0)
    assert len(np.unique(y.real)) == 16 and np.abs(y.real).max() < 1.0
    inside = np.abs(x.real) < 0.99
    assert np.abs(y.real - x.real)[inside].max() <= 1 / 16 + 1e-6


@pytest.mark.parametrize("channel", ["multipath", "fading"])
def test_channels_have_unit_mean_gain(channel):
    power = []
    for seed in range(300):
        if channel == "multipath":
            y = imp.multipath(imp.white_noise(rng(seed), 512), rng(seed + 1000), 1e6, 2e-6, 0.0)
        else:
            y = imp.fading(np.ones(512, np.complex64), rng(seed), 1e4, 50.0, 0.0)
        power.append(np.mean(np.abs(y) ** 2))
    assert np.mean(power) == pytest.approx(1, abs=0.15)


def test_receiver_filter_shapes_without_delay():
    x = imp.white_noise(rng(), 1 << 16)
    y = imp.receiver_filter(x, 0.6, 20.0, 0.0)
    f, p = spectrum(y, 2.0)
    assert 10 * np.log10(p[np.abs(f) > 0.97].mean() / p[np.abs(f) < 0.5].mean()) == pytest.approx(
        -20, abs=2.5
    )
    correlation = [np.vdot(x[8:-8], np.roll(y, -k)[8:-8]).real for k in range(-3, 4)]
    assert np.argmax(correlation) == 3
    f, p = spectrum(imp.receiver_filter(x, 1.0, 0.0, 6.0), 2.0)
    tilt = 10 * np.log10(p[(f > 0.45) & (f < 0.55)].mean() / p[(f < -0.45) & (f > -0.55)].mean())
    assert tilt == pytest.approx(3.0, abs=0.5)


def test_gains():
    x = np.ones(100_000, np.complex64)
    jumps = imp.gain_steps(x, rng(), 1e5, 20.0, 6.0)
    assert 10 < np.count_nonzero(np.diff(jumps)) < 30 and jumps[0] == 1
    loud = imp.automatic_gain(10 * x, 1e5, 1e-3, 1.0)
    assert abs(loud[-1]) == pytest.approx(10 / np.sqrt(101), rel=1e-3)


@pytest.mark.parametrize("seed", range(12))
def test_random_chains_keep_length_and_type(seed):
    x = imp.awgn(imp.Channel.draw(rng(seed), 1e6, 5e4)(tone(0, 1e6), rng(seed), 1e6), rng(seed), 1.0)
    one, same = (imp.Receiver.draw(rng(seed))(x, 1e6) for _ in range(2))
    assert one.shape == x.shape and one.dtype == np.complex64 and np.isfinite(one).all()
    assert np.array_equal(one, same)
