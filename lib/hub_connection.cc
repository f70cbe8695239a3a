/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "hub_connection.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>
#include <variant>
#include <vector>

namespace gr {
namespace speculative {

namespace {

constexpr auto shortest_renewal = std::chrono::milliseconds(1000);
constexpr int attempts = 5; // heartbeats that a socket gets to connect
constexpr auto sweep_interval = std::chrono::milliseconds(100);
constexpr int most_messages = 256; // read before others get their turn

std::string monitor_address(uint64_t serial)
{
    return "inproc://monitor" + std::to_string(serial);
}

zmq::socket_t
connect(zmq::context_t& context, uint64_t serial, const hub_connection::settings& s)
{
    zmq::socket_t hub(context, zmq::socket_type::dealer);
    const int ms = static_cast<int>(s.heartbeat.count());
    hub.set(zmq::sockopt::linger, 0);
    // Nothing is queued for a hub that is not there: it would come out stale when it
    // returns.
    hub.set(zmq::sockopt::immediate, true);
    hub.set(zmq::sockopt::sndhwm, static_cast<int>(s.send_limit));
    // Bounded by the credit; and libzmq (up to 4.3.5) aborts if a peer hangs up while a
    // receive limit holds back a connection with heartbeats.
    hub.set(zmq::sockopt::rcvhwm, 0);
    hub.set(zmq::sockopt::maxmsgsize, static_cast<int64_t>(wire::largest_header));
    hub.set(zmq::sockopt::heartbeat_ivl, std::max(ms / 2, 1));
    hub.set(zmq::sockopt::heartbeat_timeout, ms);
    hub.set(zmq::sockopt::handshake_ivl, ms);
    hub.set(zmq::sockopt::reconnect_ivl, 100);
    hub.set(zmq::sockopt::reconnect_ivl_max, 2000);
    s.keys.apply(hub);
    if (zmq_socket_monitor(hub.handle(),
                           monitor_address(serial).c_str(),
                           ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
                               ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                               ZMQ_EVENT_DISCONNECTED) != 0)
        throw zmq::error_t();
    try {
        hub.connect(s.endpoint);
    } catch (const zmq::error_t& error) {
        throw std::invalid_argument(
            "endpoint is '" + s.endpoint +
            "', expected one like tcp://host:5555 or ipc:///path (" + error.what() + ")");
    }
    return hub;
}

std::string_view view_of(const zmq::message_t& frame)
{
    return { static_cast<const char*>(frame.data()), frame.size() };
}

} // namespace

hub_connection::hub_connection(zmq::context_t& context,
                               uint64_t serial,
                               const settings& s,
                               listener l)
    : d_settings(s),
      d_listener(std::move(l)),
      d_hub(connect(context, serial, s)),
      d_monitor(context, zmq::socket_type::pair)
{
    d_monitor.set(zmq::sockopt::linger, 0);
    d_monitor.connect(monitor_address(serial));
}

hub_connection::~hub_connection() { zmq_socket_monitor(d_hub.handle(), nullptr, 0); }

bool hub_connection::turn(clock::time_point now)
{
    receive();
    if (!follow())
        return false;
    if (d_connected && now >= d_hello_due)
        say_hello(now);
    if (now >= d_sweep_due) {
        d_sweep_due = now + sweep_interval;
        // A hub that is behind still has them in its memory: only when it must have
        // dropped their answers do they no longer count.
        for (auto entry = d_unanswered.begin(); entry != d_unanswered.end();)
            entry = entry->second + d_lease < now ? d_unanswered.erase(entry)
                                                  : std::next(entry);
    }
    return d_connected ||
           now < d_begin + std::max<clock::duration>(attempts * d_settings.heartbeat,
                                                     shortest_renewal);
}

bool hub_connection::send(const request& r, clock::time_point expiry)
{
    const std::chrono::duration<double, std::milli> left = expiry - clock::now();
    if (!send_frames(wire::request_header(r, std::max(left.count(), 0.0)),
                     r.payload.data(),
                     r.payload.size()))
        return false;
    d_unanswered[{ r.session, r.seq }] = expiry;
    return true;
}

void hub_connection::say_hello(clock::time_point now)
{
    if (send_frames(wire::hello_header(d_settings.hello), nullptr, 0))
        d_hello_due = now + d_lease / 3;
}

bool hub_connection::send_frames(const std::string& header,
                                 const void* payload,
                                 size_t length)
{
    const std::array<zmq::const_buffer, 3> frames{ zmq::buffer(wire::version),
                                                   zmq::buffer(header),
                                                   zmq::buffer(payload, length) };
    // A message goes out whole or not at all: only its first frame can find the pipe full.
    for (size_t i = 0; i < frames.size(); i++) {
        const auto more =
            i + 1 < frames.size() ? zmq::send_flags::sndmore : zmq::send_flags::none;
        if (!d_hub.send(frames[i], more | zmq::send_flags::dontwait).has_value())
            return false;
    }
    return true;
}

void hub_connection::receive()
{
    for (int n = 0; n < most_messages; n++) {
        std::vector<zmq::message_t> frames;
        bool more = true;
        while (more) {
            zmq::message_t frame;
            if (!d_hub.recv(frame, zmq::recv_flags::dontwait))
                return;
            more = frame.more();
            if (frames.size() < 4) // one more than is right is wrong enough
                frames.push_back(std::move(frame));
        }
        try {
            if (frames.size() != 3)
                throw std::invalid_argument(
                    "expected 3 frames: version, header, payload");
            const wire::answer answer =
                wire::decode(view_of(frames[0]), view_of(frames[1]), view_of(frames[2]));
            std::visit([this](const auto& message) { take(message); }, answer);
        } catch (const std::invalid_argument& error) {
            d_listener.on_malformed(error.what());
        }
    }
}

void hub_connection::take(const verdict& v)
{
    d_unanswered.erase({ v.session, v.seq });
    d_listener.on_verdict(v);
}

void hub_connection::take(const wire::welcome& w)
{
    d_credit = w.credit;
    d_lease = w.lease;
    const std::string refusal =
        w.credit > 0 ? "" : "the hub refuses this node: " + w.message;
    if (refusal != d_refusal && !refusal.empty())
        d_listener.on_refusal(refusal);
    d_refusal = refusal;
}

// False if the connection has ended.
bool hub_connection::follow()
{
    zmq::message_t event;
    while (d_monitor.recv(event, zmq::recv_flags::dontwait)) {
        uint16_t id = 0;
        std::memcpy(&id, event.data(), sizeof(id));
        zmq::message_t address;
        (void)d_monitor.recv(address, zmq::recv_flags::dontwait);
        if (id == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
            d_connected = true;
            d_listener.on_connection(true);
        } else if (id == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) {
            d_listener.on_refusal("the hub does not know this node's key");
        } else if (d_connected) {
            d_connected = false;
            for (const auto& [identity, expiry] : d_unanswered)
                if (expiry >= clock::now()) // others have timed out long ago
                    d_listener.on_lost(identity.first, identity.second);
            d_listener.on_connection(false);
            return false;
        }
    }
    return true;
}

} // namespace speculative
} // namespace gr
