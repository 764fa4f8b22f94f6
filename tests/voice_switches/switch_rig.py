"""Customers with wallets, a switch with its key, and requests of that switch."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
from charging_rig import AT, open_account

from cadran.charging.adapters.client import SocketCharging
from cadran.charging.engine import Engine
from cadran.charging.service import Service
from cadran.numbering import operations as numbering
from cadran.party import operations as party
from cadran.party import rules as party_rules
from cadran.units.clock import BootClock, SystemClock
from cadran.units.e164 import E164
from cadran.voice.switches import operations
from cadran.voice.switches.callers import Callers
from cadran.voice.switches.desk import Desk
from cadran.voice.switches.http import Application
from cadran.voice.switches.keyring import Keyring
from cadran.voice.switches.pipe import PipedCharging

T = TypeVar("T")
NUMBERS = {"alice": "33972100001", "bob": "33972100002"}
LANDLINE = "+33142000001"  # 200 micros a second


class FixedClock:
    """The civil clock stands at the rig's instant."""

    def now(self) -> Any:
        return AT


class DirectCallers(Callers):
    """Reads on the test's own connection, whose transaction holds the rows: Django gives a running loop another one."""

    async def read(self, work: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        asyncio._set_running_loop(None)
        try:
            return work()
        finally:
            asyncio._set_running_loop(loop)


@dataclass(frozen=True, slots=True)
class House:
    """accounts by user name; alice has one euro, the others nothing."""

    socket: Path
    accounts: dict[str, str]

    def pay(self, name: str, micros: int, key: str) -> None:
        charging = SocketCharging(self.socket)
        open_account(charging, micros, self.accounts[name], key)
        charging.close()


def people(socket: Path) -> House:
    ticks = tuple(
        party_rules.Accepted(document=one, ref="ippi/2018-04", text_sha256="ab" * 32, language="fr")
        for one in party_rules.Document
    )
    accounts = {}
    for name, number in NUMBERS.items():
        given = party.Registration(
            brand="ippi",
            currency="EUR",
            email=f"{name}@example.org",
            user_name=name,
            password="vent-du-large-29",
            sip_password="k7mq-x3dw-p9ra-t4hv",
            name=name.title(),
            first_names="Test",
            adult=True,
            accepted=ticks,
        )
        customer = party.register_customer(registration=given, at=AT)
        customer = party.validate_email(user_id=customer.user_id, email=customer.email, at=AT)
        numbering.assign_number(e164=E164(f"+{number}"), account=customer.account, sip_username=name, at=AT)
        accounts[name] = customer.account
    house = House(socket, accounts)
    for name in NUMBERS:
        house.pay(name, 1_000_000 if name == "alice" else 0, f"pay-{name}")
    return house


@contextlib.contextmanager
def charging_thread(engine: Engine, path: Path) -> Iterator[Path]:
    service = Service(engine, path, civil=SystemClock())
    thread = threading.Thread(target=service.serve, daemon=True)
    thread.start()
    yield path
    service.stop()
    thread.join(10)
    assert not thread.is_alive()


def make_key(name: str = "pbx", **changes: Any) -> str:
    wish: dict[str, Any] = {
        "name": name,
        "brands": ["ippi"],
        "scopes": ["calls", "events"],
        "rate": 1000,
        "event_limit_micros": 5_000_000,
        "days": 30,
        "at": AT,
    }
    return operations.make_key(**{**wish, **changes}).text


class Switchboard:
    """Sends requests as a switch does. `post` takes an object, or bytes as they are."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.key = make_key()
        self.runner = asyncio.Runner()
        self.callers = DirectCallers(
            BootClock(), realm="cadran.local", country="FR", private_targets=True, own=("127.0.0.1", 5060), ttl_s=0
        )
        self.charging = PipedCharging(house.socket)
        self.desk = Desk(self.charging, self.callers, FixedClock())
        self.keyring = Keyring(self.callers.read, clock=BootClock(), civil=FixedClock(), ttl_s=0)
        self.application = Application(self.desk, self.keyring)
        transport = httpx.ASGITransport(app=self.application)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://switches")

    def post(self, op: str, body: object, *, key: str | None = None, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        told = {"Authorization": f"Bearer {self.key if key is None else key}", "Content-Type": "application/json"}
        return self.runner.run(self.http.post(f"/v1/{op}", content=content, headers={**told, **headers}))

    def get(self, path: str) -> httpx.Response:
        return self.runner.run(self.http.get(path))

    def ask(self, op: str, body: object, **more: Any) -> dict[str, Any]:
        answer = self.post(op, body, **more)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def refused(self, op: str, body: object, **more: Any) -> tuple[int, str]:
        answer = self.post(op, body, **more)
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        return answer.status_code, answer.json()["error_id"]

    def close(self) -> None:
        self.runner.run(self.http.aclose())
        self.runner.run(self.charging.close())
        self.callers.close()
        self.runner.close()
