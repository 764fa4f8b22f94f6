"""The charging API as a raw ASGI application: one JSON object in, one out."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

import msgspec
import structlog

from cadran.units import ids
from cadran.units.errors import CadranError
from cadran.voice.switches import figures, problems, rules, shapes
from cadran.voice.switches.callers import Wish
from cadran.voice.switches.desk import Desk, Ended, Event
from cadran.voice.switches.keyring import Keyring

MAX_BODY = 16_384
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]
log = structlog.get_logger("voice.switches")
_JSON: list[Header] = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
_PROBLEM: list[Header] = [(b"content-type", problems.MEDIA_TYPE), (b"cache-control", b"no-store")]
_encode = msgspec.json.Encoder().encode
_READ: dict[str, Callable[[bytes], Any]] = {
    "authorise": msgspec.json.Decoder(shapes.Authorise).decode,
    "extend": msgspec.json.Decoder(shapes.Extend).decode,
    "heartbeat": msgspec.json.Decoder(shapes.Heartbeat).decode,
    "settle": msgspec.json.Decoder(shapes.Settle).decode,
    "event": msgspec.json.Decoder(shapes.Event).decode,
}
_PATHS = {f"/v1/{op}": op for op in _READ}
HEALTH = "/v1/health"


class Gone(Exception):
    """The client went away before its request was whole."""


class Application:
    """Answers requests of switches. `lifespan` events are answered too, so that any ASGI server can run it."""

    def __init__(self, desk: Desk, keyring: Keyring) -> None:
        self._desk, self._keyring = desk, keyring
        self._works: dict[str, Callable[[rules.Switch, Any], Awaitable[object]]] = {
            "authorise": self._authorise,
            "extend": self._extend,
            "heartbeat": self._heartbeat,
            "settle": self._settle,
            "event": self._event,
        }
        self._seconds = {op: figures.SECONDS.labels(op) for op in self._works}
        self._done = {op: figures.REQUESTS.labels("http", op, "200") for op in self._works}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._request(scope, receive, send)
        elif scope["type"] == "lifespan":
            await _lifespan(receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        op = _PATHS.get(scope["path"], "")
        start = time.perf_counter()
        headers: Iterable[Header] = _JSON
        try:
            body = await self._answer(op, scope, receive)
            status = 200
            if op:
                self._done[op].inc()
                self._seconds[op].observe(time.perf_counter() - start)
        except Gone:
            figures.TURNED.labels("gone").inc()
            return
        except CadranError as error:
            status, body, headers = _problem(error, op, scope)
        except Exception as error:  # an edge: the switch gets a problem with an id that the log knows
            log.exception("request-failed", op=op, kind=type(error).__name__)
            status, body, headers = _problem(
                problems.Failed("this failed on our side: tell us the request's id"), op, scope
            )
        length = (b"content-length", str(len(body)).encode())
        try:
            await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
            await send({"type": "http.response.body", "body": body})
        except (
            OSError,
            RuntimeError,
        ):  # uvloop's word for a connection that is closed: the switch asks again, and is answered alike
            figures.TURNED.labels("gone").inc()

    async def _answer(self, op: str, scope: Scope, receive: Receive) -> bytes:
        if not op:
            return await self._beside(scope)
        if scope["method"] != "POST":
            raise problems.MethodNotAllowed("this address takes POST", allow="POST")
        authorization, content_type, length = b"", b"", b""
        for name, value in scope["headers"]:
            if name == b"authorization":
                authorization = value
            elif name == b"content-type":
                content_type = value
            elif name == b"content-length":
                length = value
        switch = await self._keyring.switch(authorization)
        if content_type.partition(b";")[0].strip().lower() != b"application/json":
            raise problems.NotJson("send Content-Type: application/json")
        if len(length) > 9 or (length.isdigit() and int(length) > MAX_BODY):
            raise problems.TooLarge(f"a body has {MAX_BODY} bytes at most")
        request = _read(op, await _body(receive))
        return _encode(await self._works[op](switch, request))

    async def _beside(self, scope: Scope) -> bytes:
        if scope["path"] != HEALTH:
            raise problems.NotFound(f"there are {', '.join(sorted([*_PATHS, HEALTH]))}")
        if scope["method"] not in ("GET", "HEAD"):
            raise problems.MethodNotAllowed("this address takes GET", allow="GET, HEAD")
        await self._desk.charging.ping()
        return b'{"status":"ok"}' if scope["method"] == "GET" else b""

    async def _authorise(self, switch: rules.Switch, asked: shapes.Authorise) -> object:
        wish = Wish(
            to=asked.to,
            caller=asked.caller,
            account=asked.account,
            withhold=asked.withhold,
            inbound=asked.direction == "inbound",
        )
        found = await self._desk.authorise(
            switch,
            wish,
            session=asked.session,
            call_id=asked.call_id,
            wanted_s=asked.wanted_s,
            lease_s=asked.lease_s,
        )
        return shapes.authorised(asked.session, found)

    async def _extend(self, switch: rules.Switch, asked: shapes.Extend) -> object:
        grant = await self._desk.extend(switch, session=asked.session, seq=asked.seq, used_s=asked.used_s)
        return shapes.extended(asked.session, grant)

    async def _heartbeat(self, switch: rules.Switch, asked: shapes.Heartbeat) -> object:
        return shapes.Closed(await self._desk.heartbeat(switch, asked.used_s))

    async def _settle(self, switch: rules.Switch, asked: shapes.Settle) -> object:
        ended = Ended(
            answered=asked.answered,
            measured_ms=asked.measured_ms,
            ended_by=asked.ended_by,
            sip_code=asked.sip_code,
            carrier=asked.carrier,
            ended_at=asked.ended_at,
        )
        return shapes.settled(asked.session, await self._desk.settle(switch, ended, session=asked.session))

    async def _event(self, switch: rules.Switch, asked: shapes.Event) -> object:
        event = Event(
            key=asked.event,
            step=asked.step,
            caller=asked.caller,
            account=asked.account,
            service=asked.service,
            amount_micros=asked.amount_micros,
            currency=asked.currency,
            units=asked.units,
            to=asked.to,
            clause=asked.clause,
            fr=asked.fr,
            en=asked.en,
            hold_s=asked.hold_s,
        )
        account, done = await self._desk.event(switch, event)
        return shapes.charged(asked.event, account, done)


def _read(op: str, body: bytes) -> Any:
    try:
        return _READ[op](body)
    except msgspec.ValidationError as error:
        raise problems.InputInvalid(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise problems.Malformed(f"the body is one JSON object: {error}") from error


async def _body(receive: Receive) -> bytes:
    message = await receive()
    if message["type"] != "http.request":
        raise Gone
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        if message["type"] != "http.request":
            raise Gone
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            break
    if len(body) > MAX_BODY:
        raise problems.TooLarge(f"a body has {MAX_BODY} bytes at most")
    return body


def _problem(error: CadranError, op: str, scope: Scope) -> tuple[int, bytes, list[Header]]:
    request_id = ids.new_id("req")
    status, error_id, body = problems.told(error, request_id)
    figures.REQUESTS.labels("http", op or "none", str(status)).inc()
    client = scope.get("client") or ("", 0)
    log.info("request-refused", op=op, status=status, error=error_id, request_id=request_id, peer=client[0])
    headers = [*_PROBLEM, (b"request-id", request_id.encode())]
    if status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="cadran"'))
    if status in (429, 503):
        headers.append((b"retry-after", str(error.details.get("retry_s", 1)).encode()))
    if isinstance(allow := error.details.get("allow"), str):
        headers.append((b"allow", allow.encode()))
    if status == 413:
        headers.append((b"connection", b"close"))
    return status, b"" if scope["method"] == "HEAD" else body, headers


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
