# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Errors that a newcomer makes, each made once, each answered by the sentence that docs/faq.md has in its table."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip(
    "gnuradio.speculative", reason="the GNU Radio module is not installed", exc_type=ImportError
)
from gnuradio import speculative  # noqa: E402

from gr_speculative import cli  # noqa: E402
from gr_speculative.installed import default_fast_model  # noqa: E402

FAQ = (Path(__file__).parents[1] / "docs" / "faq.md").read_text(encoding="utf-8")
PATIENCE_S = 60

# Spectra of noise in a band that falls off at its edges, into a fast_classifier: SPECTRA, and what is done to them.
SPECTRA = """
import numpy as np
from gnuradio import blocks, gr, speculative
noise = np.random.default_rng(1).normal(size=(200, 1024, 2)).view(complex)[..., 0]
edges = 10 ** -((np.abs(np.fft.fftfreq(1024)) * 2) ** 16)
unshifted = np.abs(np.fft.fft(noise * np.hanning(1024))) ** 2 / 1e9 * edges
power = np.fft.fftshift(unshifted, axes=1)
classifier = speculative.fast_classifier(MODEL, 1024, 2e6, speculative.input_kind.power)
source = blocks.vector_source_f(({what}).astype(np.float32).ravel().tolist(), False, 1024)
tb = gr.top_block()
tb.connect(source, classifier)
tb.run()
print(classifier.counters()["invalid"], "invalid")
"""


def in_the_table(sentence):
    """The FAQ has it in this very wording."""
    assert sentence in FAQ, sentence
    return sentence


def refused(error, sentence):
    """What is made within must raise this error, with a sentence of the table."""
    return pytest.raises(error, match=re.escape(in_the_table(sentence)))


def said_about(what):
    script = f"MODEL = {default_fast_model()!r}\n" + SPECTRA.format(what=what)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def error_of(capsys, *arguments):
    assert cli.main(["node", *map(str, arguments)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1, said
    return said


@pytest.fixture
def raw(tmp_path):
    path = tmp_path / "x.cu8"
    path.write_bytes(bytes(range(256)) * 64)
    return path


def classifier(model="", fft_size=1024, rate=2e6):
    kind = speculative.input_kind.power
    return speculative.fast_classifier(str(model) or default_fast_model(), fft_size, rate, kind)


def test_wrong_fft_size():
    sentence = "was trained on vectors of 1024 bins: set the FFT to 1024 or choose another model"
    with refused(ValueError, sentence):
        classifier(fft_size=512)
    with refused(ValueError, sentence):
        speculative.spectrum_classifier(2e6, fft_size=512)


def test_power_given_as_decibels():
    sentence = in_the_table(
        "power is never negative, and such vectors are invalid: is this dB? Then set input to decibel"
    )
    said = said_about("10 * np.log10(power)")
    assert said.count(sentence) == 1 and "200 invalid" in said
    sentence = "power is never negative: is this dB? then call infer(bins, kind='decibel')"
    with speculative.SpeculativeInferenceManager(slow_model=None) as manager, refused(ValueError, sentence):
        manager.infer(np.full(1024, -90.0), sample_rate=2e6)


def test_unshifted_spectrum():
    sentence = in_the_table(
        "the spectrum looks as if its halves were exchanged: set shift (Bin 0 Is DC) to yes, or shift in the FFT"
    )
    assert said_about("unshifted").count(sentence) == 1
    said = said_about("power")
    assert "warning" not in said and "0 invalid" in said


def test_missing_rate(raw, capsys):
    assert in_the_table("a raw recording does not tell its sample rate: give it in Hz") in error_of(
        capsys, "--no-slow", raw
    )
    assert in_the_table("does not tell its sample rate: give --rate in Hz, such as 2e6") in error_of(
        capsys, "--no-slow", "soapy:", "--center-frequency", "1e8"
    )
    sentence = "no sample rate: set manager.sample_rate, or call infer(bins, sample_rate=2e6)"
    with speculative.SpeculativeInferenceManager(slow_model=None) as manager, refused(ValueError, sentence):
        manager.infer(np.ones(1024))


def test_wrong_rate(raw, capsys):
    assert in_the_table("expected a number above 0") in error_of(capsys, "--no-slow", "--rate", 0, raw)
    with refused(ValueError, "expected Hz > 0"):
        classifier(rate=-1.0)


def test_model_of_another_version(tmp_path):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(default_fast_model())
    (entry,) = [p for p in model.metadata_props if p.key == "gr_speculative"]
    contract = json.loads(entry.value)
    contract["preprocessing"]["version"] = 2
    entry.value = json.dumps(contract)
    onnx.save(model, tmp_path / "newer.onnx")
    sentence = (
        "expected 1, the only one that this release knows: update gr-speculative, or train the model anew"
    )
    with refused(RuntimeError, sentence):
        classifier(tmp_path / "newer.onnx")
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "foreign.onnx")
    sentence = "so it is no model of gr-speculative, or it is truncated: export it with its contract"
    with refused(RuntimeError, sentence):
        classifier(tmp_path / "foreign.onnx")


def test_no_torch(tmp_path):
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')")
    script = "import sys; sys.path.insert(0, sys.argv[1])\nfrom gnuradio import speculative\n"
    script += "speculative.spectrum_classifier(2e6, slow='model')"
    command = [sys.executable, "-c", script, str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S).stderr
    assert in_the_table("slow_model needs torch and safetensors in the Python of the flowgraph") in said, said


def test_no_hub(raw):
    command = [sys.executable, "-m", "gr_speculative", "node", "--hub", "tcp://127.0.0.1:1", "--pace", "max"]
    done = subprocess.run(
        [*command, "--threshold", "1", "--rate", "1e6", raw],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0
    sentence = "vectors keep their fast label until it answers; is `gr-speculative hub` running there"
    assert in_the_table(sentence) in done.stdout + done.stderr


def test_file_of_the_wrong_type(raw, tmp_path, capsys):
    song = raw.rename(tmp_path / "x.mp3")
    assert in_the_table("give the format, one of cu8, cs8, cs16, cf32") in error_of(capsys, "--no-slow", song)
    sound = tmp_path / "x.wav"
    sound.write_bytes(b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0" + bytes(12) + b"data\4\0\0\0abcd")
    assert in_the_table("expected 2, I and Q: this is sound, not a recording of IQ") in error_of(
        capsys, "--no-slow", sound
    )
    weights = tmp_path / "x.pt"
    weights.write_bytes(b"PK\3\4" + bytes(100))
    with refused(RuntimeError, "give the fast.onnx that `gr-speculative train` makes"):
        classifier(weights)
    pytest.importorskip("torch")
    from gr_speculative.slow_model import load_slow_model

    with refused(ValueError, "expected a slow model, NAME.safetensors with NAME.json beside it"):
        load_slow_model(default_fast_model())
