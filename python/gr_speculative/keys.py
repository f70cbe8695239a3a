# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""CURVE keys: files, and the hub's list of whom it lets in.

NAME.key holds a secret key, NAME.pub its public key: one line of 40 characters (Z85) each. A hub has its own
NAME.key and a folder of NAME.pub files, one for each node that may connect; NAME is then that node's name.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import struct
from pathlib import Path

import zmq
from zmq.utils import z85


class KeyFileError(ValueError):
    """A key file cannot be used; the message names it and says what was expected."""


class KeyRing:
    """The hub's secret key, and the names of the nodes that may connect by their public keys.

    Raises KeyFileError.
    """

    def __init__(self, secret: str | Path, allowed: str | Path) -> None:
        self._folder = Path(allowed)
        self.secret = read_key(secret)
        self.reload()

    def reload(self) -> None:
        """Reads the folder of allowed keys again. Raises KeyFileError, and then the old list stands."""
        if not self._folder.is_dir():
            raise KeyFileError(f"{self._folder}: expected a folder with one NAME.pub for each node")
        self._names = {z85.decode(read_key(path)): path.stem for path in sorted(self._folder.glob("*.pub"))}

    def name_of(self, public: bytes) -> str | None:
        """The node with that key (32 bytes), or None."""
        return self._names.get(public)

    def names(self) -> set[str]:
        return set(self._names.values())


def read_key(path: str | Path) -> bytes:
    """The key in a file, 40 bytes of Z85. Raises KeyFileError, also for a secret that others may read."""
    path = Path(path)
    try:
        if path.suffix == ".key" and path.stat().st_mode & 0o077:
            raise KeyFileError(f"{path}: others can read this secret key: chmod 600 {path}")
        with open(path, "rb") as file:
            text = file.read(100).strip()
    except OSError as error:
        raise KeyFileError(f"{path}: expected a key file: {error.strerror}") from None
    try:
        valid = len(text) == 40 and len(z85.decode(text)) == 32
    except (KeyError, struct.error):  # no letter of Z85; letters of which no 32 bits are made
        valid = False
    if not valid:
        raise KeyFileError(f"{path}: expected one line of 40 characters, as `gr-speculative keys` writes it")
    return text


def write_pair(folder: Path, name: str) -> tuple[Path, Path]:
    """Makes NAME.key (readable by its owner only) and NAME.pub. Raises FileExistsError."""
    public, secret = zmq.curve_keypair()
    paths = folder / f"{name}.key", folder / f"{name}.pub"
    for path, text, mode in zip(paths, (secret, public), (0o600, 0o644), strict=True):
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(text + b"\n")
    return paths


def stays_here(endpoint: str) -> bool:
    """Whether an endpoint is reachable from this machine only, so that it may do without encryption."""
    scheme, _, address = endpoint.partition("://")
    if scheme in ("ipc", "inproc"):
        return True
    host = address.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `gr-speculative keys`."""
    parser.add_argument("names", nargs="+", metavar="NAME", help="hub, node-1, …")
    parser.add_argument("--out", type=Path, default=Path("."), metavar="DIR", help="default: here")


def run(args: argparse.Namespace) -> int:
    """Writes one pair of files for each name."""
    for name in args.names:
        if not name.isprintable() or "/" in name or name.startswith("."):
            raise ValueError(f"{name!r}: expected a name that can be a file's")
    args.out.mkdir(parents=True, exist_ok=True)
    for name in args.names:
        secret, public = write_pair(args.out, name)
        print(f"{secret} (keep it secret) and {public}")
    return 0
