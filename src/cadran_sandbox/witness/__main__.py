"""Run the sandbox time-stamp authority: `python -m cadran_sandbox.witness`. POST a time-stamp query to /, GET /stamps lists what was
stamped, POST /sandbox/outage {"on": true} makes it unreachable."""

from __future__ import annotations

import argparse
import sqlite3
import threading
from datetime import UTC, datetime
from html import escape
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from cadran_sandbox.card.page import document
from cadran_sandbox.witness.authority import Authority

QUERY, REPLY = "application/timestamp-query", "application/timestamp-reply"
MAX_QUERY = 4096
LISTED = 200
PAGE = """<h1>Horodatage du bac à sable</h1>
<p class="note">Témoin extérieur des scellés. Chaque ligne : numéro, instant, empreinte SHA-256.</p>
<table aria-label="Derniers jetons">{rows}</table>"""


class Witness:
    """The authority and the book of what it stamped, in one SQLite file."""

    def __init__(self, folder: Path, certificates: Path | None) -> None:
        self.authority, self.lock, self.out = Authority(folder, certificates), threading.Lock(), False
        self.db = sqlite3.connect(folder / "witness.db", check_same_thread=False, isolation_level=None)
        self.db.executescript(
            "pragma journal_mode=wal; create table if not exists stamp(serial integer primary key, at text not null,"
            " digest text not null);"
        )

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self.stamp, methods=["POST"]),
                Route("/", self.home),
                Route("/health", self.health),
                Route("/stamps", self.stamps),
                Route("/root.pem", self.root),
                Route("/sandbox/outage", self.outage, methods=["POST"]),
            ]
        )

    async def stamp(self, request: Request) -> Response:
        if self.out:
            return Response("the witness is out", 503)
        if request.headers.get("content-type", "").partition(";")[0].strip() != QUERY:
            return Response(f"send {QUERY}", 415)
        query = bytearray()
        async for part in request.stream():
            query += part
            if len(query) > MAX_QUERY:
                return Response("a query is shorter than that", 413)
        at = datetime.now(UTC)
        with self.lock:
            self.db.execute("begin immediate")
            serial = self.db.execute("select coalesce(max(serial), 0) + 1 from stamp").fetchone()[0]
            reply, digest = self.authority.reply(bytes(query), serial=serial, at=at)
            if digest:
                self.db.execute("insert into stamp values(?, ?, ?)", (serial, at.isoformat(), digest))
            self.db.execute("commit")
        return Response(reply, media_type=REPLY)

    def book(self) -> list[tuple[int, str, str]]:
        with self.lock:
            return self.db.execute("select * from stamp order by serial desc limit ?", (LISTED,)).fetchall()

    async def home(self, request: Request) -> Response:
        rows = "".join(
            f"<tr><td>{serial}</td><td>{escape(at)}</td><td><code>{digest[:32]}…</code></td></tr>"
            for serial, at, digest in self.book()[:20]
        )
        return HTMLResponse(document("Horodatage du bac à sable", PAGE.format(rows=rows)))

    async def stamps(self, request: Request) -> Response:
        return JSONResponse([{"serial": serial, "at": at, "sha256": digest} for serial, at, digest in self.book()])

    async def root(self, request: Request) -> Response:
        from cryptography.hazmat.primitives.serialization import Encoding

        return Response(self.authority.root.public_bytes(Encoding.PEM), media_type="application/x-pem-file")

    async def outage(self, request: Request) -> Response:
        self.out = bool((await request.json()).get("on"))
        return JSONResponse({"out": self.out})

    async def health(self, request: Request) -> Response:
        return JSONResponse({"ok": not self.out})


def main() -> None:
    parser = argparse.ArgumentParser(prog="cadran_sandbox.witness", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8007)
    parser.add_argument("--dir", type=Path, default=Path("var/sandbox/witness"), help="where its keys and its book lie")
    parser.add_argument("--certificates", type=Path, default=None, help="a PEM file to which its root is added")
    options = parser.parse_args()
    witness = Witness(options.dir, options.certificates)
    uvicorn.run(witness.app(), host=options.host, port=options.port, log_level="warning", timeout_graceful_shutdown=1)


if __name__ == "__main__":
    main()
