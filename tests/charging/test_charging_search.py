"""Calls of all accounts, a page at a time: none missing, none twice, each page bounded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connections

from cadran.charging import search
from cadran.charging.adapters.sqlite import SqliteSessions
from cadran.charging.records import Record

pytestmark = pytest.mark.django_db(databases="__all__")
AT = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)


def ended(number: int, **changes: object) -> Record:
    at = AT + timedelta(seconds=number // 3)  # three at each instant
    values: dict[str, object] = dict.fromkeys(("call_id", "caller", "shown", "carrier", "limit_clause"), "")
    values |= {"account": f"A{number % 2}", "cdr_id": f"cdr_{number:04}", "session": f"call_{number:04}"}
    values |= {"brand": "ippi" if number % 5 else "kryptoow", "terms": "ippi/2018-04", "direction": "outbound"}
    values |= {"number_class": "mobile", "destination": f"3361234{number:04}", "authorised_at": at, "answered_at": at}
    values |= {"ended_at": at, "disposition": "busy" if number == 1 else "answered", "ended_by": "caller"}
    values |= {"sip_code": 200, "measured_ms": 1, "charged_s": 1, "charge_micros": 0, "currency": "EUR", "clause": "c"}
    values |= {"loss_s": 0, "loss_micros": 0, "granted_s": None, "limit_s": None, "decision": {}}
    return Record(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture
def hundred() -> list[str]:
    connections["charging"].ensure_connection()
    for number in range(100):
        SqliteSessions(connections["charging"].connection).insert_record(ended(number))
    return [f"cdr_{number:04}" for number in range(99, -1, -1)]


def all_of(wanted: search.Wanted, size: int) -> list[str]:
    found, after, turns = [], None, 0
    while True:
        page = search.calls(wanted, after=after, limit=size)
        assert len(page.records) <= size
        found += [one.cdr_id for one in page.records]
        after, turns = page.further, turns + 1
        assert turns < 200
        if after is None:
            return found


@pytest.mark.parametrize("size", [1, 2, 7, 99, 100, 101])
def test_pages_hold_each_call_once_newest_first(hundred: list[str], size: int) -> None:
    assert all_of(search.Wanted(), size) == hundred


def test_filters_narrow_and_a_rare_thing_is_found_however_far_back(
    hundred: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "WINDOW", 10)
    first = search.calls(search.Wanted(disposition="busy"), limit=5)
    assert first.records == ()
    assert first.looked_back_to is not None
    assert all_of(search.Wanted(disposition="busy"), 5) == ["cdr_0001"]
    assert all_of(search.Wanted(brands=("kryptoow",)), 3) == [one for one in hundred if int(one[-1]) % 5 == 0]
    assert all_of(search.Wanted(account="A1"), 3) == [one for one in hundred if int(one[-1]) % 2]
    assert all_of(search.Wanted(destination="33612340042"), 3) == ["cdr_0042"]
    assert len(all_of(search.Wanted(destination="336"), 30)) == 100
    assert all_of(search.Wanted(destination="4"), 30) == []


def test_a_period_is_half_open(hundred: list[str]) -> None:
    since, until = AT + timedelta(seconds=1), AT + timedelta(seconds=2)
    assert all_of(search.Wanted(since=since, until=until), 2) == ["cdr_0005", "cdr_0004", "cdr_0003"]


def test_a_call_is_found_by_its_id_its_session_and_its_call_id(hundred: list[str]) -> None:
    SqliteSessions(connections["charging"].connection).insert_record(ended(200, call_id="x@host"))
    found = search.by_id("cdr_0042")
    assert found is not None
    assert found.session == "call_0042"
    assert search.by_id("cdr_none") is None
    assert [one.cdr_id for one in search.sought("x@host")] == ["cdr_0200"]
    assert [one.cdr_id for one in search.sought("cdr_004")] == [f"cdr_004{last}" for last in range(8)]


def test_each_statement_walks_an_index() -> None:
    """No page reads the whole table: what SQLite plans is said for each kind of filter."""
    for wanted in (
        search.Wanted(),
        search.Wanted(account="A1"),
        search.Wanted(destination="33612340042"),
        search.Wanted(since=AT),
    ):
        index, conditions, values = search._where(wanted)
        statement = f"SELECT body FROM charging_cdr INDEXED BY {index} WHERE {' AND '.join(conditions or ['1'])}"
        with connections["charging"].cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {statement} ORDER BY ended_at DESC, position DESC LIMIT 50", values)
            plan = " ".join(str(row) for row in cursor.fetchall())
        assert "TEMP B-TREE FOR ORDER BY" not in plan, (wanted, plan)
        assert index in plan, Path(__file__).name
