/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_MONOTONIC_H
#define INCLUDED_SPECULATIVE_CORE_MONOTONIC_H

#include <chrono>

namespace gr {
namespace speculative {

/*! The clock of deadlines: setting the machine's time does not move it. */
using monotonic = std::chrono::steady_clock;

/*! \throws std::invalid_argument naming `what` unless 0 < value <= a century */
monotonic::duration from_seconds(const char* what, double value);

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_MONOTONIC_H */
