/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_STREAM_TAGS_H
#define INCLUDED_SPECULATIVE_STREAM_TAGS_H

#include <pmt/pmt.h>

#include <cstdint>

namespace gr {
namespace speculative {

/*! Reads the value of an `rx_time` tag, a tuple of whole seconds and a fraction 0..1.
 * \return false if it is none */
bool time_from(const pmt::pmt_t& value, uint64_t& seconds, double& fraction);

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_STREAM_TAGS_H */
