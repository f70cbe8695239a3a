/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "slow_link_impl.h"

#include "pdu.h"

#include <gnuradio/io_signature.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <vector>

namespace gr {
namespace speculative {

namespace {

const pmt::pmt_t port_deferred = pmt::mp("deferred");
const pmt::pmt_t port_verdicts = pmt::mp("verdicts");

constexpr auto poll_timeout = std::chrono::milliseconds(100);
constexpr const char* bell_address = "inproc://bell";

std::string host_name()
{
    std::array<char, 256> name{};
    return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "node";
}

} // namespace

slow_link::sptr slow_link::make(const std::string& endpoint,
                                size_t max_queued,
                                double heartbeat,
                                const std::string& key_file,
                                const std::string& hub_key_file,
                                bool allow_plaintext,
                                const std::string& node_id,
                                const std::string& hub_model,
                                const std::vector<std::string>& labels,
                                size_t fft_size)
{
    if (max_queued == 0 || max_queued > 1000000)
        throw std::invalid_argument("max_queued is " + std::to_string(max_queued) +
                                    ", expected 1 to 1000000 vectors");
    if (!(heartbeat >= 0.01 && heartbeat <= 3600.0))
        throw std::invalid_argument("heartbeat is " + std::to_string(heartbeat) +
                                    ", expected 0.01 to 3600 seconds");
    hub_connection::settings settings;
    settings.endpoint = endpoint;
    settings.send_limit = max_queued;
    settings.heartbeat = std::chrono::milliseconds(static_cast<int64_t>(heartbeat * 1e3));
    settings.keys = read_curve_keys(key_file, hub_key_file);
    settings.hello = {
        node_id.empty() ? host_name() : node_id, hub_model, labels, fft_size
    };
    zmq::context_t trial; // refuses a bad endpoint now, not in the thread
    hub_connection(trial, 0, settings, {});
    if (settings.keys.empty() && !allow_plaintext && !stays_here(endpoint))
        throw std::invalid_argument(
            "endpoint is '" + endpoint +
            "', on another machine: give key_file and hub_key_file (`gr-speculative "
            "keys` "
            "makes keys), or allow_plaintext if the network is trusted");
    return gnuradio::make_block_sptr<slow_link_impl>(settings, max_queued);
}

slow_link_impl::slow_link_impl(const hub_connection::settings& settings,
                               size_t max_queued)
    : gr::block(
          "slow_link", gr::io_signature::make(0, 0, 0), gr::io_signature::make(0, 0, 0)),
      d_settings(settings),
      d_max_queued(max_queued)
{
    message_port_register_in(port_deferred);
    message_port_register_out(port_verdicts);
    set_msg_handler(port_deferred,
                    [this](const pmt::pmt_t& message) { on_deferred(message); });
}

std::map<std::string, uint64_t> slow_link_impl::counters() const
{
    return { { "sent", d_sent },
             { "received", d_received },
             { "unsent", d_unsent },
             { "lost", d_lost },
             { "malformed", d_malformed },
             { "connects", d_connects },
             { "disconnects", d_disconnects } };
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
    queued entry;
    try {
        entry.r = pdu::request_from(message);
    } catch (const std::exception& error) {
        d_malformed++;
        warn("a message on deferred is no deferred vector and was dropped", error.what());
        return;
    }
    // The wire has no longer deadline, and the clock no larger one.
    const double ms = std::clamp(entry.r.deadline_ms, 0.0, wire::longest_deadline_ms);
    entry.expiry =
        clock::now() + std::chrono::microseconds(static_cast<int64_t>(ms * 1e3));
    std::unique_lock lock(d_mutex);
    if (d_queue.size() >= d_max_queued) {
        lock.unlock();
        d_unsent++;
        settle(entry.r, verdict_status::busy, "the link's queue is full");
        return;
    }
    d_queue.push_back(std::move(entry));
    if (d_queue.size() == 1)
        d_bell.send(zmq::message_t(), zmq::send_flags::dontwait);
}

void slow_link_impl::run()
{
    zmq::socket_t bell(d_zmq, zmq::socket_type::pair);
    bell.set(zmq::sockopt::linger, 0);
    bell.connect(bell_address);
    for (uint64_t serial = 0; !d_stopping; serial++) {
        try {
            serve(bell, serial);
        } catch (const zmq::error_t& error) { // such as no file descriptors left
            warn("no socket for the hub, trying again", error.what());
        }
        d_connected = false;
        if (!d_stopping) // lest a peer that hangs up at once keeps the thread busy
            std::this_thread::sleep_for(poll_timeout);
    }
}

// Uses one connection until it ends, or none comes about.
void slow_link_impl::serve(zmq::socket_t& bell, uint64_t serial)
{
    hub_connection hub(d_zmq, serial, d_settings, listener());
    const auto patience = clock::now() + d_settings.heartbeat;
    std::vector<zmq::pollitem_t> items{ { hub.socket().handle(), 0, ZMQ_POLLIN, 0 },
                                        { hub.monitor().handle(), 0, ZMQ_POLLIN, 0 },
                                        { bell.handle(), 0, ZMQ_POLLIN, 0 } };
    bool stands = true;
    while (!d_stopping && stands) {
        zmq::poll(items, poll_timeout);
        zmq::message_t ring;
        while (bell.recv(ring, zmq::recv_flags::dontwait)) {
        }
        const auto now = clock::now();
        stands = hub.turn(now);
        send_queued(hub, now);
        if (!d_connected && now > patience)
            say_unreachable();
    }
}

hub_connection::listener slow_link_impl::listener()
{
    hub_connection::listener l;
    l.on_verdict = [this](const verdict& v) {
        d_received++;
        message_port_pub(port_verdicts, pdu::from(v));
    };
    l.on_lost = [this](uint64_t session, uint64_t seq) {
        d_lost++;
        request r;
        r.session = session;
        r.seq = seq;
        settle(r,
               verdict_status::unreachable,
               "the connection to the hub ended before its answer came");
    };
    l.on_malformed = [this](const char* why) {
        d_received++;
        d_malformed++;
        warn("an answer of the hub is no verdict and was dropped", why);
    };
    l.on_refusal = [this](const std::string& why) { warn("no slow model", why.c_str()); };
    l.on_connection = [this](bool connected) { on_connection(connected); };
    return l;
}

void slow_link_impl::on_connection(bool connected)
{
    d_connected = connected;
    if (!connected) {
        d_disconnects++;
        say_unreachable();
        return;
    }
    d_connects++;
    d_said_unreachable = false;
    d_logger->info("hub at {:s} connected", d_settings.endpoint);
}

void slow_link_impl::say_unreachable()
{
    if (d_said_unreachable)
        return;
    d_said_unreachable = true;
    d_logger->warn(
        "hub at {:s} is unreachable: vectors keep their fast label until it answers; "
        "is `gr-speculative hub` running there, with that endpoint?",
        d_settings.endpoint);
}

void slow_link_impl::send_queued(hub_connection& hub, clock::time_point now)
{
    queued entry;
    while (take_queued(hub, now, entry)) {
        if (hub.connected() && hub.refusal().empty() && entry.expiry > now &&
            hub.send(entry.r, entry.expiry)) {
            d_sent++;
            continue;
        }
        d_unsent++;
        if (!hub.connected())
            settle(entry.r, verdict_status::unreachable, "no connection to the hub");
        else if (!hub.refusal().empty())
            settle(entry.r, verdict_status::error, hub.refusal());
        else if (entry.expiry <= now)
            settle(entry.r,
                   verdict_status::expired,
                   "its deadline passed before the hub took it");
        else
            settle(entry.r, verdict_status::busy, "the hub takes no more for now");
    }
}

// The next request that need not wait for the hub's leave.
bool slow_link_impl::take_queued(const hub_connection& hub,
                                 clock::time_point now,
                                 queued& out)
{
    const bool wait = hub.connected() && hub.refusal().empty() && !hub.can_send();
    const std::scoped_lock lock(d_mutex);
    if (d_queue.empty() || (wait && d_queue.front().expiry > now))
        return false;
    out = std::move(d_queue.front());
    d_queue.pop_front();
    return true;
}

void slow_link_impl::settle(const request& r,
                            verdict_status status,
                            const std::string& why)
{
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
    if (d_warning.allow(clock::now(), held_back))
        d_logger->warn(
            "{:s}: {:s} ({:d} more since the last warning)", what, why, held_back);
}

} // namespace speculative
} // namespace gr
