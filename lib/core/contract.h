/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_CONTRACT_H
#define INCLUDED_SPECULATIVE_CORE_CONTRACT_H

#include "deferral_rules.h"

#include <cstddef>
#include <string>
#include <vector>

namespace gr {
namespace speculative {

/*! Constants of the preprocessing (docs/architecture.md, "Preprocessing, version 1"). */
struct preprocessing_constants {
    std::string window;         //!< FFT window, a gnuradio.fft.window name
    size_t floor_blocks = 32;   //!< 1..256, divides the FFT size
    size_t floor_rank = 3;      //!< < floor_blocks; 0 is the smallest block mean
    size_t reference_rank = 24; //!< < floor_blocks
    float max_depth_db = 20.0f; //!< >= 0: how far below the reference a floor may lie
    float scale_db = 20.0f;     //!< > 0
    float clip_low = -1.0f;
    float clip_high = 3.0f; //!< > clip_low
};

/*! What a fast model says about itself (docs/model-format.md). */
struct contract {
    std::string name;
    std::vector<std::string> labels; //!< at least 2, distinct
    size_t fft_size = 0;             //!< a multiple of 32
    preprocessing_constants preprocessing;
    double temperature = 1.0; //!< > 0
    deferral_rule rule = deferral_rule::margin;
    benefit_model benefit;
    double threshold = 0.0; //!< 0..1
    threshold_strata strata;
    double disagreement = 0.004; //!< (0, 1): of fast and slow where fast is accepted
    merge_weights merge;
    size_t slow_context = 1; //!< >= 1
};

/*! Parses and checks the contract of a fast model.
 * \param json the document
 * \param source the file that errors name
 * \throws std::runtime_error naming source, field and what was expected
 */
contract parse_contract(const std::string& json, const std::string& source);

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_CONTRACT_H */
