/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CURVE_KEYS_H
#define INCLUDED_SPECULATIVE_CURVE_KEYS_H

#include <zmq.hpp>

#include <string>

namespace gr {
namespace speculative {

/*! A node's own key and its hub's, as Z85; all empty: no encryption. */
struct curve_keys {
    std::string secret_key;
    std::string public_key;
    std::string hub_key;

    bool empty() const { return hub_key.empty(); }
    void apply(zmq::socket_t& socket) const;
};

/*! Reads the files that `gr-speculative keys` writes.
 *  \param key_file the node's NAME.key \param hub_key_file the hub's NAME.pub; both or
 * neither
 *  \throws std::invalid_argument naming the file that cannot be read or is no key, also a
 * NAME.key that others may read */
curve_keys read_curve_keys(const std::string& key_file, const std::string& hub_key_file);

/*! Whether an endpoint is on this machine, so that it may do without encryption. */
bool stays_here(const std::string& endpoint);

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_CURVE_KEYS_H */
