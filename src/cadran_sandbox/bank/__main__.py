"""Run the sandbox bank: `python -m cadran_sandbox.bank`. Its page makes transfers, GET /statements gives camt.053."""

from __future__ import annotations

import argparse
import hmac
import os
import re
import sqlite3
import threading
from datetime import UTC, datetime
from html import escape
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from cadran_sandbox.bank.statement import Entry, statement
from cadran_sandbox.card.page import document

IBAN = "FR7630006000011234567890189"
PAGE_SIZE = 500
FORM = """<h1>Banque du bac à sable</h1>
<p class="note">Aucun argent réel. Virement au compte de l'opérateur <code>{iban}</code>.</p>
<form method="post" action="/transfers">
<label for="amount">Montant (EUR)</label>
<input id="amount" name="amount" required inputmode="decimal" placeholder="200,00" value="{amount}">
<label for="reference">Référence</label>
<input id="reference" name="reference" required maxlength="140" value="{reference}">
<label for="debtor">Donneur d'ordre</label>
<input id="debtor" name="debtor" maxlength="70" value="Client d'essai">
<button class="pay">Virer</button></form>
<table aria-label="Derniers virements">{rows}</table>"""


class Bank:
    """One account's book, in one SQLite file."""

    def __init__(self, path: Path, token: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.token, self.lock = token, threading.Lock()
        self.db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.db.executescript(
            "pragma journal_mode=wal; create table if not exists entry(number integer primary key, cents integer not null,"
            " currency text not null, remittance text not null, debtor text not null, booked_at text not null);"
        )

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self.home),
                Route("/health", self.health),
                Route("/transfers", self.transfer, methods=["POST"]),
                Route("/statements", self.statements),
            ]
        )

    def entries(self, after: int) -> list[Entry]:
        with self.lock:
            rows = self.db.execute(
                "select number, cents, currency, remittance, debtor, booked_at from entry where number > ? order by number limit ?",
                (after, PAGE_SIZE),
            ).fetchall()
        return [
            Entry(n, cents, ccy, text, who, datetime.fromisoformat(booked)) for n, cents, ccy, text, who, booked in rows
        ]

    async def health(self, request: Request) -> Response:
        return JSONResponse({"ok": True})

    async def home(self, request: Request) -> Response:
        reference = escape(request.query_params.get("reference", ""), quote=True)
        amount = escape(request.query_params.get("amount", ""), quote=True)
        rows = "".join(row(entry) for entry in self.entries(0)[-20:])
        return HTMLResponse(
            document("Banque du bac à sable", FORM.format(iban=IBAN, amount=amount, reference=reference, rows=rows))
        )

    async def transfer(self, request: Request) -> Response:
        as_json = request.headers.get("content-type", "").startswith("application/json")
        form = dict(await request.json()) if as_json else dict(await request.form())
        amount = re.fullmatch(r"(\d{1,7})(?:[.,](\d{1,2}))?", str(form.get("amount", "")).strip())
        reference = str(form.get("reference", "")).strip()
        if not amount or not 1 <= len(reference) <= 140:
            return JSONResponse({"error": "amount like 200.00 and a reference of 1 to 140 characters"}, 422)
        cents = int(amount[1]) * 100 + int((amount[2] or "0").ljust(2, "0"))
        with self.lock:
            number = self.db.execute(
                "insert into entry(cents, currency, remittance, debtor, booked_at) values(?, 'EUR', ?, ?, ?) returning number",
                (cents, reference, str(form.get("debtor", "Client d'essai"))[:70], datetime.now(UTC).isoformat()),
            ).fetchone()[0]
        return JSONResponse({"reference": f"SBX{number:010d}"}, 201) if as_json else RedirectResponse("/", 303)

    async def statements(self, request: Request) -> Response:
        if not hmac.compare_digest(request.headers.get("authorization", ""), f"Bearer {self.token}"):
            return JSONResponse({"error": "a bearer token is needed"}, 401)
        after = int(request.query_params.get("after", "0") or 0)
        found = self.entries(after)
        number = found[-1].number if found else after
        body = statement(found, iban=IBAN, made_at=datetime.now(UTC), number=number)
        return Response(body, media_type="application/xml")


def row(entry: Entry) -> str:
    """One booked transfer as a table row."""
    amount = f"{entry.cents // 100},{entry.cents % 100:02d} {entry.currency}"
    return f"<tr><td>{entry.bank_reference}</td><td>{amount}</td><td>{escape(entry.remittance)}</td></tr>"


def main() -> None:
    parser = argparse.ArgumentParser(prog="cadran_sandbox.bank", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8002)
    parser.add_argument("--dir", type=Path, default=Path("var/sandbox/bank"), help="where its book lies")
    options = parser.parse_args()
    bank = Bank(options.dir / "bank.db", os.environ.get("SANDBOX_BANK_TOKEN", "bank_sandbox"))
    uvicorn.run(bank.app(), host=options.host, port=options.port, log_level="warning", timeout_graceful_shutdown=1)


if __name__ == "__main__":
    main()
