/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <gnuradio/speculative/slow_link.h>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

namespace py = pybind11;

void bind_slow_link(py::module& m)
{
    using gr::speculative::slow_link;

    py::class_<slow_link, gr::block, gr::basic_block, std::shared_ptr<slow_link>>(
        m,
        "slow_link",
        "Carries deferred vectors to a hub over ZeroMQ, and its verdicts back.")
        .def(py::init(&slow_link::make),
             py::arg("endpoint"),
             py::arg("max_queued") = 256,
             py::arg("heartbeat") = 2.0,
             py::arg("key_file") = "",
             py::arg("hub_key_file") = "",
             py::arg("allow_plaintext") = false,
             py::arg("node_id") = "",
             py::arg("hub_model") = "",
             py::arg("labels") = std::vector<std::string>(),
             py::arg("fft_size") = 0)
        .def("connected", &slow_link::connected)
        .def("counters", &slow_link::counters);
}
