"""The mailbox in the browser. Everything of a mail is shown as text; only the http(s) links of the text can be followed."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from cadran_sandbox.mailbox.store import Mail, Store

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
CSS = (Path(__file__).parent / "page.css").read_text()
_LINK = re.compile(r"https?://[^\s<>\"']{1,2000}")


def application(store: Store) -> Starlette:
    """The pages and the JSON of a store."""

    async def inbox(request: Request) -> Response:
        to = request.query_params.get("to", "")[:254]
        found = store.mails(to=to)
        search = (
            f'<form method="get" role="search"><input type="search" name="to" value="{html.escape(to)}" '
            'placeholder="adresse / address" aria-label="adresse / address"><button>OK</button></form>'
        )
        rows = "".join(_row(mail) for mail in found)
        body = f'<ul class="card">{rows}</ul>' if rows else '<div class="card empty">Aucun courriel. No mail.</div>'
        return _page("Boîte aux lettres du bac à sable", body, search)

    async def one(request: Request) -> Response:
        mail = store.mail(request.path_params["id"])
        if mail is None:
            return _page("404", '<div class="card empty">Aucun courriel ici. No such mail.</div>', status=404)
        return _page(mail.subject or "(sans objet)", _shown(mail), '<a href="/">← Tous les courriels</a>')

    async def listed(request: Request) -> Response:
        found = store.mails(to=request.query_params.get("to", "")[:254])
        return JSONResponse([mail.as_dict() for mail in found], headers=HEADERS)

    async def cleared(request: Request) -> Response:
        return JSONResponse({"deleted": store.clear()}, headers=HEADERS)

    async def style(request: Request) -> Response:
        return Response(CSS, media_type="text/css", headers=HEADERS)

    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok"}, headers=HEADERS)

    async def latest(request: Request) -> Response:
        found = store.mails(limit=1)
        return RedirectResponse(f"/mail/{found[0].id}" if found else "/", headers=HEADERS)

    return Starlette(
        routes=[
            Route("/", inbox),
            Route("/latest", latest),
            Route("/mail/{id}", one),
            Route("/mails", listed),
            Route("/mails", cleared, methods=["DELETE"]),
            Route("/style.css", style),
            Route("/health", health),
        ]
    )


def linked(text: str) -> str:
    """Text as HTML: escaped, with its http and https addresses as links."""
    parts, last = [], 0
    for match in _LINK.finditer(text):
        address = html.escape(match.group(), quote=True)
        parts += [
            html.escape(text[last : match.start()]),
            f'<a href="{address}" rel="noopener noreferrer">{address}</a>',
        ]
        last = match.end()
    return "".join(parts) + html.escape(text[last:])


def _row(mail: Mail) -> str:
    when = datetime.fromtimestamp(mail.received_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    to = ", ".join(mail.recipients)[:200]
    return (
        f'<li><a href="/mail/{html.escape(mail.id)}"><strong>{html.escape(mail.subject or "(sans objet)")}</strong>'
        f"<span>{when}</span><span>{html.escape(to)}</span></a></li>"
    )


def _shown(mail: Mail) -> str:
    pairs = [("De", mail.sender), ("À", ", ".join(mail.recipients)), *mail.headers]
    listed = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>" for name, value in pairs if value)
    attached = "".join(f"<dt>Pièce jointe</dt><dd>{html.escape(name)}</dd>" for name in mail.attachments)
    return f'<article class="card mail"><dl>{listed}{attached}</dl><pre>{linked(mail.text)}</pre></article>'


def _page(title: str, body: str, beside: str = "", status: int = 200) -> HTMLResponse:
    text = (
        '<!doctype html><html lang="fr"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{html.escape(title)}</title><link rel="stylesheet" href="/style.css"></head><body>'
        f"<header><h1>{html.escape(title)}</h1>{beside}</header><main>{body}</main></body></html>"
    )
    return HTMLResponse(text, status_code=status, headers=HEADERS)
