/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_WIRE_H
#define INCLUDED_SPECULATIVE_CORE_WIRE_H

#include "core/messages.h"

#include <string_view>
#include <chrono>
#include <string>
#include <variant>
#include <vector>

namespace gr {
namespace speculative {

/*! The frames between a node and a hub: version, JSON header, raw payload
 * (docs/protocol.md). */
namespace wire {

constexpr std::string_view version{ "GRSPEC\0\1", 8 };
constexpr size_t largest_header = 65536; //!< bytes
constexpr size_t largest_scores = 4096;  //!< classes
constexpr double longest_deadline_ms = 3.6e6;

/*! Who a node is, and what its slow model has to be; what is empty or 0 is not said. */
struct hello {
    std::string node_id;
    std::string model;
    std::vector<std::string> labels; //!< of the fast model, in its order
    size_t fft_size = 0;
};

/*! What the hub lets a node do. */
struct welcome {
    uint64_t credit = 0; //!< requests that may be unanswered at once; 0: refused
    std::chrono::milliseconds lease{
        0
    };                   //!< the hub forgets a node that is silent for longer
    std::string message; //!< why it is refused
};

using answer = std::variant<verdict, welcome>;

/*! The JSON header of a hello; its payload frame is empty. */
std::string hello_header(const hello& h);

/*! The JSON header of a request; its payload frame is request::payload as it is.
 * \param deadline_ms what is left of the request's deadline */
std::string request_header(const request& r, double deadline_ms);

/*! \param header, payload the frames of what a hub says; the version frame is `first`
 *  \throws std::invalid_argument naming the frame or field that is wrong. Lengths are
 * checked before anything is parsed or allocated. */
answer decode(std::string_view first, std::string_view header, std::string_view payload);

} // namespace wire

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CORE_WIRE_H */
