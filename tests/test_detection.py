# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Detection against SNR, measured with a model whose curve is known: an energy detector over the whole band."""

import numpy as np
import pytest

pytest.importorskip("torch")

from gr_speculative.contract import Contract  # noqa: E402
from gr_speculative.detection import FALSE_ALARM, SIZE, SNR_DB, detection, radiometer  # noqa: E402


class EnergyDetector:
    contract = Contract("fast", "energy")

    def outputs(self, db, sample_rate):
        """Logits [B, 2] of noise and signal: the mean power of the last vector."""
        power = np.mean(10 ** (db[:, -1].astype(np.float64) / 10), axis=1) / SIZE
        return np.stack([-power, power], axis=1), power[:, None]


def test_an_energy_detector_detects_as_the_theory_says():
    for curve in detection(EnergyDetector(), 0, vectors=60).values():
        # It sums over the whole band, where the SNR is less by the share that the signal fills, and under an
        # FFT window, which weighs half of the samples away: 1.5 dB for Gaussian signals.
        share = curve.bandwidth / curve.rate
        ideal = radiometer(SNR_DB + 10 * np.log10(share), 1.0)
        found, wanted = (np.interp(0.9, x, SNR_DB) for x in (curve.model, ideal))
        assert 0.5 < found - wanted < 4
        assert curve.model[-1] == 1 and curve.model[0] < 0.1


def test_the_radiometer_is_right_at_its_ends():
    nothing = radiometer(np.array([-60.0]), 1.0)[0]
    assert nothing == pytest.approx(FALSE_ALARM, rel=0.05)
    assert radiometer(np.array([20.0]), 1.0)[0] == pytest.approx(1)
    wide, narrow = radiometer(np.array([-5.0]), 1.0)[0], radiometer(np.array([-5.0]), 0.05)[0]
    assert wide > narrow
