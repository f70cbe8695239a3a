/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <gnuradio/speculative/fast_classifier.h>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

namespace py = pybind11;

void bind_fast_classifier(py::module& m)
{
    using gr::speculative::fast_classifier;
    using gr::speculative::input_kind;

    py::class_<fast_classifier,
               gr::sync_block,
               gr::block,
               gr::basic_block,
               std::shared_ptr<fast_classifier>>(
        m,
        "fast_classifier",
        "Classifies every FFT vector inline, defers what it is unsure of.")
        .def(py::init(&fast_classifier::make),
             py::arg("model"),
             py::arg("fft_size"),
             py::arg("sample_rate"),
             py::arg("input") = input_kind::complex_fft,
             py::arg("shift") = false,
             py::arg("threshold") = -1.0,
             py::arg("deadline") = 2.0,
             py::arg("center_frequency") = 0.0,
             py::arg("vector_hop") = 0,
             py::arg("max_in_flight") = 256,
             py::arg("max_run") = 1,
             py::arg("telemetry_interval") = 1.0,
             py::arg("node_id") = "")
        .def("set_threshold", &fast_classifier::set_threshold, py::arg("threshold"))
        .def("set_deadline", &fast_classifier::set_deadline, py::arg("seconds"))
        .def(
            "set_center_frequency", &fast_classifier::set_center_frequency, py::arg("hz"))
        .def("set_rule", &fast_classifier::set_rule, py::arg("rule"))
        .def("set_budget",
             &fast_classifier::set_budget,
             py::arg("rate"),
             py::arg("burst") = 32.0)
        .def("set_audit_fraction",
             &fast_classifier::set_audit_fraction,
             py::arg("fraction"),
             py::arg("seed") = 1)
        .def("set_conditions",
             &fast_classifier::set_conditions,
             py::arg("strength"),
             py::arg("lifetime") = 3600.0,
             py::arg("usual_noise") = std::numeric_limits<double>::quiet_NaN())
        .def("set_per_emission", &fast_classifier::set_per_emission, py::arg("on"))
        .def("per_emission", &fast_classifier::per_emission)
        .def("threshold", &fast_classifier::threshold)
        .def("deadline", &fast_classifier::deadline, "Seconds.")
        .def(
            "labels",
            [](const fast_classifier& self) { return self.model().labels(); },
            "Class names; output 1 indexes them.")
        .def(
            "fft_size",
            [](const fast_classifier& self) { return self.model().fft_size(); },
            "Bins a vector.")
        .def(
            "window",
            [](const fast_classifier& self) { return self.model().window(); },
            "The FFT window that the model was trained with.")
        .def("kernel_name",
             [](const fast_classifier& self) { return self.model().kernel_name(); })
        .def("counters",
             &fast_classifier::counters,
             "Every counter by name, one consistent snapshot.")
        .def("latency_quantile",
             &fast_classifier::latency_quantile,
             py::arg("q"),
             "Milliseconds from deferral to merged verdict.");
}
