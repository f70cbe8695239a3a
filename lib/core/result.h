/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_RESULT_H
#define INCLUDED_SPECULATIVE_CORE_RESULT_H

#include "core/stream_clock.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace gr {
namespace speculative {

enum class result_status { provisional, final_, revised };
enum class result_source { fast, ensemble, slow, fast_fallback, fast_unbudgeted };
const char* to_string(result_status status);
const char* to_string(result_source source);

/*! What is published about one vector at one time. */
struct result {
    vector_position where;
    result_status status = result_status::final_;
    result_source source = result_source::fast;
    int16_t label = -1;
    float confidence = 0.0f; //!< of `label` in `scores`
    int16_t fast_label = -1; //!< without this vector's verdict
    float fast_confidence = 0.0f;
    std::optional<uint64_t> emission; //!< that the vector belongs to; per_emission only
    bool deferred = false;
    bool audit = false;        //!< deferred although confident, to be checked
    uint64_t seq = 0;          //!< if deferred
    double elapsed_ms = 0.0;   //!< since the deferral
    bool late = false;         //!< revised after its deadline
    std::vector<float> scores; //!< [C]

    //! Final at once: the fast model, or what is known of the emission, was sure enough.
    bool accepted() const
    {
        return status == result_status::final_ &&
               source != result_source::fast_fallback &&
               source != result_source::fast_unbudgeted;
    }
};

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_RESULT_H */
