/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_TEST_CASCADE_H
#define INCLUDED_SPECULATIVE_CORE_TEST_CASCADE_H

#include "core/cascade.h"

#include <chrono>
#include <vector>

namespace gr {
namespace speculative {

// What the tests of the cascade have in common.
using scores = std::vector<float>;

const monotonic::time_point start{ std::chrono::seconds(1000) };
const scores unsure{ 0.5f, 0.3f, 0.2f };

inline cascade_config three_classes()
{
    cascade_config config;
    config.classes = 3;
    config.deadline = std::chrono::seconds(2);
    config.max_in_flight = 4;
    return config;
}

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_TEST_CASCADE_H */
