"""A program that receives webhooks over a real socket, and answers as it is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """`answers` are given in turn, the last one for ever: a status, or how many seconds to say nothing, or `drip`."""

    url: str = ""
    answers: list[int | float | str] = field(default_factory=lambda: [200])
    location: str = ""
    text: bytes = b"thank you"
    received: list[Received] = field(default_factory=list)


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A receiver on a free port of this machine."""
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            found.received.append(Received(self.path, headers, body))
            answer = found.answers.pop(0) if len(found.answers) > 1 else found.answers[0]
            if isinstance(answer, float):
                time.sleep(answer)
                return
            if answer == "drip":
                for byte in b"HTTP/1.1 200 OK\r\nx-slow: " + b"a" * 100:
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.05)
                return
            self.send_response(int(answer))
            if found.location:
                self.send_header("location", found.location)
            self.send_header("content-length", str(len(found.text)))
            self.end_headers()
            self.wfile.write(found.text)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            pass

    server = Quiet(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
