"""Pages and totals of an account's calls: every call once, in order, at the boundaries of periods and pages; bounded work."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from charging_rig import AT, LANDLINE, MOBILE, call, ended, open_account, unanswered
from django.db import connections

from cadran.charging import usage
from cadran.charging.engine import Engine
from cadran.charging.ports import CorrectCharge
from cadran.ledger import statement as books
from cadran.units import money

CALLS = 23


@pytest.fixture
def read(file: Path, django_db_blocker: object) -> Iterator[None]:
    """Django's alias for the money points at the test's file."""
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        alias = connections["charging"]
        kept, connection = alias.settings_dict["NAME"], alias.connection
        alias.connection = None
        alias.settings_dict["NAME"] = str(file)
        yield
        alias.close()
        alias.settings_dict["NAME"], alias.connection = kept, connection


@pytest.fixture
def called(engine: Engine, read: None) -> Engine:
    """23 calls of acc1 that ended one second after another, two at one instant, and one of another account."""
    open_account(engine, 10_000_000)
    open_account(engine, 10_000_000, account="acc2", key="pay2")
    for number in range(CALLS):
        at = AT + timedelta(seconds=min(number, CALLS - 2))
        engine.authorise(call(f"s{number}", at=at, destination=MOBILE if number % 2 else LANDLINE))
        engine.settle(ended(f"s{number}", 0.5, at=at + timedelta(seconds=3), answered_at=at + timedelta(seconds=2)))
    engine.authorise(call("other", account="acc2"))
    engine.settle(ended("other", 60))
    return engine


@pytest.mark.clause("IPP-10.1-consumption")
@pytest.mark.parametrize("limit", [1, 2, 7, CALLS, CALLS + 1])
def test_pages_give_every_call_once_newest_first_whatever_their_size(called: Engine, limit: int) -> None:
    sessions, after = [], ""
    while True:
        page = usage.page(account="acc1", wanted=usage.Wanted(), after=after, limit=limit)
        sessions += [one.record.session for one in page.calls]
        if not (after := page.after):
            break
    assert sessions == [f"s{number}" for number in reversed(range(CALLS))]


@pytest.mark.clause("IPP-10.1-consumption")
def test_a_period_holds_its_first_instant_and_not_its_last(called: Engine) -> None:
    start = AT + timedelta(seconds=3)
    two = usage.Wanted(since=start, until=start + timedelta(seconds=2))
    assert [one.record.session for one in usage.page(account="acc1", wanted=two).calls] == ["s1", "s0"]
    assert usage.totals(account="acc1", wanted=two).calls == 2


@pytest.mark.clause("IPP-10.1-consumption")
def test_totals_count_paid_free_refused_seconds_and_money(called: Engine) -> None:
    called.authorise(call("free", destination="bob", number_class="on_net"))
    called.settle(ended("free", 90))
    called.authorise(call("no", destination="118218", number_class="special"))
    called.authorise(call("rang"))
    called.settle(unanswered("rang"))
    total = usage.totals(account="acc1", wanted=usage.Wanted())
    assert (total.calls, total.answered, total.paid, total.free, total.refused) == (26, 24, 23, 1, 1)
    assert total.seconds == 23 + 90
    assert total.micros == 12 * 200 + 11 * 1_667  # a second at 0.012 and at 0.10 a minute
    assert usage.totals(account="acc3", wanted=usage.Wanted()) == usage.Totals()
    assert [one.number for one in usage.callees(account="acc1", wanted=usage.Wanted())] == ["bob", LANDLINE, MOBILE]


def test_a_correction_is_no_call_of_its_own_and_its_price_is_the_calls(called: Engine) -> None:
    (newest,) = usage.page(account="acc1", wanted=usage.Wanted(), limit=1).calls
    for key, micros in (("k1", 900), ("k2", 0)):
        called.correct(
            CorrectCharge(key=key, account="acc1", cdr_id=newest.record.cdr_id, charge_micros=micros, reason="r", at=AT)
        )
    (again,) = usage.page(account="acc1", wanted=usage.Wanted(), limit=1).calls
    assert (again.record, again.micros, again.corrected) == (newest.record, 0, True)
    assert usage.totals(account="acc1", wanted=usage.Wanted()).calls == CALLS
    assert usage.page(account="acc1", wanted=usage.Wanted(outcome="free"), limit=5).calls == (again,)


def test_a_rare_call_is_found_though_each_page_looks_at_few(called: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "LOOKED_AT", 5)
    called.authorise(call("rare", destination="118218", number_class="special", at=AT - timedelta(days=1)))
    wanted, after, pages = usage.Wanted(outcome="refused"), "", 0
    found: list[str] = []
    while pages < 20:
        page = usage.page(account="acc1", wanted=wanted, after=after)
        found += [one.record.session for one in page.calls]
        pages += 1
        if not (after := page.after):
            break
        assert page.partly
    assert found == ["rare"]
    assert pages == 5
    assert not usage.totals(account="acc1", wanted=wanted).whole


def test_reading_calls_goes_by_the_index_of_time(called: Engine) -> None:
    for shape, sorted_legs in ((usage._EACH, 0), (usage._GROUPED, 1)):
        calls = usage._CALLS.format(other=usage._DIALLED, **shape)
        plan = usage._rows(f"EXPLAIN QUERY PLAN {calls}", [*usage._bounds("acc1", usage.Wanted(), ""), 5])
        told = " ".join(str(row[-1]) for row in plan)
        assert "SEARCH c USING INDEX charging_cdr_ended" in told
        assert "SCAN c " not in told
        assert "SCAN f " not in told
        assert told.count("TEMP B-TREE") == sorted_legs  # the few legs of one family, never the calls themselves


@pytest.mark.clause("IPP-1d-dashboard")
def test_the_statement_adds_up_between_any_two_instants(called: Engine) -> None:
    whole = books.statement(owner="acc1", prefix="credit/", since=AT - timedelta(days=1), until=AT + timedelta(days=1))
    assert (whole.opening_micros, whole.closing_micros) == (0, 10_000_000 - 12 * 200 - 11 * 1_667)
    assert len(whole.movements) == CALLS + 1
    for seconds in (0, 1, 3, 10, 60):
        middle = AT + timedelta(seconds=seconds)
        early = books.statement(owner="acc1", prefix="credit/", since=AT - timedelta(days=1), until=middle)
        late = books.statement(owner="acc1", prefix="credit/", since=middle, until=AT + timedelta(days=1))
        assert early.closing_micros == late.opening_micros
        assert len(early.movements) + len(late.movements) == CALLS + 1
        assert money.decimal_text(late.closing_micros) == "9.979263"
    with pytest.raises(books.UnknownMovement):
        books.movement(owner="acc1", prefix="credit/", movement="other")
    with pytest.raises(books.UnknownMovement):
        books.movement(owner="acc1", prefix="credit/", movement="")
