# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""The command `gr-speculative doctor`: what is here, what is missing, and what to do about it."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from gr_speculative import __version__, surroundings
from gr_speculative.contract import Contract
from gr_speculative.finding import Finding, ok
from gr_speculative.installed import default_fast_model, default_slow_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `doctor`."""
    parser.add_argument("--hub", metavar="ENDPOINT", help="also ask this hub, such as tcp://hub.example:5555")


def run(args: argparse.Namespace) -> int:
    """Prints every finding; 1 if something is wrong, 0 if at most optional things are missing."""
    checks = [*CHECKS, ("hub", lambda: surroundings.hub(args.hub))] if args.hub else CHECKS
    wrong = 0
    for name, finding in examine(checks):
        print(f"  {finding.state:<8} {name:<14} {' '.join(finding.what.split())}", flush=True)
        if finding.fix:
            print(f"{'':<26}→ {finding.fix}")
        wrong += finding.state == "wrong"
    print("nothing is wrong" if not wrong else f"{wrong} to fix")
    return 1 if wrong else 0


def examine(checks: list[tuple[str, Callable[[], Finding]]]) -> Iterator[tuple[str, Finding]]:
    """The finding of each check; one that raises is wrong."""
    for name, check in checks:
        try:
            yield name, check()
        except Exception as error:  # whatever a damaged installation raises
            yield name, Finding("wrong", f"{type(error).__name__}: {error}", "reinstall what this names")


def _package(module: str, fix: str, state: str = "missing") -> Finding:
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        return Finding(state, str(error), fix)
    return ok(str(getattr(found, "__version__", getattr(found, "__file__", module))))


def _numpy() -> Finding:
    import numpy

    try:
        import pmt

        pmt.init_f32vector(1, numpy.zeros(1, numpy.float32).tolist())
        from gnuradio import gr  # noqa: F401
    except ImportError as error:
        if "numpy" in str(error).lower():
            fix = "pip install 'numpy<2': this GNU Radio was built for numpy 1"
            return Finding("wrong", f"{numpy.__version__}: {error}", fix)
    return ok(numpy.__version__)


def _gnuradio() -> Finding:
    try:
        from gnuradio import gr
    except ImportError as error:
        fix = "install GNU Radio 3.10 and use the Python that it was built for; only a hub does without"
        return Finding("missing", str(error), fix)
    if (gr.major_version(), int(gr.api_version())) < ("3", 10):
        return Finding("wrong", gr.version(), "install GNU Radio 3.10")
    return ok(gr.version())


def _module() -> Finding:
    try:
        from gnuradio import speculative
    except ImportError as error:
        state = "wrong" if "undefined symbol" in str(error) or ".so" in str(error) else "missing"
        fix = "build and install it: ./gr-speculative build, or cmake --install and ldconfig; an old copy of"
        return Finding(state, str(error), fix + " libgnuradio-speculative.so may be in the way")
    return ok(str(Path(speculative.__file__).parent))


def _kernels() -> Finding:
    from gnuradio import speculative

    return ok(", ".join(speculative.kernel_names()) + " (the first is used)")


def _fast_model() -> Finding:
    from gnuradio import speculative

    path = default_fast_model()
    try:
        model = speculative.fast_model(path)
    except RuntimeError as error:
        return Finding("wrong", str(error), "restore the model that came with the program, or train one")
    return ok(f"{model.name}: {model.fft_size} bins, {len(model.labels)} labels, {path}")


def _slow_model() -> Finding:
    path = Path(default_slow_model())
    contract = Contract.from_json(path.with_suffix(".json").read_bytes(), str(path.with_suffix(".json")))
    if importlib.util.find_spec("torch"):
        from gr_speculative.slow_model import load_slow_model

        try:
            load_slow_model(path)
        except ValueError as error:
            return Finding("wrong", str(error), "restore the model that came with the program, or train one")
    return ok(f"{contract.name}: context {contract.context}, {path}")


def _pair() -> Finding:
    from gnuradio import speculative

    fast = speculative.fast_model(default_fast_model())
    path = Path(default_slow_model()).with_suffix(".json")
    slow = Contract.from_json(path.read_bytes(), str(path))
    if tuple(fast.labels) != tuple(slow.labels) or fast.fft_size != slow.fft_size:
        what = "fast and slow model differ in labels or FFT size"
        return Finding("wrong", what, "use a pair trained together")
    return ok(f"{fast.name} and {slow.name} speak of the same labels")


def _companion() -> Finding:
    from gnuradio import gr

    folders = gr.prefs().get_string("grc", "global_blocks_path", "").split(":")
    folders += gr.prefs().get_string("grc", "local_blocks_path", "").split(":")

    folders += os.environ.get("GRC_BLOCKS_PATH", "").split(":")
    name = "speculative_spectrum_classifier.block.yml"
    found = [folder for folder in folders if folder and (Path(folder) / name).is_file()]
    if not found:
        fix = "set GRC_BLOCKS_PATH to the share/gnuradio/grc/blocks of the installation"
        return Finding("missing", "GNU Radio Companion does not find the blocks", fix)
    return ok(found[0])


_TORCH = "pip install torch safetensors, in a virtual environment; a node with a hub elsewhere does without"
CHECKS: list[tuple[str, Callable[[], Finding]]] = [
    ("gr-speculative", lambda: ok(f"{__version__}, {Path(__file__).parent}")),
    ("python", lambda: ok(f"{platform.python_version()}, {sys.executable}")),
    ("numpy", _numpy),
    ("gnuradio", _gnuradio),
    ("module", _module),
    ("kernels", _kernels),
    ("zmq", lambda: _package("zmq", "pip install pyzmq", "wrong")),
    ("torch", lambda: _package("torch", _TORCH)),
    ("safetensors", lambda: _package("safetensors", _TORCH)),
    ("sigmf", lambda: _package("sigmf", "pip install sigmf; only to validate annotations")),
    ("PyQt5", lambda: _package("PyQt5", "apt install python3-pyqt5; only for the Qt sinks")),
    ("fast model", _fast_model),
    ("slow model", _slow_model),
    ("pair", _pair),
    ("companion", _companion),
    *surroundings.CHECKS,
]
