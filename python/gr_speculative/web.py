# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright 2026 gr-speculative contributors
"""A small HTTP server for pages that are made anew at every request: metrics, dashboard, its state."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Page = tuple[str, Callable[[], bytes]]  # content type; body, called on any thread

# The page is its own and needs nothing from elsewhere; nor may anybody frame it or guess at types.
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
_MAX_CONNECTIONS = 32
_PATIENCE_S = 10


class WebServer:
    """Serves `pages` by path, GET and HEAD only, while entered.

    address: HOST:PORT; port 0 takes a free one, `url` tells which. Raises ValueError and OSError.
    """

    def __init__(self, address: str, pages: dict[str, Page]) -> None:
        host, colon, port = address.rpartition(":")
        if not colon or not port.isdecimal() or int(port) > 65_535:
            raise ValueError(f"{address}: expected HOST:PORT, such as 127.0.0.1:9109")
        try:
            self._server = _Server((host.strip("[]"), int(port)), _handler(pages))
        except OSError as error:
            raise OSError(error.errno, f"cannot serve HTTP at {address}: {error.strerror}") from None
        self.url = f"http://{host}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, name="http", daemon=True)

    def __enter__(self) -> WebServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a reader that dawdles does not keep the program from ending

    def __init__(self, *arguments: object) -> None:
        self._room = threading.BoundedSemaphore(_MAX_CONNECTIONS)
        super().__init__(*arguments)

    def process_request(self, request, client_address) -> None:
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request, client_address) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request, client_address) -> None:
        """Clients that hang up are no news."""


def _handler(pages: dict[str, Page]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _PATIENCE_S
        server_version, sys_version = "gr-speculative", ""

        def do_GET(self) -> None:
            page = pages.get(self.path.partition("?")[0])
            if page is None:
                self.send_error(404)
                return
            kind, body = page[0], page[1]()
            self.send_response(200)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **_HEADERS}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Nothing: a scrape every few seconds is no news either."""

    return Handler
