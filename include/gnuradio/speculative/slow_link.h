/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_SLOW_LINK_H
#define INCLUDED_SPECULATIVE_SLOW_LINK_H

#include <gnuradio/block.h>
#include <gnuradio/speculative/api.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace gr {
namespace speculative {

/*!
 * \brief Carries deferred vectors to a hub over ZeroMQ, and its verdicts back.
 * \ingroup speculative
 *
 * \details
 * Message ports (docs/protocol.md): in `deferred`, out `verdicts`. A thread of its own
 * owns the DEALER socket; nothing here ever blocks the flowgraph. The hub grants a number
 * of requests that may be unanswered; more wait here, until their deadline. While the hub
 * is unreachable, which is said once, each deferred vector is answered at once with status
 * `unreachable`, and so are those that it had not answered when the connection ended; the
 * link reconnects by itself, which is said too. A hub that is there but answers nothing
 * (stopped, or cut off) counts as unreachable after heartbeat seconds. Where the hub
 * refuses the node, each vector is answered `error` with the hub's reason.
 */
class SPECULATIVE_API slow_link : virtual public gr::block
{
public:
    typedef std::shared_ptr<slow_link> sptr;

    /*!
     * \param endpoint where the hub listens, such as `tcp://hub.example:5555` or
     * `ipc:///run/hub`
     * \param max_queued deferred vectors that wait to be sent, >= 1; more are answered
     * `busy`
     * \param heartbeat seconds without a sign of life after which the hub is
     * unreachable, > 0
     * \param key_file this node's NAME.key and \param hub_key_file the hub's NAME.pub, of
     * `gr-speculative keys`; both empty: no encryption
     * \param allow_plaintext without keys, connect to another machine nevertheless
     * \param node_id name of this node; empty: the host's
     * \param hub_model name of the slow model that is to answer; empty: the hub chooses
     * \param labels the fast model's, in its order, and \param fft_size its FFT size: a hub
     * whose slow model does not fit refuses; empty and 0: not checked
     * \throws std::invalid_argument for an endpoint that ZeroMQ refuses or that would need
     * keys, a key file that cannot be used, or a value out of range
     */
    static sptr make(const std::string& endpoint,
                     size_t max_queued = 256,
                     double heartbeat = 2.0,
                     const std::string& key_file = "",
                     const std::string& hub_key_file = "",
                     bool allow_plaintext = false,
                     const std::string& node_id = "",
                     const std::string& hub_model = "",
                     const std::vector<std::string>& labels = {},
                     size_t fft_size = 0);

    /*! True while a connection to the hub stands. */
    virtual bool connected() const = 0;

    /*! sent, received, unsent (answered here: queue full, hub unreachable or unwilling,
     * deadline passed), lost (sent, but the connection ended first), malformed (frames from
     * the hub or messages from the flowgraph that are not valid), connects, disconnects. */
    virtual std::map<std::string, uint64_t> counters() const = 0;
};

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_SLOW_LINK_H */
