/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_HUB_CONNECTION_H
#define INCLUDED_SPECULATIVE_HUB_CONNECTION_H

#include "core/messages.h"
#include "core/wire.h"
#include "curve_keys.h"

#include <zmq.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <utility>

namespace gr {
namespace speculative {

/*! A node's end of the protocol: connects, says hello, keeps to its credit, and tells
 * what became of every request. Single-threaded; nothing blocks.
 *
 * Good for one connection: ZeroMQ reconnects a socket by itself, but not after a peer that
 * broke its protocol or sent too large a frame, so the next one takes a new socket. */
class hub_connection
{
public:
    using clock = std::chrono::steady_clock;

    struct settings {
        std::string endpoint;
        size_t send_limit = 256;             //!< messages that ZeroMQ may hold
        std::chrono::milliseconds heartbeat; //!< without a sign of life: disconnected
        curve_keys keys;
        wire::hello hello;
    };

    /*! Called from receive() and follow(). */
    struct listener {
        std::function<void(const verdict&)> on_verdict; //!< of the hub
        //! a request's connection has ended before its answer came, and before its deadline
        std::function<void(uint64_t session, uint64_t seq)> on_lost;
        std::function<void(const char* why)> on_malformed;
        std::function<void(bool connected)> on_connection;
        std::function<void(const std::string& why)> on_refusal; //!< by the hub
    };

    /*! \param serial another number for each in the same context: ZeroMQ lets go of an
     * address late \throws std::invalid_argument for an endpoint that ZeroMQ refuses */
    hub_connection(zmq::context_t& context,
                   uint64_t serial,
                   const settings& s,
                   listener l);
    ~hub_connection();

    /*! What to poll for input. */
    zmq::socket_t& socket() { return d_hub; }
    zmq::socket_t& monitor() { return d_monitor; }

    /*! Takes in whatever has come, says what is due. \return false if the connection has
     * ended, or none has come about for so long that a new socket is worth a try */
    bool turn(clock::time_point now);

    bool connected() const { return d_connected; }
    //! why the hub serves this node nothing; empty if it does
    const std::string& refusal() const { return d_refusal; }
    bool can_send() const { return d_connected && d_unanswered.size() < d_credit; }

    /*! \param expiry when its answer is no longer awaited
     *  \return false if ZeroMQ takes no more */
    bool send(const request& r, clock::time_point expiry);

private:
    void receive();
    void take(const verdict& v);
    void take(const wire::welcome& w);
    bool follow();
    void say_hello(clock::time_point now);
    bool send_frames(const std::string& header, const void* payload, size_t length);

    const settings d_settings;
    const listener d_listener;
    const clock::time_point d_begin = clock::now();
    zmq::socket_t d_hub;
    zmq::socket_t d_monitor; // PAIR, connected to d_hub's events
    bool d_connected = false;
    std::string d_refusal;
    size_t d_credit = 0;
    clock::duration d_lease = std::chrono::seconds(3);
    clock::time_point d_hello_due;
    clock::time_point d_sweep_due;
    std::map<std::pair<uint64_t, uint64_t>, clock::time_point> d_unanswered; // deadline
};

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_HUB_CONNECTION_H */
