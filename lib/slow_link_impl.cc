/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "slow_link_impl.h"

#include "core/wire.h"
#include "pdu.h"

#include <gnuradio/io_signature.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace gr {
namespace speculative {

namespace {

const pmt::pmt_t port_deferred = pmt::mp("deferred");
const pmt::pmt_t port_verdicts = pmt::mp("verdicts");

constexpr auto poll_timeout = std::chrono::milliseconds(100);
constexpr const char* bell_address = "inproc://bell";
constexpr const char* monitor_address = "inproc://monitor";
constexpr auto shortest_renewal = std::chrono::milliseconds(1000);
// Heartbeats that a socket gets to connect before another takes its place.
constexpr int attempts = 5;

std::chrono::milliseconds checked(double heartbeat)
{
    if (!(heartbeat >= 0.01 && heartbeat <= 3600.0))
        throw std::invalid_argument("heartbeat is " + std::to_string(heartbeat) +
                                    ", expected 0.01 to 3600 seconds");
    return std::chrono::milliseconds(static_cast<int64_t>(heartbeat * 1e3));
}

zmq::socket_t connect(zmq::context_t& context,
                      const std::string& endpoint,
                      size_t max_queued,
                      std::chrono::milliseconds heartbeat,
                      const std::string& events_address)
{
    zmq::socket_t hub(context, zmq::socket_type::dealer);
    const int ms = static_cast<int>(heartbeat.count());
    hub.set(zmq::sockopt::linger, 0);
    // Nothing is queued for a hub that is not there: it would come out stale when it
    // returns.
    hub.set(zmq::sockopt::immediate, true);
    hub.set(zmq::sockopt::sndhwm, static_cast<int>(max_queued));
    // Unbounded here, for this thread always takes verdicts out at once; and libzmq (up
    // to 4.3.5) aborts if a peer hangs up while a receive limit holds back a connection
    // with heartbeats.
    hub.set(zmq::sockopt::rcvhwm, 0);
    hub.set(zmq::sockopt::maxmsgsize, static_cast<int64_t>(wire::largest_header));
    hub.set(zmq::sockopt::heartbeat_ivl, std::max(ms / 2, 1));
    hub.set(zmq::sockopt::heartbeat_timeout, ms);
    hub.set(zmq::sockopt::handshake_ivl, ms);
    hub.set(zmq::sockopt::reconnect_ivl, 100);
    hub.set(zmq::sockopt::reconnect_ivl_max, 2000);
    if (zmq_socket_monitor(hub.handle(),
                           events_address.c_str(),
                           ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED) != 0)
        throw zmq::error_t();
    try {
        hub.connect(endpoint);
    } catch (const zmq::error_t& error) {
        throw std::invalid_argument(
            "endpoint is '" + endpoint +
            "', expected one like tcp://host:5555 or ipc:///path (" + error.what() + ")");
    }
    return hub;
}

std::string_view view_of(const zmq::message_t& frame)
{
    return { static_cast<const char*>(frame.data()), frame.size() };
}

} // namespace

slow_link::sptr
slow_link::make(const std::string& endpoint, size_t max_queued, double heartbeat)
{
    return gnuradio::make_block_sptr<slow_link_impl>(endpoint, max_queued, heartbeat);
}

slow_link_impl::slow_link_impl(const std::string& endpoint,
                               size_t max_queued,
                               double heartbeat)
    : gr::block(
          "slow_link", gr::io_signature::make(0, 0, 0), gr::io_signature::make(0, 0, 0)),
      d_endpoint(endpoint),
      d_max_queued(max_queued),
      d_heartbeat(checked(heartbeat))
{
    if (max_queued == 0 || max_queued > 1000000)
        throw std::invalid_argument("max_queued is " + std::to_string(max_queued) +
                                    ", expected 1 to 1000000 vectors");
    zmq::context_t trial; // refuses a bad endpoint now, not in the thread
    connect(trial, d_endpoint, d_max_queued, d_heartbeat, monitor_address);

    message_port_register_in(port_deferred);
    message_port_register_out(port_verdicts);
    set_msg_handler(port_deferred,
                    [this](const pmt::pmt_t& message) { on_deferred(message); });
}

std::map<std::string, uint64_t> slow_link_impl::counters() const
{
    return { { "sent", d_sent },         { "received", d_received },
             { "unsent", d_unsent },     { "malformed", d_malformed },
             { "connects", d_connects }, { "disconnects", d_disconnects } };
}

bool slow_link_impl::start()
{
    d_stopping = false;
    // All anew: ZeroMQ lets go of an inproc address only some time after its socket has
    // closed.
    d_zmq = zmq::context_t();
    d_bell = zmq::socket_t(d_zmq, zmq::socket_type::pair);
    d_bell.set(zmq::sockopt::linger, 0);
    d_bell.bind(bell_address);
    d_thread = std::thread([this] { run(); });
    return block::start();
}

bool slow_link_impl::stop()
{
    d_stopping = true;
    {
        const std::scoped_lock lock(d_mutex);
        d_bell.send(zmq::message_t(), zmq::send_flags::dontwait);
    }
    if (d_thread.joinable())
        d_thread.join();
    d_bell.close();
    const std::scoped_lock lock(d_mutex);
    d_queue.clear(); // their deferrals are counted by who made them
    return block::stop();
}

void slow_link_impl::on_deferred(const pmt::pmt_t& message)
{
    request r;
    try {
        r = pdu::request_from(message);
    } catch (const std::exception& error) {
        d_malformed++;
        warn("a message on deferred is no deferred vector and was dropped", error.what());
        return;
    }
    std::unique_lock lock(d_mutex);
    if (d_queue.size() >= d_max_queued) {
        lock.unlock();
        refuse(r, verdict_status::busy, "the link's queue is full");
        return;
    }
    d_queue.push_back(std::move(r));
    if (d_queue.size() == 1)
        d_bell.send(zmq::message_t(), zmq::send_flags::dontwait);
}

void slow_link_impl::run()
{
    zmq::socket_t bell(d_zmq, zmq::socket_type::pair);
    bell.set(zmq::sockopt::linger, 0);
    bell.connect(bell_address);
    for (uint64_t sockets = 0; !d_stopping; sockets++) {
        try {
            serve(bell, monitor_address + std::to_string(sockets));
        } catch (const zmq::error_t& error) { // such as no file descriptors left
            warn("no socket for the hub, trying again", error.what());
        }
        d_connected = false;
        if (!d_stopping) // lest a peer that hangs up at once keeps the thread busy
            std::this_thread::sleep_for(poll_timeout);
    }
}

// Uses one socket until its connection ends, or none comes about. ZeroMQ reconnects by
// itself, but not after a peer that broke its protocol or sent too large a frame.
void slow_link_impl::serve(zmq::socket_t& bell, const std::string& events_address)
{
    zmq::socket_t hub =
        connect(d_zmq, d_endpoint, d_max_queued, d_heartbeat, events_address);
    zmq::socket_t monitor(d_zmq, zmq::socket_type::pair);
    monitor.set(zmq::sockopt::linger, 0);
    monitor.connect(events_address);

    const auto begin = std::chrono::steady_clock::now();
    const auto patience = begin + d_heartbeat;
    const auto renewal = begin + std::max(attempts * d_heartbeat, shortest_renewal);
    std::vector<zmq::pollitem_t> items{ { hub.handle(), 0, ZMQ_POLLIN, 0 },
                                        { bell.handle(), 0, ZMQ_POLLIN, 0 },
                                        { monitor.handle(), 0, ZMQ_POLLIN, 0 } };
    bool lost = false;
    while (!d_stopping && !lost) {
        zmq::poll(items, poll_timeout);
        lost = !follow_connection(monitor);
        receive(hub);
        zmq::message_t ring;
        while (bell.recv(ring, zmq::recv_flags::dontwait)) {
        }
        send_queued(hub);
        const auto now = std::chrono::steady_clock::now();
        if (!d_connected && now > patience)
            say_unreachable();
        lost |= !d_connected && now > renewal;
    }
    zmq_socket_monitor(hub.handle(), nullptr, 0);
}

// False if a connection that stood has ended.
bool slow_link_impl::follow_connection(zmq::socket_t& monitor)
{
    zmq::message_t event;
    while (monitor.recv(event, zmq::recv_flags::dontwait)) {
        uint16_t id = 0;
        std::memcpy(&id, event.data(), sizeof(id));
        zmq::message_t address;
        (void)monitor.recv(address, zmq::recv_flags::dontwait);
        if (id == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
            d_connected = true;
            d_connects++;
            d_said_unreachable = false;
            d_logger->info("hub at {:s} connected", d_endpoint);
        } else if (d_connected) {
            d_connected = false;
            d_disconnects++;
            say_unreachable();
            return false;
        }
    }
    return true;
}

void slow_link_impl::say_unreachable()
{
    if (d_said_unreachable)
        return;
    d_said_unreachable = true;
    d_logger->warn(
        "hub at {:s} is unreachable: vectors keep their fast label until it answers",
        d_endpoint);
}

void slow_link_impl::send_queued(zmq::socket_t& hub)
{
    std::deque<request> queued;
    {
        const std::scoped_lock lock(d_mutex);
        queued.swap(d_queue);
    }
    for (const auto& r : queued) {
        if (!d_connected) {
            refuse(r, verdict_status::unreachable, "no connection to the hub");
            continue;
        }
        const std::string header = wire::request_header(r);
        std::array<zmq::const_buffer, 3> frames{ zmq::buffer(wire::version),
                                                 zmq::buffer(header),
                                                 zmq::buffer(r.payload) };
        // A message goes out whole or not at all: only its first frame can find the pipe
        // full.
        bool sent = true;
        for (size_t i = 0; i < frames.size() && sent; i++) {
            const auto more =
                i + 1 < frames.size() ? zmq::send_flags::sndmore : zmq::send_flags::none;
            sent = hub.send(frames[i], more | zmq::send_flags::dontwait).has_value();
        }
        if (sent)
            d_sent++;
        else
            refuse(r, verdict_status::busy, "the hub takes no more for now");
    }
}

void slow_link_impl::receive(zmq::socket_t& hub)
{
    // No more at once, lest a hub that talks without end keeps the thread here.
    for (size_t i = 0; i < d_max_queued; i++) {
        std::vector<zmq::message_t> frames;
        bool more = true;
        while (more) {
            zmq::message_t frame;
            if (!hub.recv(frame, zmq::recv_flags::dontwait))
                return;
            more = frame.more();
            if (frames.size() < 4) // one more than is right is wrong enough
                frames.push_back(std::move(frame));
        }
        d_received++;
        try {
            if (frames.size() != 3)
                throw std::invalid_argument(
                    "expected 3 frames: version, header, payload");
            const verdict v = wire::decode_verdict(
                view_of(frames[0]), view_of(frames[1]), view_of(frames[2]));
            message_port_pub(port_verdicts, pdu::from(v));
        } catch (const std::exception& error) {
            d_malformed++;
            warn("an answer of the hub is no verdict and was dropped", error.what());
        }
    }
}

void slow_link_impl::refuse(const request& r,
                            verdict_status status,
                            const std::string& why)
{
    d_unsent++;
    verdict v;
    v.session = r.session;
    v.seq = r.seq;
    v.status = status;
    v.message = why;
    message_port_pub(port_verdicts, pdu::from(v));
}

void slow_link_impl::warn(const char* what, const char* why)
{
    uint64_t held_back = 0;
    const std::scoped_lock lock(d_mutex);
    if (d_warning.allow(std::chrono::steady_clock::now(), held_back))
        d_logger->warn(
            "{:s}: {:s} ({:d} more since the last warning)", what, why, held_back);
}

} // namespace speculative
} // namespace gr
