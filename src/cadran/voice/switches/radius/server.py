"""Two UDP ports on asyncio: requests in, answers out; what is sent again gets the answer that it got."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from cadran.units.clock import MonotonicClock
from cadran.units.errors import CadranError, InvalidInput
from cadran.voice.switches import figures, rules
from cadran.voice.switches.radius import codec
from cadran.voice.switches.radius.exchange import Exchange

REMEMBERED_S = 30.0
MOST_REMEMBERED = 20_000
MOST_AT_ONCE = 1024
RATE = 1000
ROOM = 1 << 21
Address = tuple[str, int]
log = structlog.get_logger("voice.radius")


class InvalidClients(InvalidInput):
    """CADRAN_RADIUS_CLIENTS cannot be read."""

    error_id = "radius-clients-invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who may ask: by its address and the secret shared with it."""

    address: str
    secret: bytes = field(repr=False)
    switch: rules.Switch


def client(name: str, address: str, brands: tuple[str, ...], secret: str) -> Client:
    """A client of that name, whose sessions are those of the switch of that name. Raises rules.InvalidKeyWish."""
    switch = rules.Switch(
        name=rules.checked_name(name),
        prefix="",
        scopes=frozenset({rules.Scope.CALLS.value}),
        brands=frozenset(brands),
        rate=RATE,
        event_limit_micros=0,
        expires_at=datetime.max.replace(tzinfo=UTC),
    )
    return Client(address=address, secret=secret.encode(), switch=switch)


def read_clients(text: str) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """Name, address and brands of each of `name=address=brand+brand,…`. Raises InvalidClients."""
    found = []
    for one in filter(None, (part.strip() for part in text.split(","))):
        parts = [part.strip() for part in one.split("=")]
        brands = tuple(filter(None, parts[2].split("+"))) if len(parts) == 3 else ()
        if len(parts) != 3 or not all(parts) or not brands:
            raise InvalidClients(f"write CADRAN_RADIUS_CLIENTS as name=address=brand+brand,…, not {one[:60]!r}")
        found.append((parts[0], parts[1], brands))
    return tuple(found)


class Endpoint(asyncio.DatagramProtocol):
    """One port. codes: the requests that it takes."""

    def __init__(
        self, exchange: Exchange, clients: Mapping[str, Client], *, codes: frozenset[int], clock: MonotonicClock
    ) -> None:
        self._exchange, self._clients, self._codes, self._clock = exchange, clients, codes, clock
        self._allowances = {address: rules.Allowance(one.switch.rate) for address, one in clients.items()}
        self._answered: OrderedDict[tuple[Address, bytes], tuple[float, bytes]] = OrderedDict()
        self._under_way: dict[tuple[Address, bytes], asyncio.Task[None]] = {}
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport) or hasattr(transport, "sendto")
        self._transport = transport  # type: ignore[assignment]

    def datagram_received(self, datagram: bytes, address: Address) -> None:
        found = self._clients.get(address[0])
        if found is None:
            figures.TURNED.labels("radius-stranger").inc()
            return
        try:
            request = codec.read(datagram, found.secret)
        except codec.Unproven as error:
            figures.TURNED.labels(f"radius-{error.details.get('why')}").inc()
            log.info("radius-dropped", switch=found.switch.name, why=error.details.get("why"))
            return
        if request.code not in self._codes:
            figures.TURNED.labels("radius-port").inc()
            return
        key = (address[:2], datagram[:20])  # code, identifier, length and authenticator: the same when it is sent again
        if (kept := self._answered.get(key)) is not None:
            self._send(kept[1], address)
        elif key not in self._under_way:
            self._take_up(key, found.switch, request, address)

    def _take_up(
        self, key: tuple[Address, bytes], switch: rules.Switch, request: codec.Request, address: Address
    ) -> None:
        busy = len(self._under_way) >= MOST_AT_ONCE
        if busy or self._allowances[address[0]].take(self._clock.seconds()):
            figures.TURNED.labels("radius-rate").inc()
            return
        task = asyncio.get_running_loop().create_task(self._answer(key, switch, request, address))
        self._under_way[key] = task
        task.add_done_callback(lambda _task: self._under_way.pop(key, None))

    async def _answer(
        self, key: tuple[Address, bytes], switch: rules.Switch, request: codec.Request, address: Address
    ) -> None:
        start, op = time.perf_counter(), "accounting" if request.code == codec.ACCOUNTING_REQUEST else "access"
        try:
            answer = await self._exchange.answer(switch, request)
            reply = codec.reply(request, answer.code, answer.values)
        except CadranError as error:  # no answer: the client sends it again
            figures.REQUESTS.labels("radius", op, "none").inc()
            log.warning("radius-unanswered", switch=switch.name, error=error.error_id)
            return
        except Exception:  # an edge: one broken request must not end the process
            figures.REQUESTS.labels("radius", op, "none").inc()
            log.exception("radius-failed", switch=switch.name)
            return
        figures.REQUESTS.labels("radius", op, str(answer.code)).inc()
        figures.SECONDS.labels(op).observe(time.perf_counter() - start)
        self._remember(key, reply)
        self._send(reply, address)

    def _remember(self, key: tuple[Address, bytes], reply: bytes) -> None:
        now = self._clock.seconds()
        self._answered[key] = (now + REMEMBERED_S, reply)
        while len(self._answered) > MOST_REMEMBERED or next(iter(self._answered.values()))[0] <= now:
            self._answered.popitem(last=False)

    def _send(self, reply: bytes, address: Address) -> None:
        if self._transport is not None:
            self._transport.sendto(reply, address)

    def error_received(self, error: Exception) -> None:
        log.info("radius-socket", error=str(error))
