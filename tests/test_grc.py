# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""What GNU Radio Companion sees of the blocks: loaded by GRC itself, made in Python, compiled in C++."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
import yaml

gr = pytest.importorskip("gnuradio.gr")
Constants = pytest.importorskip("gnuradio.grc.core.Constants")
from gnuradio.grc.core.platform import Platform  # noqa: E402
from gnuradio.grc.core.schema_checker import BLOCK_SCHEME, Validator  # noqa: E402

ROOT = Path(__file__).parents[1]
HEADERS = ROOT / "include" / "gnuradio" / "speculative"
FILES = sorted((ROOT / "grc").glob("*.block.yml"))
DATA = {file.name.removesuffix(".block.yml"): yaml.safe_load(file.read_text()) for file in FILES}
CORE = ("options", "variable", "message.domain", "stream.domain")

# A value that GRC and the constructor must both refuse.
BAD_VALUES = [
    ("speculative_atmosphere_source", "frequency", "0"),
    ("speculative_atmosphere_source", "interval", "0"),
    ("speculative_atmosphere_source", "max_age", "0"),
    ("speculative_atmosphere_source", "alert_on", "0"),
    ("speculative_fast_classifier", "conditions_lifetime", "0"),
    ("speculative_fast_classifier", "vector_hop", "-1"),
    ("speculative_sigmf_annotation_sink", "center_frequency", "float('nan')"),
    ("speculative_slow_link", "key_file", "node.key"),
    ("speculative_fast_classifier", "fft_size", "1000"),
    ("speculative_fast_classifier", "sample_rate", "0"),
    ("speculative_fast_classifier", "sample_rate", "float('nan')"),
    ("speculative_fast_classifier", "threshold", "1.5"),
    ("speculative_fast_classifier", "deadline", "0"),
    ("speculative_fast_classifier", "deadline", "1e10"),
    ("speculative_fast_classifier", "center_frequency", "float('inf')"),
    ("speculative_fast_classifier", "budget", "-1"),
    ("speculative_fast_classifier", "burst", "0"),
    ("speculative_fast_classifier", "audit_fraction", "2"),
    ("speculative_fast_classifier", "audit_seed", "0"),
    ("speculative_fast_classifier", "audit_seed", "2**31 - 1"),
    ("speculative_fast_classifier", "conditions_strength", "2"),
    ("speculative_fast_classifier", "max_in_flight", "0"),
    ("speculative_fast_classifier", "max_run", "0"),
    ("speculative_fast_classifier", "telemetry_interval", "0.001"),
    ("speculative_power_spectrum", "fft_size", "16"),
    ("speculative_power_spectrum", "sample_rate", "0"),
    ("speculative_power_spectrum", "hop", "2**31"),
    ("speculative_power_spectrum", "average", "0"),
    ("speculative_spectrum_classifier", "sample_rate", "0"),
    ("speculative_spectrum_classifier", "center_frequency", "float('nan')"),
    ("speculative_spectrum_classifier", "deadline", "0"),
    ("speculative_spectrum_classifier", "budget", "-1"),
    ("speculative_spectrum_classifier", "burst", "0"),
    ("speculative_spectrum_classifier", "audit_fraction", "2"),
    ("speculative_spectrum_classifier", "audit_seed", "0"),
    ("speculative_spectrum_classifier", "conditions_strength", "2"),
    ("speculative_spectrum_classifier", "conditions_lifetime", "0"),
    ("speculative_spectrum_classifier", "fft_size", "1000"),
    ("speculative_spectrum_classifier", "hop", "-1"),
    ("speculative_spectrum_classifier", "average", "0"),
    ("speculative_spectrum_classifier", "telemetry_interval", "0.001"),
    ("speculative_spectrum_classifier", "max_in_flight", "0"),
    ("speculative_spectrum_classifier", "max_run", "0"),
    ("speculative_sigmf_annotation_sink", "path", "labels.json"),
    ("speculative_sigmf_annotation_sink", "sample_rate", "0"),
    ("speculative_sigmf_annotation_sink", "hop", "0"),
    ("speculative_sigmf_annotation_sink", "flush_interval", "0"),
    ("speculative_telemetry_sink", "seconds", "0"),
    ("speculative_waterfall_sink", "fft_size", "0"),
    ("speculative_waterfall_sink", "sample_rate", "0"),
    ("speculative_waterfall_sink", "row_interval", "0"),
    ("speculative_waterfall_sink", "hop", "-1"),
    ("speculative_waterfall_sink", "rows", "1"),
    ("speculative_soapy_source", "sample_rate", "0"),
    ("speculative_soapy_source", "frequencies", "[]"),
    ("speculative_soapy_source", "dwell", "0"),
    ("speculative_soapy_source", "settle", "-1"),
    ("speculative_slow_link", "endpoint", ""),
    ("speculative_slow_link", "max_queued", "0"),
    ("speculative_slow_link", "max_queued", "10000000"),
    ("speculative_slow_link", "heartbeat", "0"),
    ("speculative_slow_model", "threads", "0"),
    ("speculative_slow_model", "max_queued", "0"),
    ("speculative_slow_model", "max_batch", "0"),
]


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    prefs = gr.prefs()
    core = Path(prefs.get_string("grc", "global_blocks_path", "").split(":")[0])
    parts = (gr.major_version(), gr.api_version(), gr.minor_version())
    paths = [*FILES, *(core / f"{name}{'' if '.' in name else '.block'}.yml" for name in CORE)]
    cache = str(tmp_path_factory.mktemp("grc") / "cache.json")
    with mock.patch.object(Constants, "CACHE_FILE", cache):
        platform = Platform(version=gr.version(), version_parts=parts, prefs=prefs)
        platform.build_library([str(path) for path in [*paths, ROOT / "grc" / "speculative.tree.yml"]])
    return platform


@pytest.fixture
def place(platform):
    """Places a block in a new flowgraph of GRC, with values for some parameters; samp_rate is there."""

    def place(block_id, **values):
        flowgraph = platform.make_flow_graph()
        rate = flowgraph.new_block("variable")
        rate.params["id"].set_value("samp_rate")
        rate.params["value"].set_value("1e6")
        block = flowgraph.new_block(block_id)
        for name, value in {"id": "block", **values}.items():
            block.params[name].set_value(value)
        flowgraph.rewrite()
        flowgraph.validate()
        return block

    return place


@pytest.fixture(scope="module")
def speculative():
    why = (
        "gnuradio.speculative is not importable: build, and put build/test_modules on PYTHONPATH, or install"
    )
    return pytest.importorskip("gnuradio.speculative", reason=why)


def make(speculative, block):
    """The block that GRC's generated Python would make."""
    namespace = {"samp_rate": 1e6}
    exec(block.templates.render("imports"), namespace)
    try:
        # After the expression that makes it come statements about self.NAME.
        expression, *statements = block.templates.render("make").strip().split("\nself.")
        made = eval(expression, namespace)
        if "qwidget" not in "".join(statements):  # a widget's place is the window's business
            for statement in statements:
                exec(statement.replace(f"{block.name}.", "made.", 1), {"made": made})
        return made
    except FileNotFoundError as error:
        pytest.skip(str(error))
    except RuntimeError as error:
        if not re.search("torch|SoapySDR", str(error)):
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="module", autouse=True)
def application():
    """What a Qt sink needs, off screen."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    try:
        from PyQt5 import QtWidgets
    except ImportError:
        return None
    return QtWidgets.QApplication.instance() or QtWidgets.QApplication([])


def errors_of(block):
    return [text for _, text in block.iter_error_messages() if "Port is not connected" not in text]


@pytest.mark.parametrize("block_id", DATA)
def test_schema(block_id):
    validator = Validator(BLOCK_SCHEME)
    assert validator.run(DATA[block_id]), validator.messages
    assert not validator.messages
    assert DATA[block_id]["id"] == block_id


def test_lint():
    pytest.importorskip("yamllint")
    lint = [sys.executable, "-m", "yamllint", "--strict", "grc"]
    done = subprocess.run(lint, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("block_id", DATA)
def test_documentation_names_everything(block_id):
    data = DATA[block_id]
    names = [re.sub(r" \(.*", "", parameter["label"]) for parameter in data["parameters"]]
    ports = data.get("inputs", []) + data.get("outputs", [])
    names += [port.get("id") or port.get("label") or "(0)" for port in ports]
    told = re.findall(r"^([^:\n]+): ", data["documentation"], re.M)  # one name, or several with commas
    missing = set(names) - {name for names_told in told for name in names_told.split(", ")}
    assert not missing


@pytest.mark.parametrize("block_id", DATA)
def test_every_live_setter_is_a_callback(block_id):
    name = block_id.removeprefix("speculative_")
    header, module = HEADERS / f"{name}.h", ROOT / "python" / "speculative" / f"{name}.py"
    if header.exists():
        setters = re.findall(r"virtual void\s+(set_\w+)\(", header.read_text())
    else:
        setters = re.findall(r"\n    def (set_\w+)\(", module.read_text())
    for templates in ("templates", *(["cpp_templates"] if "cpp" in DATA[block_id]["flags"] else [])):
        calls = DATA[block_id][templates].get("callbacks", [])
        assert [call.split("(")[0] for call in calls] == setters


def test_palette(platform):
    assert {block_id: platform.blocks[block_id].category for block_id in DATA} == dict.fromkeys(
        DATA, ["Speculative"]
    )


@pytest.mark.parametrize("block_id", DATA)
def test_defaults_are_valid(place, block_id):
    assert errors_of(place(block_id)) == []


@pytest.mark.parametrize(
    ("kind", "dtype"), [("complex_fft", "complex"), ("power", "float"), ("decibel", "float")]
)
def test_input_sets_the_type_of_the_ports(place, kind, dtype):
    block = place("speculative_fast_classifier", input=kind, fft_size="2048")
    assert [(port.dtype, port.vlen) for port in (block.sinks[0], block.sources[0])] == [(dtype, 2048)] * 2
    assert [(port.dtype, port.vlen) for port in block.sources[1:3]] == [("short", 1), ("float", 1)]


@pytest.mark.parametrize("block_id", DATA)
def test_a_bad_value_tries_every_assert(block_id):
    names = {parameter["id"] for parameter in DATA[block_id]["parameters"]}
    tried = {name for block, name, _ in BAD_VALUES if block == block_id}
    for text in DATA[block_id].get("asserts", []):
        held = names & set(re.findall(r"\w+", text))
        assert held & tried or "slow ==" in text or "slow !=" in text, text  # those take a second value


@pytest.mark.parametrize(("block_id", "name", "value"), BAD_VALUES)
def test_assert_refuses(place, block_id, name, value):
    assert any("Assertion" in text for text in errors_of(place(block_id, **{name: value})))


@pytest.mark.parametrize("block_id", DATA)
def test_python_template(speculative, place, block_id):
    block = place(block_id)
    made = make(speculative, block)
    for call in block.templates.render("callbacks"):
        eval(f"made.{call}", {"made": made})


@pytest.mark.parametrize(("block_id", "name", "value"), BAD_VALUES)
def test_constructor_refuses_what_the_assert_refuses(speculative, place, block_id, name, value):
    # TypeError: of the binding, for a negative number where there can be none.
    with pytest.raises((ValueError, TypeError), match=name.replace("_", "[_ ]")):
        make(speculative, place(block_id, **{name: value}))


def test_spectrum_classifier_takes_keys(speculative, place, tmp_path):
    from gr_speculative.keys import write_pair

    key, hub = write_pair(tmp_path, "node")[0], write_pair(tmp_path, "hub")[1]
    hub_side = {"slow": "hub", "hub": "tcp://hub.example:5555", "key_file": str(key)}
    block = place("speculative_spectrum_classifier", **hub_side, hub_key_file=str(hub))
    assert errors_of(block) == []
    assert make(speculative, block).slow is not None
    lacking = place("speculative_spectrum_classifier", **hub_side)
    assert any("Assertion" in text for text in errors_of(lacking))
    with pytest.raises(ValueError, match="key"):
        make(speculative, lacking)


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.grc")), ids=lambda path: path.stem)
def test_example_compiles(example, tmp_path):
    compiler = shutil.which("grcc") or pytest.skip("grcc is not installed")
    environment = os.environ | {"GRC_BLOCKS_PATH": str(ROOT / "grc"), "HOME": str(tmp_path)}
    command = [compiler, "-o", str(tmp_path), str(example)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    compile((tmp_path / f"{example.stem}.py").read_text(), example.name, "exec")


def test_cpp_templates(platform, place, tmp_path):
    compiler = shutil.which("g++") or pytest.skip("g++ is not installed")
    includes, members, statements = [], [], ["const double samp_rate = 1e6;"]
    for number, block_id in enumerate(data_id for data_id in DATA if "cpp" in DATA[data_id]["flags"]):
        block = place(block_id, id=f"block_{number}")
        translations = block.cpp_templates["translations"]
        code = block.cpp_templates.render("make")
        for pattern, replacement in translations.items():
            code = re.sub(pattern, replacement, code)
        includes += block.cpp_templates.render("includes")
        members.append(block.cpp_templates.render("declarations"))
        statements += [code, *(f"{block.name}->{c};" for c in block.cpp_templates.render("callbacks"))]
    body = "\n".join([*members, "flowgraph() {", *statements, "}"])
    source = tmp_path / "flowgraph.cc"
    source.write_text("\n".join([*includes, "struct flowgraph {", body, "};"]))
    command = [compiler, "-std=c++17", "-fsyntax-only", f"-I{ROOT / 'include'}", str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
