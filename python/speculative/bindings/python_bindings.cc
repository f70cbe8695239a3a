/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <pybind11/pybind11.h>

namespace py = pybind11;

void bind_fast_model(py::module& m);
void bind_fast_classifier(py::module& m);
void bind_offline_cascade(py::module& m);
void bind_power_spectrum(py::module& m);
void bind_slow_link(py::module& m);

PYBIND11_MODULE(speculative_python, m)
{
    py::module::import("gnuradio.gr"); // the base classes of the blocks
    bind_fast_model(m);
    bind_fast_classifier(m);
    bind_offline_cascade(m);
    bind_power_spectrum(m);
    bind_slow_link(m);
}
