# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Models in their processes: loaded on demand, unloaded with their memory, replaced without losing requests."""

import functools
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from test_hub import PATIENCE_MS, serving, wait_for
from test_hub import node as node  # a fixture

from gr_speculative import wire
from gr_speculative.hub import Hub
from gr_speculative.hub_options import HubOptions
from gr_speculative.inference import InferenceError
from gr_speculative.installed import default_slow_model
from gr_speculative.model_process import ModelProcess
from gr_speculative.prometheus import resident_bytes

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE.parent / "python"), str(HERE)]))


def hub_of(name, **options):
    return Hub([functools.partial(ModelProcess, f"stand_in_models:{name}")], options=HubOptions(**options))


def test_an_idle_model_is_unloaded_with_its_memory_and_loaded_again_on_demand(node):
    with serving(hub_of("large", idle_unload_s=0.3)) as hub:
        [model] = hub.models()
        process = model.pid
        assert resident_bytes(process) > 200 << 20
        wait_for(lambda: model.pid is None)
        assert resident_bytes(process) == 0
        client = node(hub)
        client.send(1)
        assert client.receive().status == "ok"
        assert model.loads == 2 and model.cold_start_s > 0


def test_a_reload_loses_no_request(node):
    """Requests flow without a pause while models come and go."""
    with serving(hub_of("good", max_batch=4)) as hub:
        client = node(hub)
        processes, sent, answered = {hub.models()[0].pid}, 0, {}
        until = time.monotonic() + PATIENCE_MS / 1e3
        reloads, asked = 0, False
        while reloads < 3 or len(answered) < sent:
            assert time.monotonic() < until
            if reloads < 3 and not asked:
                hub.reload()
                asked = True
            pid = hub.models()[0].pid
            if hub.counters()["reloads"] > reloads and pid not in processes:
                processes.add(pid)
                reloads, asked = reloads + 1, False
            if reloads < 3 and sent - len(answered) < 16:
                client.send(sent)
                sent += 1
            while client.socket.poll(1):
                frames = client.socket.recv_multipart()
                if b"verdict" in frames[1]:
                    verdict = wire.decode_verdict(frames)
                    assert verdict.seq not in answered
                    answered[verdict.seq] = verdict.status
        assert len(processes) == 4
        assert set(answered.values()) == {"ok"} and len(answered) == sent
        wait_for(lambda: hub.counters()["ok"] == sent)
        for process in processes - {hub.models()[0].pid}:
            wait_for(lambda process=process: resident_bytes(process) == 0)


def test_a_reload_that_fails_leaves_the_old_model_at_work(node, monkeypatch, tmp_path, caplog):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]]))
    module = tmp_path / "changing.py"
    module.write_text("from stand_in_models import good as make\n")
    hub = Hub([functools.partial(ModelProcess, "changing:make")])
    with serving(hub):
        process = hub.models()[0].pid
        module.write_text(
            "from stand_in_models import broken as make  # and longer, for the byte code cache\n"
        )
        hub.reload()
        wait_for(lambda: "stays as it was: broken: not a model" in caplog.text)
        client = node(hub)
        client.send(1)
        assert client.receive().status == "ok"
        assert hub.models()[0].pid == process


def test_a_model_that_crashes_is_an_error_and_started_again(node):
    with serving(hub_of("crash")) as hub:
        client = node(hub)
        client.send(1)
        verdict = client.receive()
        assert (verdict.status, verdict.message) == ("error", "the slow model's process ended with status 3")
        client.send(2)
        assert client.receive().status == "error"
        wait_for(lambda: asks_until_crash(client))


def asks_until_crash(client):
    client.send(3)
    return "status 3" in client.receive().message


def test_a_model_that_is_killed_from_outside_comes_back(node):
    with serving(hub_of("good")) as hub:
        client = node(hub)
        os.kill(hub.models()[0].pid, signal.SIGKILL)
        client.send(1)
        assert client.receive().status == "error"
        wait_for(lambda: answers(client))


def answers(client):
    client.send(2)
    return client.receive().status == "ok"


def test_a_model_that_hangs_is_killed_after_its_time():
    model = ModelProcess("stand_in_models:hang", batch_timeout_s=0.3)
    model.load()
    process = model.pid
    request = wire.Request(1, 1, np.zeros((4, 32), np.uint8), 1, 0, 1e6, 1e4, "noise", 0.5, "n")
    with pytest.raises(InferenceError, match="silent for 0.3 s"):
        model.infer([request])
    assert model.pid is None and resident_bytes(process) == 0


def test_threads_of_the_model_are_set(monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]]))
    (tmp_path / "telling.py").write_text(
        "import os\nfrom dataclasses import replace\nfrom stand_in_models import good\n"
        "def make():\n model = good()\n"
        " model.contract = replace(model.contract, name=os.environ['OMP_NUM_THREADS'])\n return model\n"
    )
    model = ModelProcess("telling:make", threads=3)
    model.load()
    assert model.contract.name == "3"
    model.unload()


@pytest.mark.parametrize("device", ["cuda", "abacus"])
def test_a_device_that_is_not_there_is_one_error(device):
    torch = pytest.importorskip("torch")
    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    process = ModelProcess(str(default_slow_model()), device=device)
    expected = f"^device '{device}' cannot be used here .*: expected cpu; or cuda, which needs an NVIDIA GPU"
    with pytest.raises(RuntimeError, match=expected):
        process.load()
    assert process.pid is None
