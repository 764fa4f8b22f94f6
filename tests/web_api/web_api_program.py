"""A program that calls the API."""

from __future__ import annotations

import functools
import json
import re
import secrets
from dataclasses import dataclass, field
from typing import Any

from django.test import Client

from cadran.web.api import application, document


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def error_id(self) -> str:
        assert self.headers["Content-Type"] == "application/problem+json", self.content
        found = self.json
        assert found["status"] == self.status
        assert found["type"].endswith(f"/api/problems/#{found['error_id']}")
        return str(found["error_id"])


@dataclass
class Program:
    """A program with a key. Each write gets a fresh Idempotency-Key unless one is given."""

    key: str = ""
    client: Client = field(default_factory=Client)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.key and "authorization" not in sent:
            sent["authorization"] = f"Bearer {self.key}"
        if method not in {"GET", "HEAD"} and "idempotency-key" not in sent:
            sent["idempotency-key"] = secrets.token_hex(16)
        sent = {name: value for name, value in sent.items() if value}
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = sent.pop("content-type", "application/json")
        response = self.client.generic(method, f"/api/v1{path}", data, content_type=kind, headers=sent)
        return Answer(response.status_code, dict(response.headers), response.content)

    def get(self, path: str, **headers: str) -> Answer:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.call("POST", path, body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.call("PUT", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.call("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Answer:
        return self.call("DELETE", path, **headers)


@functools.cache
def every_operation(under: str = "") -> list[tuple[str, str, str]]:
    """Every operation that needs a key: its id, method, and an address that leads to nothing of anybody's."""
    found = []
    for path, methods in document.build("http://x")["paths"].items():
        for method, told in methods.items():
            if not application.DECLARED[told["operationId"]].open_to_all and path.startswith(under):
                found.append((told["operationId"], method.upper(), re.sub(r"\{([a-z_]+)\}", _some, path)))
    return found


def _some(name: re.Match[str]) -> str:
    known = {"account": "A000001", "username": "claire", "side": "front", "number": "4K7M-92QX-H3WD"}
    return known.get(name[1], "some-id")
