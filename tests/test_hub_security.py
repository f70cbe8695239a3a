# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""Encryption: right keys, wrong keys, no keys, replayed traffic, and where plaintext is allowed."""

import select
import socket
import threading

import numpy as np
import pytest
import zmq
from test_hub import PATIENCE_MS, Model, serving, wait_for

from gr_speculative import cli, wire
from gr_speculative.handshake import Hello, decode_welcome, encode_hello
from gr_speculative.hub import Hub
from gr_speculative.keys import KeyFileError, KeyRing, read_key, stays_here, write_pair


@pytest.fixture
def keys(tmp_path):
    """hub.key, and allow/roof.pub; other.key is a stranger's."""
    (tmp_path / "allow").mkdir()
    for name in ("hub", "roof", "other"):
        write_pair(tmp_path, name)
    (tmp_path / "roof.pub").rename(tmp_path / "allow" / "roof.pub")
    return tmp_path


@pytest.fixture
def hub(keys):
    with serving(Hub([Model], keys=KeyRing(keys / "hub.key", keys / "allow"))) as hub:
        yield hub


@pytest.fixture
def dealer():
    context = zmq.Context()

    def connect(endpoint, key=None, hub_key=None):
        node = context.socket(zmq.DEALER)
        node.linger, node.rcvtimeo = 0, PATIENCE_MS
        if key is not None:
            node.curve_secretkey = secret = read_key(key)
            node.curve_publickey = zmq.curve_public(secret)
            node.curve_serverkey = read_key(hub_key)
        node.connect(endpoint)
        node.send_multipart(encode_hello(Hello("a name of its own")))
        return node

    yield connect
    context.destroy(linger=0)


def ask(node):
    request = wire.Request(1, 1, np.zeros((4, 32), np.uint8), 1, 0, 1e6, 1e4, "noise", 0.5, "n")
    node.send_multipart(wire.encode_request(request))
    return wire.decode_verdict(node.recv_multipart())


def test_a_node_on_the_list_is_served(hub, keys, dealer):
    node = dealer(hub.endpoint, keys / "roof.key", keys / "hub.pub")
    assert decode_welcome(node.recv_multipart()).credit > 0
    assert ask(node).status == "ok"


def test_a_node_goes_by_the_name_of_its_key(hub, keys, dealer, caplog):
    node = dealer(hub.endpoint, keys / "roof.key", keys / "hub.pub")
    node.recv_multipart()
    node.send_multipart([b"garbage"])
    wait_for(lambda: "message of roof dropped" in caplog.text)


def test_strangers_and_plaintext_get_nothing(hub, keys, dealer):
    strangers = [
        dealer(hub.endpoint, keys / "other.key", keys / "hub.pub"),
        dealer(hub.endpoint, keys / "roof.key", keys / "other.pub"),
        dealer(hub.endpoint),
    ]
    assert ask_after_welcome(dealer(hub.endpoint, keys / "roof.key", keys / "hub.pub")).status == "ok"
    wait_for(lambda: hub.counters()["refused_connections"] >= 1)
    assert [stranger.poll(100) for stranger in strangers] == [0, 0, 0]
    assert hub.counters()["hellos"] == 1


def ask_after_welcome(node):
    decode_welcome(node.recv_multipart())
    return ask(node)


def test_what_was_recorded_cannot_be_replayed(hub, keys, dealer):
    host, port = hub.endpoint.removeprefix("tcp://").split(":")
    target, recorded = (host, int(port)), bytearray()
    with socket.create_server(("127.0.0.1", 0)) as tap:
        thread = threading.Thread(target=forward, args=(tap, target, recorded), daemon=True)
        thread.start()
        node = dealer(f"tcp://127.0.0.1:{tap.getsockname()[1]}", keys / "roof.key", keys / "hub.pub")
        assert ask_after_welcome(node).status == "ok"
        node.close()
        thread.join(PATIENCE_MS / 1e3)
    before = hub.counters()
    assert len(recorded) > 500
    for start in (0, 64):  # from the greeting on, and after one of its own
        with socket.create_connection(target) as replayer:
            replayer.sendall(bytes(recorded[:64] if start else b"") + bytes(recorded[start:]))
            replayer.settimeout(PATIENCE_MS / 1e3)
            while replayer.recv(4096):  # until the hub hangs up
                pass
    after = hub.counters()
    assert (after["received"], after["hellos"]) == (before["received"], before["hellos"])


def forward(tap, target, recorded):
    client, _ = tap.accept()
    with client, socket.create_connection(target) as hub:
        while True:
            for ready in select.select([client, hub], [], [])[0]:
                data = ready.recv(65_536)
                if not data:
                    return
                if ready is client:
                    recorded += data
                (hub if ready is client else client).sendall(data)


def test_a_key_taken_off_the_list_is_no_longer_served_after_a_reload(hub, keys, dealer):
    node = dealer(hub.endpoint, keys / "roof.key", keys / "hub.pub")
    assert ask_after_welcome(node).status == "ok"
    (keys / "allow" / "roof.pub").unlink()
    hub.reload()
    wait_for(lambda: hub.counters()["cut_off"] == 1)
    before = hub.counters()["hellos"]
    node.send_multipart(encode_hello(Hello("roof")))
    node.poll(300)
    assert hub.counters()["hellos"] == before


def test_key_files_are_made_and_checked(tmp_path, capsys):
    assert cli.main(["keys", "--out", str(tmp_path), "hub", "roof"]) == 0
    assert (tmp_path / "hub.key").stat().st_mode & 0o777 == 0o600
    assert zmq.curve_public(read_key(tmp_path / "hub.key")) == read_key(tmp_path / "hub.pub")
    assert cli.main(["keys", "--out", str(tmp_path), "hub"]) == 2
    assert "exists" in capsys.readouterr().err
    assert cli.main(["keys", "../x"]) == 2
    (tmp_path / "hub.key").chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        read_key(tmp_path / "hub.key")
    for text in ("", "short", "\\" * 40, "~" * 40, "#" * 40, "a" * 41):
        (tmp_path / "bad.pub").write_text(text)
        with pytest.raises(KeyFileError, match="one line of 40 characters"):
            read_key(tmp_path / "bad.pub")
    with pytest.raises(KeyFileError, match="expected a key file"):
        read_key(tmp_path / "none.pub")


def test_plaintext_stays_on_this_machine_unless_asked_for(capsys, monkeypatch):
    here = ("ipc:///run/hub", "tcp://127.0.0.1:1", "tcp://127.1.2.3:1", "tcp://[::1]:1", "tcp://localhost:1")
    assert all(map(stays_here, here))
    assert not any(map(stays_here, ("tcp://0.0.0.0:1", "tcp://*:1", "tcp://192.0.2.1:1", "tcp://eth0:1")))
    arguments = ["hub", "--model", "stand_in_models:good", "--bind", "tcp://0.0.0.0:0", "--check-config"]
    assert cli.main(arguments) == 2
    assert "--allow-plaintext" in capsys.readouterr().err
    assert cli.main([*arguments, "--key", "hub.key"]) == 2
    assert "belong together" in capsys.readouterr().err
