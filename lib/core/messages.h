/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_MESSAGES_H
#define INCLUDED_SPECULATIVE_CORE_MESSAGES_H

#include <cstdint>
#include <string>
#include <vector>

namespace gr {
namespace speculative {

/*! A deferred vector with its context, on its way to the slow model (docs/protocol.md).
 */
struct request {
    uint64_t session = 0; //!< random id of this run of the flowgraph
    uint64_t seq = 0;
    uint64_t offset = 0;  //!< index of the deferred vector, the last of the context
    uint64_t vectors = 0; //!< rows of the payload, oldest first
    uint64_t fft_size = 0;
    double db_scale = 1.0; //!< dB = db_offset + db_scale * payload
    double db_offset = 0.0;
    double sample_rate = 0.0;      //!< Hz
    double center_frequency = 0.0; //!< Hz
    double deadline_ms = 0.0;
    std::string fast_label;
    double fast_confidence = 0.0;
    std::string node_id;
    std::vector<uint8_t> payload; //!< vectors x fft_size
};

enum class verdict_status { ok, busy, expired, error, unreachable };

/*! The slow model's answer. */
struct verdict {
    uint64_t session = 0;
    uint64_t seq = 0;
    verdict_status status = verdict_status::ok;
    std::vector<float> scores; //!< class probabilities; empty unless status is ok
    std::string model;
    std::string model_sha256;
    double elapsed_ms = 0.0; //!< inside the slow side
    std::string message;     //!< what went wrong
    std::string heads;       //!< further answers, a JSON object; empty: none
};

const char* to_string(verdict_status status);
//! \throws std::invalid_argument naming the unknown word and the known ones
verdict_status verdict_status_from(const std::string& word);

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_MESSAGES_H */
