/*
 * Copyright 2026 gr-speculative contributors
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_FAST_MODEL_H
#define INCLUDED_SPECULATIVE_FAST_MODEL_H

#include <gnuradio/speculative/api.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace gr {
namespace speculative {

struct benefit_model;
struct merge_weights;
struct spectrum_levels;
struct threshold_strata;

//! What one element of an input vector is.
enum class input_kind {
    complex_fft, //!< std::complex<float>, the FFT's output
    power,       //!< float, squared magnitude
    decibel      //!< float, dB; -inf is zero power
};

//! The score that is held against the threshold: a vector is accepted when score >= threshold.
enum class deferral_rule {
    margin,          //!< largest minus second largest posterior
    max_probability, //!< largest posterior
    entropy,         //!< 1 - entropy / log C
    benefit,         //!< 1 - probability that the slow model is right and this one wrong
};

/*!
 * \brief The classifier that runs inline: a model file, its preprocessing and its arithmetic.
 *
 * Reads an ONNX file that carries its contract (docs/model-format.md), compiles it into a flat
 * plan for the processor at hand, and from then on allocates nothing. One instance serves one
 * thread at a time; several instances are independent.
 *
 * N is fft_size(), C the number of labels(), F feature_size().
 */
class SPECULATIVE_API fast_model
{
public:
    /*!
     * \param path an ONNX file
     * \param kernel the instruction set to compute with: `reference`, `sse4`, `avx2`, `avx3`
     *        (AVX-512), `avx3_vnni` or `neon`; empty: the environment variable `SPECULATIVE_KERNEL` if set,
     *        else the fastest that this processor has
     * \throws std::runtime_error naming the file and what is wrong with it: unreadable,
     *         damaged, not ONNX, no contract, a field out of range, an unsupported operator
     * \throws std::invalid_argument for a kernel that is unknown or that this processor lacks,
     *         with those that it has
     */
    explicit fast_model(const std::string& path, const std::string& kernel = "");
    ~fast_model();
    fast_model(fast_model&&) noexcept;
    fast_model& operator=(fast_model&&) noexcept;

    const std::string& name() const;                //!< of the contract
    const std::vector<std::string>& labels() const; //!< C class names, in output order
    size_t fft_size() const;                        //!< N, bins a vector
    size_t feature_size() const;                    //!< F, width of the penultimate layer
    const std::string& window() const; //!< FFT window, a gnuradio.fft.window name
    double temperature() const;        //!< > 0; classify() already applies it
    deferral_rule rule() const;
    double threshold() const; //!< 0..1
    const threshold_strata&
    strata() const;              //!< that have others (lib/core/deferral_rules.h)
    double disagreement() const; //!< share of accepted vectors on which the slow model
                                 //!< says otherwise when all is well, in (0, 1)
    const benefit_model& benefit() const; //!< of the rule `benefit`, if the file has it
    const merge_weights& merge() const;   //!< fast and slow posterior (lib/core/merge.h)
    size_t slow_context() const;          //!< vectors K that the slow partner wants, >= 1
    const std::string& sha256() const;    //!< of the file, 64 hexadecimal digits
    const char* kernel_name() const;      //!< the instruction set in use

    /*!
     * \brief Turns one vector into decibels and into the network's input.
     *
     * docs/architecture.md, "Preprocessing, version 1", equal to the Python one within 1e-5.
     *
     * \param in [N] elements of `kind`
     * \param shift true if bin 0 is DC (an FFT's own order): the halves are swapped on the way,
     *        so that db and x are DC centred
     * \param db [N] decibels, >= -200
     * \param x [N] decibels over the noise floor, scaled and clipped
     * \returns false for an invalid vector (power NaN or infinite, dB NaN or +inf); db and x
     *          are then finite but mean nothing
     */
    bool preprocess(const void* in, input_kind kind, bool shift, float* db, float* x);

    /*!
     * \brief Posterior class probabilities of n vectors.
     *
     * A row's result does not depend on the rows it is computed with.
     *
     * \param x [n][N] from preprocess()
     * \param rate [n] rate_feature() of each vector
     * \param n number of vectors, any
     * \param posterior [n][C] softmax(logits / temperature); 1/C each if a logit is not finite,
     *        which a sound model never gives, so that the vector counts as unsure
     * \param features [n][F] the penultimate layer, or null
     */
    void classify(const float* x,
                  const float* rate,
                  size_t n,
                  float* posterior,
                  float* features = nullptr);

    //! Vectors that begin() takes until finish() is called.
    static constexpr size_t max_batch = 16;

    /*!
     * \brief preprocess() and classify() vector by vector, with no copy between them.
     *
     * Does of vector i of a batch what concerns it alone, while it is in the processor's
     * first cache; finish() does the rest for all at once. The results are those of
     * preprocess() and classify(), to the last bit.
     *
     * \param i 0..max_batch-1
     * \param in, kind, shift, db as preprocess() has them
     * \param rate as classify() has it
     * \param levels what levels() gives of x(i), or null: not wanted
     * \returns false for an invalid vector, which must not be part of the batch
     */
    bool begin(size_t i,
               const void* in,
               input_kind kind,
               bool shift,
               float rate,
               float* db,
               spectrum_levels* levels = nullptr);

    //! The network's input of vector i of the batch, [N], until another takes its place.
    const float* x(size_t i) const;

    /*!
     * \brief Posteriors of vectors 0..n-1, each of which was given to begin().
     * \param n 0..max_batch
     * \param posterior [n][C] as classify() has it
     */
    void finish(size_t n, float* posterior);

    /*!
     * \brief What the rule `benefit` and strata of SNR look at (lib/core/deferral_rules.h).
     * \param x [N] from preprocess()
     */
    spectrum_levels levels(const float* x) const;

    /*!
     * \brief The score of a rule, 0..1, as the blocks hold it against the threshold.
     * \param posterior [C] from classify()
     * \param x [N] from preprocess(); only `benefit` looks at it
     * \throws std::invalid_argument for `benefit` if the file has no calibration.benefit
     */
    double score(deferral_rule rule, const float* posterior, const float* x) const;

    /*!
     * \brief The network's second input, log10 of kilohertz per bin.
     * \param sample_rate Hz, > 0
     */
    float rate_feature(double sample_rate) const;

private:
    struct impl;
    std::unique_ptr<impl> d_impl;
};

//! Instruction sets that this processor and this build have, fastest first; `reference` last.
SPECULATIVE_API std::vector<std::string> kernel_names();

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_FAST_MODEL_H */
