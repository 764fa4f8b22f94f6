"""The mailbox in the browser: a list with search, and each mail formatted, as text and as it came.

A mail's HTML is a stranger's: it is shown in a sandboxed frame, without scripts, forms or requests to anywhere.
"""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from cadran_sandbox.mailbox.store import Mail, Store
from cadran_sandbox.mailbox.words import ENGLISH, FRENCH, language_of, say

BASE = "base-uri 'none'; form-action 'self'"
HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'self'; frame-src 'self'; frame-ancestors 'none'; {BASE}",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
# A formatted mail: its own styles and pictures inside it, links in a new tab, and nothing else.
FRAME = HEADERS | {
    "Content-Security-Policy": "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; form-action 'none'; base-uri 'none'",
}
PLAIN = HEADERS | {"Content-Security-Policy": "sandbox; default-src 'none'"}
CSS = (Path(__file__).parent / "page.css").read_text()
VIEWS = ("html", "text", "raw")
MAX_SEARCH = 254
_LINK = re.compile(r"https?://[^\s<>\"']{1,2000}")


def application(store: Store) -> Starlette:
    """The pages and the JSON of a store."""
    return Starlette(
        routes=[
            Route("/", _Inbox(store).page),
            Route("/latest", _Inbox(store).latest),
            Route("/mails", _Inbox(store).listed),
            Route("/mails", _Inbox(store).cleared, methods=["DELETE"]),
            Route("/mail/{id}", _One(store).page),
            Route("/mail/{id}/html", _One(store).formatted),
            Route("/mail/{id}/raw", _One(store).source),
            Route("/mail/{id}/files/{number:int}", _One(store).file),
            Route("/style.css", _style),
            Route("/health", _health),
        ]
    )


class _Inbox:
    """The list, for people and for programs."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def page(self, request: Request) -> Response:
        language = _language(request)
        search = request.query_params.get("q", request.query_params.get("to", ""))[:MAX_SEARCH]
        found = self.store.mails(search=search)
        rows = "".join(_row(mail, language) for mail in found)
        form = (
            f'<form method="get" role="search"><input type="hidden" name="lang" value="{language}">'
            f'<input type="search" name="q" value="{html.escape(search)}" placeholder="{say("search", language)}" '
            f'aria-label="{say("search", language)}"><button>{say("find", language)}</button></form>'
        )
        count = f'<p class="soft">{say("count", language).format(count=len(found))}</p>'
        body = (
            f'{count}<ul class="card">{rows}</ul>'
            if rows
            else f'<div class="card empty">{say("empty", language)}</div>'
        )
        lead = f'<p class="soft">{say("lead", language)}</p>'
        return _page(say("title", language), f"{lead}{form}{body}", language, request)

    async def latest(self, request: Request) -> Response:
        found = self.store.mails(limit=1)
        return RedirectResponse(f"/mail/{found[0].id}" if found else "/", headers=HEADERS)

    async def listed(self, request: Request) -> Response:
        """JSON: the newest first, to an address (`to`), with words (`q`), at most `limit` of them (100)."""
        asked = request.query_params
        limit = int(asked["limit"]) if asked.get("limit", "").isascii() and asked.get("limit", "").isdigit() else 100
        found = self.store.mails(
            to=asked.get("to", "")[:MAX_SEARCH], search=asked.get("q", "")[:MAX_SEARCH], limit=max(1, min(limit, 500))
        )
        return JSONResponse([mail.as_dict() for mail in found], headers=HEADERS)

    async def cleared(self, request: Request) -> Response:
        return JSONResponse({"deleted": self.store.clear()}, headers=HEADERS)


class _One:
    """One mail: formatted, as text, as it came, and its files."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def page(self, request: Request) -> Response:
        language, name = _language(request), request.path_params["id"]
        mail = self.store.mail(name)
        if mail is None:
            return _page(
                "404", f'<div class="card empty">{say("missing", language)}</div>', language, request, status=404
            )
        view = request.query_params.get("view", "")
        if view not in VIEWS or (view == "html" and not mail.has_html):
            view = "html" if mail.has_html else "text"
        body = _tabs(mail, view, language) + self._shown(mail, view, language)
        back = f'<p><a href="/?lang={language}">← {say("back", language)}</a></p>'
        return _page(
            mail.subject or say("untitled", language), f"{back}{_head(mail, language)}{body}", language, request
        )

    async def formatted(self, request: Request) -> Response:
        content = self.store.html(request.path_params["id"])
        if content is None:
            return Response(status_code=404, headers=PLAIN)
        return HTMLResponse(_in_new_tab(content), headers=FRAME)

    async def source(self, request: Request) -> Response:
        content = self.store.raw(request.path_params["id"])
        if content is None:
            return Response(status_code=404, headers=PLAIN)
        return Response(content, media_type="message/rfc822", headers=PLAIN | _attached("mail.eml"))

    async def file(self, request: Request) -> Response:
        found = self.store.file(request.path_params["id"], request.path_params["number"])
        if found is None:
            return Response(status_code=404, headers=PLAIN)
        # Never shown in this place: whatever it says that it is, it is saved to disk.
        return Response(found.content, media_type="application/octet-stream", headers=PLAIN | _attached(found.name))

    def _shown(self, mail: Mail, view: str, language: str) -> str:
        if view == "html":
            return (
                f'<iframe class="card" sandbox="allow-popups allow-popups-to-escape-sandbox" '
                f'src="/mail/{quote(mail.id)}/html" title="{say("frame", language)}"></iframe>'
            )
        if view == "raw":
            raw = (self.store.raw(mail.id) or b"")[:200_000].decode("utf-8", "replace")
            save = f'<p><a href="/mail/{quote(mail.id)}/raw">{say("download", language)}</a></p>'
            return f'{save}<article class="card mail"><pre class="code">{html.escape(raw)}</pre></article>'
        return f'<article class="card mail"><pre>{linked(mail.text)}</pre></article>'


async def _style(request: Request) -> Response:
    return Response(CSS, media_type="text/css", headers=HEADERS)


async def _health(request: Request) -> Response:
    return JSONResponse({"status": "ok"}, headers=HEADERS)


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


def _in_new_tab(content: str) -> str:
    """Links of a frame open beside it: the page that holds it stays."""
    return f'<!doctype html><base target="_blank">{content}'


def _attached(name: str) -> dict[str, str]:
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}


def _language(request: Request) -> str:
    return language_of(request.query_params.get("lang", ""), request.headers.get("accept-language", ""))


def _when(mail: Mail) -> str:
    return datetime.fromtimestamp(mail.received_at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _row(mail: Mail, language: str) -> str:
    to = ", ".join(mail.recipients)[:200]
    clip = f'<b class="clip">{html.escape(mail.attachments[0][-40:])}</b>' if mail.attachments else ""
    start = " ".join(mail.text.split())[:160]
    return (
        f'<li><a href="/mail/{html.escape(mail.id)}?lang={language}">'
        f"<strong>{html.escape(mail.subject or say('untitled', language))}</strong>"
        f"<span>{clip}{_when(mail)}</span><span>{html.escape(to)}</span>"
        f'<span class="start">{html.escape(start)}</span></a></li>'
    )


def _head(mail: Mail, language: str) -> str:
    pairs = [
        (say("from", language), dict(mail.headers).get("From") or mail.sender),
        (say("to", language), ", ".join(mail.recipients)),
        (say("received", language), _when(mail)),
        *((name, value) for name, value in mail.headers if name not in ("From", "To")),
    ]
    listed = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>" for name, value in pairs if value)
    files = "".join(
        f'<a class="file" href="/mail/{quote(mail.id)}/files/{number}" download>{html.escape(name)}</a>'
        for number, name in enumerate(mail.attachments)
    )
    files = f"<dt>{say('files', language)}</dt><dd>{files}</dd>" if files else ""
    return f'<div class="card head"><dl>{listed}{files}</dl></div>'


def _tabs(mail: Mail, view: str, language: str) -> str:
    found = [one for one in VIEWS if one != "html" or mail.has_html]
    links = "".join(
        f'<a href="?{urlencode({"view": one, "lang": language})}"{_current(one == view)}>{say(one, language)}</a>'
        for one in found
    )
    return f'<nav class="tabs">{links}</nav>'


def _current(this: bool) -> str:
    return ' aria-current="true"' if this else ""


def _page(title: str, body: str, language: str, request: Request, status: int = 200) -> HTMLResponse:
    kept = {name: value[:MAX_SEARCH] for name, value in request.query_params.items() if name in ("q", "to", "view")}
    switch = "".join(
        f'<a href="?{html.escape(urlencode(kept | {"lang": one}))}" lang="{one}"{_current(one == language)}>{name}</a>'
        for one, name in ((FRENCH, "Français"), (ENGLISH, "English"))
    )
    text = (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{html.escape(title)}</title><link rel="stylesheet" href="/style.css"></head><body>'
        f'<header><a class="name" href="/?lang={language}"><span aria-hidden="true">✉</span> {say("title", language)}</a>'
        f'<nav class="languages">{switch}</nav></header>'
        f"<main><h1>{html.escape(title)}</h1>{body}</main></body></html>"
    )
    return HTMLResponse(text, status_code=status, headers=HEADERS)
