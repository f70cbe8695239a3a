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

namespace gr {
namespace speculative {

/*!
 * \brief Carries deferred vectors to a hub over ZeroMQ, and its verdicts back.
 * \ingroup speculative
 *
 * \details
 * Message ports (docs/protocol.md): in `deferred`, out `verdicts`. A thread of its own
 * owns the DEALER socket; nothing here ever blocks the flowgraph. While the hub is
 * unreachable, which is said once, each deferred vector is answered at once with status
 * `unreachable`; the link reconnects by itself, which is said too. A hub that is there
 * but answers nothing (stopped, or cut off) counts as unreachable after heartbeat
 * seconds.
 */
class SPECULATIVE_API slow_link : virtual public gr::block
{
public:
    typedef std::shared_ptr<slow_link> sptr;

    /*!
     * \param endpoint where the hub listens, such as `tcp://hub.example:5555` or
     * `ipc:///run/hub` \param max_queued deferred vectors that wait to be sent, >= 1;
     * more are answered `busy` \param heartbeat seconds without a sign of life after
     * which the hub is unreachable, > 0 \throws std::invalid_argument for an endpoint
     * that ZeroMQ refuses or a value out of range
     */
    static sptr
    make(const std::string& endpoint, size_t max_queued = 256, double heartbeat = 2.0);

    /*! True while a connection to the hub stands. */
    virtual bool connected() const = 0;

    /*! sent, received, unsent (queue full or hub unreachable), malformed (frames from the
     * hub or messages from the flowgraph that are not valid), connects, disconnects. */
    virtual std::map<std::string, uint64_t> counters() const = 0;
};

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_SLOW_LINK_H */
