/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_WIRE_H
#define INCLUDED_SPECULATIVE_CORE_WIRE_H

#include "core/messages.h"

#include <string_view>
#include <string>

namespace gr {
namespace speculative {

/*! The frames between a node and a hub: version, JSON header, raw payload
 * (docs/protocol.md). */
namespace wire {

constexpr std::string_view version{ "GRSPEC\0\1", 8 };
constexpr size_t largest_header = 65536; //!< bytes
constexpr size_t largest_scores = 4096;  //!< classes

/*! The JSON header of a request; its payload frame is request::payload as it is. */
std::string request_header(const request& r);

/*! \param header, payload the frames of a verdict; the version frame is `first`
 *  \throws std::invalid_argument naming the frame or field that is wrong. Lengths are
 * checked before anything is parsed or allocated. */
verdict
decode_verdict(std::string_view first, std::string_view header, std::string_view payload);

} // namespace wire

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_WIRE_H */
