/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <gnuradio/speculative/power_spectrum.h>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

namespace py = pybind11;

void bind_power_spectrum(py::module& m)
{
    using gr::speculative::power_spectrum;

    py::class_<power_spectrum,
               gr::block,
               gr::basic_block,
               std::shared_ptr<power_spectrum>>(
        m,
        "power_spectrum",
        "Complex samples to power spectra, DC centred, with tags placed to the sample.")
        .def(py::init(&power_spectrum::make),
             py::arg("window"),
             py::arg("sample_rate"),
             py::arg("hop") = 0,
             py::arg("average") = 1);
}
