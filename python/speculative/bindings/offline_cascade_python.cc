/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/offline_cascade.h"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

namespace py = pybind11;

void bind_offline_cascade(py::module& m)
{
    using gr::speculative::offline_cascade;

    py::class_<offline_cascade> bound(
        m, "offline_cascade", "The blocks' cascade without blocks (inference_manager).");
    py::class_<offline_cascade::answer>(bound, "answer")
        .def_readonly("status", &offline_cascade::answer::status)
        .def_readonly("source", &offline_cascade::answer::source)
        .def_readonly("label", &offline_cascade::answer::label)
        .def_readonly("confidence", &offline_cascade::answer::confidence)
        .def_readonly("deferred", &offline_cascade::answer::deferred)
        .def_readonly("seq", &offline_cascade::answer::seq)
        .def_readonly("emission", &offline_cascade::answer::emission)
        .def_readonly("elapsed_ms", &offline_cascade::answer::elapsed_ms)
        .def_readonly("scores", &offline_cascade::answer::scores);
    bound
        .def(py::init<const gr::speculative::fast_model&, double, double, double>(),
             py::arg("model"),
             py::arg("threshold"),
             py::arg("deadline"),
             py::arg("conditions_strength"))
        .def("on_vector", &offline_cascade::on_vector, py::arg("posterior"), py::arg("x"))
        .def("on_invalid", &offline_cascade::on_invalid)
        .def("restart", &offline_cascade::restart)
        .def("set_per_emission", &offline_cascade::set_per_emission, py::arg("on"))
        .def(
            "on_verdict", &offline_cascade::on_verdict, py::arg("seq"), py::arg("scores"))
        .def("expire", &offline_cascade::expire)
        .def("on_conditions",
             &offline_cascade::on_conditions,
             py::arg("propagation_quality"),
             py::arg("tropospheric_duct_present"),
             py::arg("noise_level"),
             py::arg("timestamp"))
        .def_property_readonly("threshold", &offline_cascade::threshold)
        .def("counters", &offline_cascade::counters)
        .def("latency_quantile", &offline_cascade::latency_quantile, py::arg("q"));
}
