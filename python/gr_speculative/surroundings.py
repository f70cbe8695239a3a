# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Checks of `gr-speculative doctor` on what is around the program: ports, sockets, receivers."""

from __future__ import annotations

import importlib.util
import os
import socket
import tempfile
from collections.abc import Callable

import zmq

from gr_speculative import handshake
from gr_speculative.finding import Finding, ok

HUB_PORT = 5555  # where a hub listens unless told otherwise
_REPLY_S = 2.0
_SOCKET_PATH_MAX = 75  # bytes of a folder that leave room for the socket's own name


def hub(endpoint: str, reply_s: float | None = None) -> Finding:
    """Asks a hub who it is."""
    context = zmq.Context()
    asking = context.socket(zmq.DEALER)
    asking.setsockopt(zmq.LINGER, 0)
    try:
        asking.connect(endpoint)
        asking.send_multipart(handshake.encode_hello(handshake.Hello("doctor")), zmq.DONTWAIT)
        if asking.poll(int((reply_s or _REPLY_S) * 1e3)):
            welcome = handshake.decode_welcome(asking.recv_multipart())
            if welcome.credit == 0:
                return Finding("wrong", str(welcome.message), "start the node with what the hub wants")
            return ok(f"{endpoint}: serves {welcome.model}")
    except zmq.ZMQError as error:
        return Finding("wrong", f"{endpoint}: {error}", "an endpoint looks like tcp://hub.example:5555")
    finally:
        asking.close()
        context.term()
    fix = "is `gr-speculative hub` running there, on that port, open in the firewall, and without keys?"
    return Finding("wrong", f"{endpoint} does not answer", fix)


def hub_port() -> Finding:
    """Whether a hub could listen on this machine, or does."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as ZeroMQ does
        try:
            trial.bind(("127.0.0.1", HUB_PORT))
            return ok(f"{HUB_PORT} is free")
        except OSError as error:
            reason = error.strerror
    found = hub(f"tcp://127.0.0.1:{HUB_PORT}")
    if found.state == "ok":
        return found
    fix = "a hub of yours needs another: gr-speculative hub --bind tcp://127.0.0.1:5556"
    return Finding("missing", f"{HUB_PORT} is taken, and not by a hub without keys ({reason})", fix)


def socket_folder() -> Finding:
    """Where a node puts the socket of its private worker."""
    folder = tempfile.gettempdir()
    if len(os.fsencode(folder)) > _SOCKET_PATH_MAX:
        return Finding("wrong", f"{folder} is too long for a socket's path", "set TMPDIR to a shorter one")
    try:
        with tempfile.TemporaryDirectory() as inside, socket.socket(socket.AF_UNIX) as trial:
            trial.bind(os.path.join(inside, "hub"))
    except OSError as error:
        return Finding("wrong", f"{folder}: {error.strerror}", "set TMPDIR to a folder that you may write to")
    return ok(folder)


def soapy() -> Finding:
    if importlib.util.find_spec("SoapySDR") is None:
        fix = "apt install python3-soapysdr and a module, such as soapysdr-module-rtlsdr"
        return Finding("missing", "soapy:… needs SoapySDR's Python bindings", fix)
    import SoapySDR

    names = [str(device).strip("{}") for device in SoapySDR.Device.enumerate()]
    if not names:
        fix = "plug one in; its module (apt install soapysdr-module-rtlsdr, …) must be there too"
        return Finding("missing", "SoapySDR finds no receiver", fix)
    return ok("; ".join(names))


def package(scheme: str, module: str, name: str) -> Callable[[], Finding]:
    """The check for a package that a source of `node` needs."""

    def check() -> Finding:
        try:
            there = importlib.util.find_spec(module) is not None
        except ModuleNotFoundError:  # not even the package above it
            there = False
        if there:
            return ok(f"{scheme}:… can be used")
        return Finding("missing", f"{scheme}:… needs {module}", f"apt install {name}")

    return check


CHECKS: list[tuple[str, Callable[[], Finding]]] = [
    ("hub port", hub_port),
    ("sockets", socket_folder),
    ("soapy", soapy),
    ("uhd", package("uhd", "gnuradio.uhd", "gnuradio uhd-host")),
    ("osmosdr", package("osmosdr", "osmosdr", "gr-osmosdr")),
]
