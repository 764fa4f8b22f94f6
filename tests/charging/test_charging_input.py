"""Bad input of every operation: a named error, and nothing half done."""

from __future__ import annotations

import contextlib
import json
import socket
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from charging_rig import AT, LANDLINE, TERMS, Books, call, ended, open_account

from cadran.charging import checks
from cadran.charging.engine import Engine
from cadran.charging.ports import BuyCredit, Charging, ChargingRefused
from cadran.units.errors import CadranError

NAIVE = datetime(2026, 3, 2, 9)
HOSTILE = ("", " ", "a b", "'; DROP TABLE ledger_transfer; --", "x" * 101, "é", "\x00", "a\nb", "../../etc")


def refused(work: object) -> str:
    assert callable(work)
    with pytest.raises(ChargingRefused) as error:
        work()
    return str(error.value.details["reason"])


@pytest.mark.parametrize("session", HOSTILE[:-1])
def test_sessions_are_keys(charging: Charging, books: Books, session: str) -> None:
    open_account(charging, 1_000_000)
    assert refused(lambda: charging.authorise(call(session))) == "invalid"
    assert refused(lambda: charging.extend(session=session, seq=1, used_s=0, at=AT)) == "invalid"
    assert refused(lambda: charging.settle(ended(session, 1))) == "invalid"
    assert refused(lambda: charging.heartbeat(used_s={session: 1})) == "invalid"
    assert books.one("SELECT count(*) FROM charging_session") == 0
    books.check()


@pytest.mark.parametrize(
    "changes",
    [
        {"account": "a b"},
        {"terms": "../x y"},
        {"number_class": ""},
        {"number_class": "x" * 300},
        {"destination": ""},
        {"destination": "3" * 300},
        {"destination": "33\r\nBYE"},
        {"destination": "\ud800"},
        {"shown": "x" * 300},
        {"direction": "sideways"},
        {"at": NAIVE},
        {"at": datetime(1, 1, 1, tzinfo=UTC)},
        {"at": datetime(9999, 12, 31, tzinfo=UTC)},
        {"country": "F\x00"},
    ],
)
def test_a_malformed_call_is_refused_and_not_remembered(
    engine: Engine, books: Books, changes: dict[str, object]
) -> None:
    open_account(engine, 1_000_000)
    assert refused(lambda: engine.authorise(call("s1", **changes))) == "invalid"
    assert engine.authorise(call("s1")).decision.allowed
    books.check()


def test_an_unknown_class_is_refused_by_the_terms(charging: Charging) -> None:
    open_account(charging, 1_000_000)
    assert not charging.authorise(call("s1", number_class="unknown")).decision.allowed
    assert not charging.authorise(call("s2", number_class="martian")).decision.allowed


@pytest.mark.parametrize(
    "changes",
    [
        {"measured_ms": -1},
        {"measured_ms": 10**15},
        {"measured_ms": True},
        {"measured_ms": 1.5},
        {"sip_code": -1},
        {"sip_code": 1000},
        {"disposition": "vanished"},
        {"ended_by": "nobody"},
        {"at": NAIVE},
        {"answered_at": NAIVE},
        {"answered_at": AT.replace(year=2027)},
        {"carrier": "x" * 300},
    ],
)
def test_a_malformed_settle_leaves_the_call_open(engine: Engine, books: Books, changes: dict[str, object]) -> None:
    open_account(engine, 1_000_000)
    engine.authorise(call("s1"))
    assert refused(lambda: engine.settle(ended("s1", 5, **changes))) == "invalid"
    assert books.balance() == (1_000_000, 2_000)
    assert engine.settle(ended("s1", 5)).charge_micros == 1_000


@pytest.mark.parametrize(("seq", "used_s"), [(0, 0), (-1, 0), (1, -1), (1, 10**9), (True, 0), (10**9, 0)])
def test_a_malformed_extension_holds_nothing(engine: Engine, books: Books, seq: int, used_s: int) -> None:
    open_account(engine, 1_000_000)
    engine.authorise(call("s1"))
    assert refused(lambda: engine.extend(session="s1", seq=seq, used_s=used_s, at=AT)) == "invalid"
    assert books.balance() == (1_000_000, 2_000)


@pytest.mark.parametrize(
    "changes",
    [
        {"key": ""},
        {"key": "x" * 101},
        {"amount_micros": 0},
        {"amount_micros": -5},
        {"amount_micros": 2**63},
        {"amount_micros": True},
        {"amount_micros": 1.0},
        {"currency": "euro"},
        {"means": "a b"},
        {"at": NAIVE},
        {"account": ""},
    ],
)
def test_a_malformed_purchase_gives_no_credit(engine: Engine, books: Books, changes: dict[str, object]) -> None:
    open_account(engine)
    fields: dict[str, object] = {
        "key": "p1",
        "account": "acc1",
        "terms": TERMS,
        "amount_micros": 10,
        "currency": "EUR",
        "at": AT,
    }
    assert refused(lambda: engine.buy_credit(BuyCredit(**{**fields, **changes}))) == "invalid"  # type: ignore[arg-type]
    assert books.one("SELECT count(*) FROM ledger_posting") == 0


@pytest.mark.parametrize(
    ("account", "brand", "currency"),
    [("", "ippi", "EUR"), ("acc1", "i p", "EUR"), ("acc1", "ippi", "eur"), ("acc1", "ippi", "")],
)
def test_a_malformed_wallet_is_not_opened(
    engine: Engine, books: Books, account: str, brand: str, currency: str
) -> None:
    assert refused(lambda: engine.open_wallet(account=account, brand=brand, currency=currency, at=AT)) == "invalid"
    assert books.one("SELECT count(*) FROM ledger_account") == 0


def test_a_heartbeat_of_too_many_sessions_is_refused(charging: Charging) -> None:
    many = {f"s{number}": 1 for number in range(checks.MAX_HEARTBEAT + 1)}
    assert refused(lambda: charging.heartbeat(used_s=many)) == "invalid"


def test_one_bad_request_in_a_batch_does_not_touch_the_others(engine: Engine, books: Books) -> None:
    open_account(engine, 1_000_000)
    answers = engine.run(
        [
            lambda: engine.do_authorise(call("s1")),
            lambda: engine.do_authorise(call("s2", account="stranger")),
            lambda: 1 // 0,
            lambda: engine.do_authorise(call("s3")),
        ]
    )
    assert [isinstance(answer, CadranError) for answer in answers] == [False, True, True, False]
    assert str(answers[2]).startswith("charging could not do this")
    assert books.balance() == (1_000_000, 4_000)
    books.check()


def test_records_and_extensions_cannot_be_altered(engine: Engine, file: Path) -> None:
    open_account(engine, 1_000_000)
    engine.authorise(call("s1"))
    engine.extend(session="s1", seq=1, used_s=1, at=AT)
    engine.settle(ended("s1", 5))
    engine.close()
    with sqlite3.connect(file) as connection:
        for statement in (
            "UPDATE charging_cdr SET charge_micros = 0",
            "DELETE FROM charging_cdr",
            "INSERT OR REPLACE INTO charging_cdr SELECT * FROM charging_cdr",
            "UPDATE charging_extension SET granted_s = 0",
            "DELETE FROM charging_extension",
        ):
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(statement)


LINES = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"\xff\xfe",
    b'{"id": "x", "op": "ping"}',
    b'{"id": 1, "op": "rm -rf"}',
    b'{"id": 1, "op": "authorise", "args": {}}',
    b'{"id": 1, "op": "authorise", "args": {"session": 1}}',
    b'{"id": 1, "op": "extend", "args": {"session": "s1", "seq": "1", "used_s": 0, "at": "2026-03-02T09:00:00Z"}}',
    b'{"id": 1, "op": "extend", "args": {"session": "s1", "seq": 1, "used_s": 0, "at": "yesterday"}}',
    b'{"id": 1, "op": "heartbeat", "args": {"used_s": {"s1": "many"}}}',
    b'{"id": 99999999999999999999999999, "op": "ping"}',
    b'{"id": 1, "op": "ping", "args": ' + b"[" * 5000 + b"}",
    json.dumps({"id": 1, "op": "authorise", "args": {"destination": LANDLINE}}).encode(),
]


@pytest.mark.parametrize("line", LINES, ids=range(len(LINES)))
def test_lines_that_are_no_request_are_answered_with_an_error(served: Path, line: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(served))
        connection.sendall(line + b'\n{"id": 7, "op": "ping"}\n')
        answers = connection.makefile("rb")
        first, second = json.loads(answers.readline()), json.loads(answers.readline())
        assert first["error"]["error_id"] == "charging-refused"
        assert first["error"]["reason"] == "invalid"
        assert second == {"id": 7, "result": None}


def test_an_endless_line_ends_the_connection_and_nothing_else(served: Path, client: Charging) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(served))
        with contextlib.suppress(OSError):
            connection.sendall(b"x" * (4 << 20))
            assert connection.recv(1) == b""
    open_account(client, 1_000_000)
