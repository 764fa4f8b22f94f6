"""A visitor of the web pages: follows links, fills in forms as a browser without JavaScript does, and keeps its cookies."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from cadran.commands.demo import teller

_LINK = re.compile(r"https?://[^\s<>\"']+")


@dataclass(slots=True)
class Form:
    """A form as it stands on a page: where it goes, how, and what each field holds before anybody types."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    ticks: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    choices: dict[str, list[str]] = field(default_factory=dict)


class _Forms(HTMLParser):
    """Collects the forms of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open: Form | None = None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = Form(given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self._open)
        elif self._open is None:
            return
        elif tag == "input":
            self._input(self._open, given)
        elif tag == "button" and given.get("name"):
            self._open.buttons.append((given["name"], given.get("value", "")))
        elif tag in ("textarea", "select") and given.get("name"):
            self._open.fields.setdefault(given["name"], "")
            self._select = given["name"] if tag == "select" else ""
        elif tag == "option" and self._select and "selected" in given:
            self._open.fields[self._select] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        elif tag == "select":
            self._select = ""

    @staticmethod
    def _input(form: Form, given: dict[str, str]) -> None:
        name, kind = given.get("name", ""), given.get("type", "text").lower()
        if not name:
            return
        if kind == "radio":
            form.choices.setdefault(name, []).append(given.get("value", "on"))
            if "checked" in given:
                form.fields[name] = given.get("value", "on")
        elif kind == "checkbox":
            form.ticks[name] = given.get("value", "on")
            if "checked" in given:
                form.fields[name] = given.get("value", "on")
        elif kind == "submit":
            form.buttons.append((name, given.get("value", "")))
        else:
            form.fields[name] = given.get("value", "")


class Visitor:
    """One browser, so to speak. Errors of the pages raise StepFailed with the address."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._client = httpx.Client(follow_redirects=True, timeout=20, headers={"Accept-Language": "fr"})

    def open(self, address: str) -> httpx.Response:
        """Get a page. Raises StepFailed unless it is there."""
        answer = self._client.get(urljoin(self.base, address))
        if answer.status_code >= 400:
            raise teller.StepFailed(f"{answer.url} answers {answer.status_code}")
        return answer

    def form(self, page: httpx.Response, *, having: str, to: str = "") -> Form:
        """The first form of a page with a field, tick, choice or button of that name, sent to an address that holds `to`.

        Raises StepFailed.
        """
        reader = _Forms()
        reader.feed(page.text)
        for form in reader.forms:
            names = {*form.fields, *form.ticks, *form.choices, *(name for name, _value in form.buttons)}
            if having in names and to in form.action:
                return form
        raise teller.StepFailed(f"{page.url} has no form with {having}")

    def send(
        self, page: httpx.Response, form: Form, files: dict[str, tuple[str, bytes]] | None = None, /, **filled: str
    ) -> httpx.Response:
        """Send a form with what was typed over what it held, and files by field; returns the page that follows."""
        target = urljoin(str(page.url), form.action or str(page.url))
        parts = urlsplit(target)
        headers = {"Referer": str(page.url), "Origin": f"{parts.scheme}://{parts.netloc}"}
        data: dict[str, Any] = {**form.fields, **filled}
        if form.method == "get":
            return self._client.get(target, params=data, headers=headers)
        return self._client.post(target, data=data, files=files, headers=headers)


def mail_link(mailbox: str, to: str, containing: str, *, timeout_s: float = 15) -> str:
    """The first link of the newest mail to that address whose address holds `containing`. Raises StepFailed."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        for mail in httpx.get(f"{mailbox}/mails", params={"to": to}, timeout=5).json():
            for link in _LINK.findall(mail["text"]):
                if containing in link:
                    return str(link)
        time.sleep(0.2)
    raise teller.StepFailed(f"no mail with a link to {containing} came to {to} within {timeout_s:.0f} s")
