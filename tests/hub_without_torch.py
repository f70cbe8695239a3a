# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Stands in for an interpreter: `gr-speculative`, but `--model` names a behaviour and not a file.

good: always "signal". broken: cannot be loaded. slow-to-load: never ready. hang: never answers.
"""

import sys
import time
from types import SimpleNamespace

import numpy as np

from gr_speculative.cli import main
from gr_speculative.contract import Contract


class Model:
    contract = Contract("slow", "double", labels=("noise", "signal"), fft_size=32, context=4)
    sha256 = "cd" * 32

    def __init__(self, behaviour, threads, device):
        self.behaviour = behaviour
        if behaviour == "broken":
            raise ValueError("broken: not a model")
        if behaviour == "slow-to-load":
            time.sleep(60)

    def predict(self, db, sample_rate):
        if self.behaviour == "hang":
            time.sleep(60)
        return np.tile(np.float32([0, 1]), (len(db), 1))


if __name__ == "__main__":
    sys.modules["gr_speculative.slow_model"] = SimpleNamespace(load_slow_model=Model)
    arguments = sys.argv[1:]
    if arguments[:2] == ["-m", "gr_speculative"]:
        arguments = arguments[2:]
    sys.exit(main(arguments))
