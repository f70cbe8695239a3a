#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
set -euxo pipefail

options=(
    -DCMAKE_BUILD_TYPE=Release
    -DLIB_SUFFIX=""
    -DPYTHON_EXECUTABLE="$PYTHON"
    -DGR_PYTHON_DIR="$SP_DIR"
)
# CMAKE_ARGS, of conda's compilers, holds prefix, sysroot and, where that is so, cross compilation.
# shellcheck disable=SC2086
cmake -G Ninja -S . -B build $CMAKE_ARGS "${options[@]}"
cmake --build build --parallel "$CPU_COUNT"
if [[ ${CONDA_BUILD_CROSS_COMPILATION:-0} != 1 ]]; then
    ctest --test-dir build --output-on-failure --timeout 300
fi
cmake --install build
