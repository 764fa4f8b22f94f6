"""The carrier's control page over HTTP on loopback: see its calls, place one, tell a number how to behave."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from sippy.Core.EventDispatcher import ED2

from cadran_sandbox.carrier import behaviours
from cadran_sandbox.carrier.exchange import Call, Exchange

LARGEST = 65_536
MOST_TOLD = 1_000
USER = re.compile(r"[A-Za-z0-9+*#._-]{1,64}")


class Unusable(ValueError):
    """A request that cannot be carried out; its text says why."""


def call(exchange: Exchange, wish: dict[str, Any]) -> dict[str, object]:
    """POST /call {"to", "from", "via": "host:port", "seconds": 5, "hide": false, "name": ""}"""
    via = re.fullmatch(r"([\d.]{7,15}|localhost):(\d{1,5})", str(wish.get("via", "")))
    to, caller, seconds = str(wish.get("to", "")), str(wish.get("from", "")), wish.get("seconds", 5)
    if not via or not 0 < int(via[2]) < 65536:
        raise Unusable('"via" must be host:port of the operator, as "127.0.0.1:5060"')
    if not USER.fullmatch(to) or not USER.fullmatch(caller):
        raise Unusable('"to" and "from" must be numbers, as "+33123456789"')
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= 86_400:
        raise Unusable('"seconds" must be a number above 0')
    name = re.sub(r"[^\w .\'-]", "", str(wish.get("name", "")))[:64]
    host = "127.0.0.1" if via[1] == "localhost" else via[1]
    made = ED2.callFromThreadSync(
        lambda: exchange.place(
            to=to,
            caller=caller,
            via=(host, int(via[2])),
            seconds=float(seconds),
            hide=bool(wish.get("hide")),
            name=name,
        )
    )
    return {"id": made}


def behaviour(exchange: Exchange, wish: dict[str, Any]) -> dict[str, object]:
    """POST /behaviour {"+33123": "busy", ...}; null forgets. All or nothing."""
    new: dict[str, behaviours.Behaviour | None] = {}
    for number, name in wish.items():
        digits = number.lstrip("+")
        if not USER.fullmatch(digits):
            raise Unusable(f"{number!r} is not a number, prefix or user")
        if name is not None and name not in behaviours.BEHAVIOURS:
            raise Unusable(f"{name!r} is none of {', '.join(behaviours.BEHAVIOURS)}")
        new[digits] = behaviours.BEHAVIOURS[name] if name is not None else None
    if len(exchange.told) + len(new) > MOST_TOLD:
        raise Unusable(f"{MOST_TOLD} numbers at most")

    def tell() -> None:
        for digits, found in new.items():
            if found is None:
                exchange.told.pop(digits, None)
            else:
                exchange.told[digits] = found

    ED2.callFromThreadSync(tell)
    return {"told": {number: found.name for number, found in exchange.told.items()}}


def hang_up(exchange: Exchange, wish: dict[str, Any]) -> dict[str, object]:
    """POST /hangup {"id": "one-3"} or {} for all."""
    if "id" not in wish:
        ED2.callFromThreadSync(exchange.hang_up_all)
        return {}
    found = exchange.calls.get(str(wish["id"]))
    if not isinstance(found, Call):
        raise Unusable("no such call in progress")
    ED2.callFromThreadSync(found.hang_up)
    return {}


WISHES: dict[str, Callable[[Exchange, dict[str, Any]], dict[str, object]]] = {
    "/call": call,
    "/behaviour": behaviour,
    "/hangup": hang_up,
}


def serve(exchange: Exchange, host: str, port: int) -> HTTPServer:
    """Starts the page in a thread of its own; one request at a time."""

    class Page(BaseHTTPRequestHandler):
        timeout = 5
        server_version = "carrier"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/calls":
                self._answer(200, ED2.callFromThreadSync(exchange.snapshot))
            elif path in ("/", "/health"):
                self._answer(200, {"name": exchange.name, "calls": len(exchange.live), "made": exchange.count})
            else:
                self._answer(404, {"error": "GET /calls or /health"})

        def do_POST(self) -> None:
            wish = WISHES.get(self.path)
            try:
                if wish is None:
                    raise Unusable(f"POST one of {', '.join(WISHES)}")
                length = self.headers.get("content-length") or "0"
                if not length.isdigit() or int(length) > LARGEST:
                    raise Unusable("a body of 64 kB at most, with its length")
                body = json.loads(self.rfile.read(int(length)) or b"{}")
                if not isinstance(body, dict):
                    raise Unusable("the body is a JSON object")
                self._answer(200, wish(exchange, body))
            except (Unusable, ValueError) as error:
                self._answer(400, {"error": str(error)})
            except OSError as error:
                self._answer(503, {"error": str(error)})

        def _answer(self, code: int, body: object) -> None:
            data = json.dumps(body, ensure_ascii=False).encode()
            self.send_response(code)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = HTTPServer((host, port), Page)
    threading.Thread(target=server.serve_forever, daemon=True, name="control").start()
    return server
