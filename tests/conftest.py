# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Settings and fixtures for every test: property tests draw the same examples in each run, on machines of any speed."""

import pytest
from hypothesis import settings

settings.register_profile("reproducible", derandomize=True, deadline=None, database=None)
settings.load_profile("reproducible")


@pytest.fixture(scope="session")
def answered():
    """Source of an answered vector with the shipped models: slow where the fast one has no weight in the merge."""
    pytest.importorskip("onnx")
    pytest.importorskip("torch")
    from gr_speculative.fast_model import load_fast_model
    from gr_speculative.installed import default_fast_model

    merge = load_fast_model(default_fast_model()).contract.merge
    assert merge.rule == "log_linear"
    return "ensemble" if merge.weight_fast > 0 else "slow"


@pytest.fixture
def small_shards(monkeypatch):
    """Pools of examples in shards of 48, made in this process: a spawned one would not see the patch."""
    pool_module = pytest.importorskip("gr_speculative.pool")
    monkeypatch.setattr(pool_module, "SHARD", 48)
    monkeypatch.setattr("gr_speculative.training.SHARD", 48)
    monkeypatch.setattr(pool_module, "ProcessPoolExecutor", lambda *a, **k: _Here())


class _Here:
    def submit(self, function, *args):
        function(*args)
        return self

    def result(self):
        return None

    def shutdown(self, cancel_futures):
        pass
