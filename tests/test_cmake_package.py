# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""A C++ project elsewhere finds the installed module, compiles against it and runs."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from gr_speculative import __version__

speculative = pytest.importorskip(
    "gnuradio.speculative", reason="the GNU Radio module is not installed", exc_type=ImportError
)

CMAKE = """
cmake_minimum_required(VERSION 3.16)
project(elsewhere LANGUAGES CXX C)
set(CMAKE_CXX_STANDARD 17)
find_package(gnuradio-speculative {version} REQUIRED)
add_executable(elsewhere main.cc)
target_link_libraries(elsewhere gnuradio::gnuradio-speculative)
"""
MAIN = """
#include <gnuradio/speculative/fast_classifier.h>
#include <iostream>
int main()
{
    for (const auto& name : gr::speculative::kernel_names())
        std::cout << name << std::endl;
    try {
        gr::speculative::fast_classifier::make("nowhere.onnx", 0, 1e6);
    } catch (const std::runtime_error& error) {
        return 0;
    }
    return 1;
}
"""


@pytest.fixture(scope="module")
def prefix():
    for folder in Path(speculative.__file__).parents:
        for lib in ("lib*", "lib/*"):  # Debian has lib/ARCHITECTURE
            if any(folder.glob(f"{lib}/cmake/gnuradio-speculative")):
                return folder
    pytest.skip("the module runs from a build folder, not from an installation")


def test_a_project_elsewhere_builds_and_runs(prefix, tmp_path):
    cmake = shutil.which("cmake") or pytest.skip("cmake is not installed")
    (tmp_path / "CMakeLists.txt").write_text(CMAKE.format(version=__version__))
    (tmp_path / "main.cc").write_text(MAIN)
    build = tmp_path / "build"
    configure = [cmake, "-G", "Ninja", "-S", str(tmp_path), "-B", str(build), f"-DCMAKE_PREFIX_PATH={prefix}"]
    for command in (configure, [cmake, "--build", str(build)]):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    done = subprocess.run([build / "elsewhere"], env=os.environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == speculative.kernel_names()
