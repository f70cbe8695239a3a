/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "core/monotonic.h"

#include <stdexcept>
#include <string>

namespace gr {
namespace speculative {

monotonic::duration from_seconds(const char* what, double value)
{
    // A century does for "never" and cannot overflow the clock.
    if (!(value > 0.0 && value <= 3.2e9))
        throw std::invalid_argument(what + (" is " + std::to_string(value)) +
                                    ", expected seconds > 0");
    return std::chrono::duration_cast<monotonic::duration>(
        std::chrono::duration<double>(value));
}

} // namespace speculative
} // namespace gr
