"""Google's token endpoint's stand-in: it gives everybody the same access token, and is asked once an hour."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

from bench.stub import Certificate

# As long as Google's.
_ANSWER = json.dumps({"access_token": "ya29." + "x" * 1000, "expires_in": 3599, "token_type": "Bearer"}).encode()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        """Answer every request alike."""
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(_ANSWER)))
        self.end_headers()
        self.wfile.write(_ANSWER)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def running_token_endpoint(certificate: Certificate) -> Iterator[str]:
    """Serve on loopback, in a thread, and give the URL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.chain, certificate.key)
    with HTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_port}/token"
        finally:
            server.shutdown()
            thread.join()
