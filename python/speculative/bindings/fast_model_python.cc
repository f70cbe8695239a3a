/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <gnuradio/speculative/fast_model.h>

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <stdexcept>

namespace py = pybind11;
using namespace gr::speculative;

namespace {

using floats = py::array_t<float, py::array::c_style | py::array::forcecast>;
using complexes =
    py::array_t<std::complex<float>, py::array::c_style | py::array::forcecast>;

// [n][N] input -> dict of db [n][N], x [n][N], valid [n]
template <class Array>
py::dict preprocess(fast_model& model, const Array& vectors, input_kind kind, bool shift)
{
    const auto bins = static_cast<py::ssize_t>(model.fft_size());
    if (vectors.ndim() != 2 || vectors.shape(1) != bins)
        throw std::invalid_argument("vectors: expected an array of shape [n, " +
                                    std::to_string(bins) + "]");
    const py::ssize_t n = vectors.shape(0);
    py::array_t<float> db({ n, bins });
    py::array_t<float> x({ n, bins });
    py::array_t<bool> valid(n);
    for (py::ssize_t i = 0; i < n; i++)
        valid.mutable_at(i) = model.preprocess(
            vectors.data(i, 0), kind, shift, db.mutable_data(i, 0), x.mutable_data(i, 0));
    py::dict out;
    out["db"] = db;
    out["x"] = x;
    out["valid"] = valid;
    return out;
}

py::dict
preprocess_any(fast_model& model, const py::array& vectors, input_kind kind, bool shift)
{
    if (kind == input_kind::complex_fft)
        return preprocess(model, complexes(vectors), kind, shift);
    return preprocess(model, floats(vectors), kind, shift);
}

py::dict classify(fast_model& model, const floats& x, const floats& rate)
{
    const auto bins = static_cast<py::ssize_t>(model.fft_size());
    if (x.ndim() != 2 || x.shape(1) != bins || rate.ndim() != 1 ||
        rate.shape(0) != x.shape(0))
        throw std::invalid_argument("classify: expected x of shape [n, " +
                                    std::to_string(bins) + "] and rate of shape [n]");
    const py::ssize_t n = x.shape(0);
    py::array_t<float> posterior({ n, static_cast<py::ssize_t>(model.labels().size()) });
    py::array_t<float> features({ n, static_cast<py::ssize_t>(model.feature_size()) });
    float* const p = posterior.mutable_data();
    float* const f = features.mutable_data();
    {
        py::gil_scoped_release release;
        model.classify(x.data(), rate.data(), n, p, f);
    }
    py::dict out;
    out["posterior"] = posterior;
    out["features"] = features;
    return out;
}

// [n][C] posteriors, [n][N] spectra -> [n]
py::array_t<double> score(const fast_model& model,
                          deferral_rule rule,
                          const floats& posterior,
                          const floats& x)
{
    const auto classes = static_cast<py::ssize_t>(model.labels().size());
    const auto bins = static_cast<py::ssize_t>(model.fft_size());
    if (posterior.ndim() != 2 || posterior.shape(1) != classes || x.ndim() != 2 ||
        x.shape(1) != bins || x.shape(0) != posterior.shape(0))
        throw std::invalid_argument("score: expected posterior of shape [n, " +
                                    std::to_string(classes) + "] and x of shape [n, " +
                                    std::to_string(bins) + "]");
    py::array_t<double> scores(posterior.shape(0));
    for (py::ssize_t i = 0; i < posterior.shape(0); i++)
        scores.mutable_at(i) = model.score(rule, posterior.data(i, 0), x.data(i, 0));
    return scores;
}

} // namespace

void bind_fast_model(py::module& m)
{
    py::enum_<input_kind>(m, "input_kind", "What one element of an input vector is.")
        .value("complex_fft", input_kind::complex_fft)
        .value("power", input_kind::power)
        .value("decibel", input_kind::decibel);

    py::enum_<deferral_rule>(m, "deferral_rule", "What is held against the threshold.")
        .value("margin", deferral_rule::margin)
        .value("max_probability", deferral_rule::max_probability)
        .value("entropy", deferral_rule::entropy)
        .value("benefit", deferral_rule::benefit);

    py::class_<fast_model>(m, "fast_model", "The classifier that runs inline, offline.")
        .def(py::init<const std::string&, const std::string&>(),
             py::arg("path"),
             py::arg("kernel") = "")
        .def_property_readonly("name", &fast_model::name)
        .def_property_readonly("labels", &fast_model::labels)
        .def_property_readonly("fft_size", &fast_model::fft_size)
        .def_property_readonly("feature_size", &fast_model::feature_size)
        .def_property_readonly("window", &fast_model::window)
        .def_property_readonly("temperature", &fast_model::temperature)
        .def_property_readonly("rule", &fast_model::rule)
        .def_property_readonly("threshold", &fast_model::threshold)
        .def_property_readonly("slow_context", &fast_model::slow_context)
        .def_property_readonly("sha256", &fast_model::sha256)
        .def_property_readonly("kernel_name", &fast_model::kernel_name)
        .def("rate_feature", &fast_model::rate_feature, py::arg("sample_rate"))
        .def(
            "preprocess",
            &preprocess_any,
            py::arg("vectors"),
            py::arg("kind"),
            py::arg("shift") = false,
            "[n, N] vectors -> dict: db float32 [n, N], x float32 [n, N], valid bool [n]")
        .def("classify",
             &classify,
             py::arg("x"),
             py::arg("rate"),
             "x float32 [n, N], rate float32 [n] -> dict: posterior float32 [n, C], "
             "features float32 [n, F]")
        .def("score",
             &score,
             py::arg("rule"),
             py::arg("posterior"),
             py::arg("x"),
             "posterior float32 [n, C], x float32 [n, N] -> the rule's scores, float64 "
             "[n]");

    m.def(
        "kernel_names", &kernel_names, "Instruction sets available here, fastest first.");
}
