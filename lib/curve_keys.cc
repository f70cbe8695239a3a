/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "curve_keys.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace gr {
namespace speculative {

namespace {

constexpr size_t key_length = 40; // of Z85, 32 bytes

std::string read_key(const std::string& path, bool secret)
{
    namespace fs = std::filesystem;
    std::error_code ignored;
    constexpr auto others = fs::perms::group_all | fs::perms::others_all;
    if (secret && (fs::status(path, ignored).permissions() & others) != fs::perms::none &&
        fs::exists(path, ignored))
        throw std::invalid_argument(
            path + ": others can read this secret key: chmod 600 " + path);
    std::ifstream file(path, std::ios::binary);
    if (!file)
        throw std::invalid_argument(path + ": cannot read this key file");
    std::array<char, key_length + 3> text{};
    file.read(text.data(), text.size());
    std::string key(text.data(), static_cast<size_t>(file.gcount()));
    while (!key.empty() && (key.back() == '\n' || key.back() == '\r'))
        key.pop_back();
    std::array<uint8_t, 32> bytes{};
    if (key.size() != key_length || zmq_z85_decode(bytes.data(), key.c_str()) == nullptr)
        throw std::invalid_argument(
            path +
            ": expected one line of 40 characters, as `gr-speculative keys` writes it");
    return key;
}

} // namespace

void curve_keys::apply(zmq::socket_t& socket) const
{
    if (empty())
        return;
    socket.set(zmq::sockopt::curve_serverkey, hub_key);
    socket.set(zmq::sockopt::curve_publickey, public_key);
    socket.set(zmq::sockopt::curve_secretkey, secret_key);
}

curve_keys read_curve_keys(const std::string& key_file, const std::string& hub_key_file)
{
    if (key_file.empty() != hub_key_file.empty())
        throw std::invalid_argument(
            "key_file and hub_key_file belong together: this node's key, and its hub's");
    curve_keys keys;
    if (key_file.empty())
        return keys;
    keys.secret_key = read_key(key_file, true);
    keys.hub_key = read_key(hub_key_file, false);
    std::array<char, key_length + 1> public_key{};
    if (zmq_curve_public(public_key.data(), keys.secret_key.c_str()) != 0)
        throw std::invalid_argument(
            "this libzmq has no CURVE: it was built without encryption");
    keys.public_key = public_key.data();
    return keys;
}

bool stays_here(const std::string& endpoint)
{
    const auto starts = [&](const char* text) { return endpoint.rfind(text, 0) == 0; };
    return starts("ipc://") || starts("inproc://") || starts("tcp://127.") ||
           starts("tcp://localhost:") || starts("tcp://[::1]:");
}

} // namespace speculative
} // namespace gr
