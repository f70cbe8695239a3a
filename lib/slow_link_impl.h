/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_SLOW_LINK_IMPL_H
#define INCLUDED_SPECULATIVE_SLOW_LINK_IMPL_H

#include "core/messages.h"
#include "core/warning_limiter.h"
#include "hub_connection.h"

#include <gnuradio/speculative/slow_link.h>

#include <zmq.hpp>

#include <atomic>
#include <deque>
#include <mutex>
#include <thread>

namespace gr {
namespace speculative {

class slow_link_impl : public slow_link
{
public:
    slow_link_impl(const hub_connection::settings& settings, size_t max_queued);

    bool connected() const override { return d_connected; }
    std::map<std::string, uint64_t> counters() const override;

    bool start() override;
    bool stop() override;

private:
    using clock = hub_connection::clock;

    struct queued {
        request r;
        clock::time_point expiry;
    };

    void on_deferred(const pmt::pmt_t& message);
    void run();
    void serve(zmq::socket_t& bell, uint64_t serial);
    hub_connection::listener listener();
    void on_connection(bool connected);
    void send_queued(hub_connection& hub, clock::time_point now);
    bool take_queued(const hub_connection& hub, clock::time_point now, queued& out);
    void say_unreachable();
    void settle(const request& r, verdict_status status, const std::string& why);
    void warn(const char* what, const char* why);

    const hub_connection::settings d_settings;
    const size_t d_max_queued;

    zmq::context_t d_zmq; // from start() to start()
    zmq::socket_t d_bell; // rings the thread; guarded by d_mutex
    std::thread d_thread;
    std::atomic<bool> d_stopping{ false };
    std::atomic<bool> d_connected{ false };
    bool d_said_unreachable = false; // of the thread

    mutable std::mutex d_mutex;
    std::deque<queued> d_queue;
    warning_limiter d_warning;

    std::atomic<uint64_t> d_sent{ 0 };
    std::atomic<uint64_t> d_received{ 0 };
    std::atomic<uint64_t> d_unsent{ 0 };
    std::atomic<uint64_t> d_lost{ 0 };
    std::atomic<uint64_t> d_malformed{ 0 };
    std::atomic<uint64_t> d_connects{ 0 };
    std::atomic<uint64_t> d_disconnects{ 0 };
};

} // namespace speculative
} // namespace gr

#endif /* INCLUDED_SPECULATIVE_SLOW_LINK_IMPL_H */
