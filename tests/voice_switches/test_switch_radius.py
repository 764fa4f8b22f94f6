"""RADIUS by Debian's own client and its dictionaries, and by datagrams made wrong on purpose."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from charging_rig import Books
from pyrad import packet
from switch_rig import LANDLINE, NUMBERS, Switchboard

from cadran.units.clock import BootClock
from cadran.voice.switches import rules
from cadran.voice.switches.radius import codec, server
from cadran.voice.switches.radius.exchange import Exchange

SECRET = "a-secret-of-the-tests"
CALL = {
    "User-Name": "alice",
    "Called-Station-Id": LANDLINE,
    "Calling-Station-Id": NUMBERS["alice"],
    "Acct-Session-Id": "s1",
}
needs_radclient = pytest.mark.skipif(
    shutil.which("radclient") is None, reason="radclient (freeradius-utils) is missing"
)


class Gateway:
    """The two ports on the board's loop, and a client on the same machine."""

    def __init__(self, board: Switchboard) -> None:
        self.board, self.run = board, board.runner.run
        clients = {"127.0.0.1": server.client("gw", "127.0.0.1", ("ippi",), SECRET)}
        exchange = Exchange(board.desk, grant_s=600)
        self.ports, self.transports = {}, []
        for name, code in (("auth", codec.ACCESS_REQUEST), ("acct", codec.ACCOUNTING_REQUEST)):
            codes = frozenset({code, codec.STATUS_SERVER})
            endpoint = server.Endpoint(exchange, clients, codes=codes, clock=BootClock())
            self.transports.append(self.run(self._open(endpoint)))
            self.ports[name] = self.transports[-1].get_extra_info("sockname")[1]

    async def _open(self, endpoint: server.Endpoint) -> Any:
        loop = asyncio.get_running_loop()
        return (await loop.create_datagram_endpoint(lambda: endpoint, local_addr=("127.0.0.1", 0)))[0]

    def radclient(self, kind: str, secret: str = SECRET, signed: bool = True, **values: object) -> str:
        """What radclient prints of the answer to one request."""
        told = {name.replace("_", "-"): value for name, value in values.items()}
        lines = [
            f'{name} = "{value}"' if isinstance(value, str) else f"{name} = {value}" for name, value in told.items()
        ]
        lines += ["Message-Authenticator = 0x00"] if signed else []
        return self.run(self._radclient(kind, ",".join(lines), secret))

    async def _radclient(self, kind: str, line: str, secret: str) -> str:
        program = await asyncio.create_subprocess_exec(
            *("radclient", "-x", "-r", "1", "-t", "0.4", f"127.0.0.1:{self.ports[kind]}", kind, secret),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await asyncio.wait_for(program.communicate(line.encode()), 15)
        return out.decode().partition("Received ")[2]

    def send(self, *datagrams: bytes, port: str = "auth") -> list[bytes]:
        """The answers that come within a moment to these datagrams."""
        return self.run(self._send(datagrams, self.ports[port]))

    async def _send(self, datagrams: tuple[bytes, ...], port: int) -> list[bytes]:
        loop, found = asyncio.get_running_loop(), list[bytes]()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.setblocking(False)
            client.connect(("127.0.0.1", port))
            for datagram in datagrams:
                await loop.sock_sendall(client, datagram)
            try:
                while True:
                    found.append(await asyncio.wait_for(loop.sock_recv(client, 4096), 0.3))
            except TimeoutError:
                return found


@pytest.fixture
def gateway(board: Switchboard) -> Iterator[Gateway]:
    gateway = Gateway(board)
    yield gateway
    for transport in gateway.transports:
        transport.close()


def access(signed: bool = True, secret: str = SECRET, **values: object) -> bytes:
    request = packet.AuthPacket(secret=secret.encode(), dict=codec._dictionary())
    for name, value in (CALL | {name.replace("_", "-"): value for name, value in values.items()}).items():
        request[name] = value
    if signed:
        request.add_message_authenticator()
    return bytes(request.RequestPacket())


@needs_radclient
def test_debians_client_is_granted_seconds_and_settles_what_it_used(gateway: Gateway, books: Books) -> None:
    account = gateway.board.house.accounts["alice"]
    told = gateway.radclient("auth", **CALL)
    assert told.startswith("Access-Accept")
    for line in (
        'h323-credit-time = "h323-credit-time=600"',
        "Session-Timeout = 600",
        'h323-return-code = "h323-return-code=0"',
    ):
        assert line in told
    assert books.balance(account) == (1_000_000, 120_000)
    for values in (
        {"Acct-Status-Type": "Start"},
        {"Acct-Status-Type": "Interim-Update", "Acct-Session-Time": 300},
        {"Acct-Status-Type": "Interim-Update", "Acct-Session-Time": 100},  # late: acknowledged, and changes nothing
        {"Acct-Status-Type": "Stop", "Acct-Session-Time": 421, "Acct-Terminate-Cause": "User-Request"},
        {"Acct-Status-Type": "Stop", "Acct-Session-Time": 9_999},
    ):
        assert gateway.radclient("acct", **CALL, **values).startswith("Accounting-Response"), values
    assert books.balance(account) == (1_000_000 - 421 * 200, 0)
    assert books.rows("SELECT charged_s, ended_by FROM charging_cdr") == [(421, "caller")]
    books.check()


@needs_radclient
def test_a_reject_names_the_clause(gateway: Gateway) -> None:
    told = gateway.radclient("auth", **CALL | {"User-Name": "bob"})
    assert told.startswith("Access-Reject")
    assert "IPP-9.2-cut-at-zero" in told
    assert 'h323-return-code = "h323-return-code=12"' in told
    assert gateway.radclient("auth", **CALL | {"User-Name": "mallory"}).startswith("Access-Reject")
    assert gateway.radclient("auth", signed=False, **CALL) == ""  # BlastRADIUS: no Message-Authenticator, no answer
    assert gateway.radclient("auth", secret="another-secret-then", **CALL) == ""


def test_what_is_not_proven_is_dropped_and_costs_nothing(gateway: Gateway, books: Books) -> None:
    good = access()
    flipped = bytearray(good)
    flipped[-1] ^= 1
    twice = good[:20] + good[20:38] * 2 + good[38:]
    twice = twice[:2] + len(twice).to_bytes(2, "big") + twice[4:]
    wrong = (
        access(signed=False),
        access(secret="wrong-wrong-wrong-wrong"),
        bytes(flipped),
        twice,
        good[:19],
        good[:-5],
        b"",
        b"\x01" * 4096,
        bytes([2]) + good[1:],
        bytes([43]) + good[1:],
        good[:2] + b"\xff\xff" + good[4:],
        good[:20] + bytes([26, 3, 0]) * 20,
        good + b"\x00" * 5000,
    )
    assert gateway.send(*wrong) == []
    assert gateway.send(good, port="acct") == []  # the wrong port
    assert not books.rows("SELECT * FROM charging_session")
    assert len(gateway.send(good)) == 1


def test_a_retransmission_gets_the_very_same_answer_and_holds_once(gateway: Gateway, books: Books) -> None:
    nameless = access(**{"Acct-Session-Id": ""})
    first = gateway.send(*[nameless] * 5)
    assert len(first) >= 1
    assert set(gateway.send(nameless)) == set(first)
    assert len(books.rows("SELECT * FROM charging_session")) == 1
    answer = packet.Packet(packet=first[0], dict=codec._dictionary())
    assert answer.code == codec.ACCESS_ACCEPT
    assert next(iter(answer.keys())) == "Message-Authenticator"
    kept = answer["Class"][0]
    stop = packet.AcctPacket(secret=SECRET.encode(), dict=codec._dictionary())
    for name, value in {
        "Class": kept,
        "Acct-Session-Id": "other",
        "Acct-Status-Type": 2,
        "Acct-Session-Time": 7,
    }.items():
        stop[name] = value
    assert len(gateway.send(bytes(stop.RequestPacket()), port="acct")) == 1
    assert books.rows("SELECT charged_s FROM charging_cdr") == [(7,)]


def test_without_charging_nothing_is_answered_so_that_it_is_sent_again(gateway: Gateway) -> None:
    gateway.board.charging._pipes[0]._path, gateway.board.charging._pipes[0]._timeout_s = "/nonexistent", 0.05
    assert gateway.send(access()) == []


def test_clients_are_read_whole_or_not_at_all() -> None:
    assert server.read_clients("a=192.0.2.1=ippi+kavkom, b=192.0.2.2=ippi") == (
        ("a", "192.0.2.1", ("ippi", "kavkom")),
        ("b", "192.0.2.2", ("ippi",)),
    )
    for wrong in ("a", "a=192.0.2.1", "=192.0.2.1=ippi", "a=192.0.2.1=", "a=192.0.2.1=+"):
        with pytest.raises(server.InvalidClients):
            server.read_clients(wrong)
    with pytest.raises(rules.InvalidKeyWish):
        server.client("Bad Name", "192.0.2.1", ("ippi",), SECRET)


def test_a_secret_never_shows_itself() -> None:
    assert SECRET not in repr(server.client("gw", "192.0.2.1", ("ippi",), SECRET))
