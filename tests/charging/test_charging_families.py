"""The legs of one call kept, listed and counted as one; what is announced before a call; the tables of before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from access_rig import (
    ACCESS,
    FRANCE,
    IPPI,
    UK,
    access,
    cost,
    deck,
    fund,
    kept,
    opened,
)
from charging_rig import AT, ended, fresh_file, open_engine, reading, unanswered

from cadran.charging import prospects, queries, usage
from cadran.charging.engine import Engine
from cadran.charging.ports import CorrectCharge


@pytest.fixture
def engine(file: Path) -> Iterator[Engine]:
    engine = opened(file)
    fund(engine, 10_000_000)
    yield engine
    engine.close()


@pytest.mark.clause("KRY-3.1-call-credit")
def test_the_legs_of_a_call_are_one_line_with_its_total(engine: Engine, file: Path, django_db_blocker: object) -> None:
    engine.authorise(access("leg", ACCESS, via="access-leg", direction="inbound", caller=FRANCE))
    cost(engine, "s1", 61)
    engine.authorise(access("s2", "999", number_class="geographic"))  # refused: no price
    cost(engine, "s3", 10, FRANCE, at=AT + timedelta(seconds=80))
    engine.settle(ended("leg", 300))
    cost(engine, "s4", 59, via="", family="")
    engine.authorise(access("mine", FRANCE, family="fam2", via="callback-leg"))
    engine.settle(unanswered("mine"))
    cdr = kept(engine, "s1").cdr_id
    engine.correct(CorrectCharge(key="c1", account="acc1", cdr_id=cdr, charge_micros=60_000, reason="goodwill", at=AT))
    with django_db_blocker.unblock(), reading(file):  # type: ignore[attr-defined]
        page = usage.page(account="acc1", wanted=usage.Wanted())
        lines = {one.record.family: one for one in page.calls}
        assert len(page.calls) == 3
        family = lines["fam1"]
        assert [leg.record.session for leg in family.legs] == ["leg", "s1", "s2", "s3"]
        assert (family.micros, family.seconds, family.corrected) == (60_000 + 15_000, 71, True)
        assert family.record.session == "s3"
        assert (lines[""].legs, lines[""].micros) == ((), 109_000)
        assert lines["fam2"].record.session == "mine"
        assert usage.legs("acc1", "fam1") == family.legs
        assert usage.legs("acc1", "") == ()
        totals = usage.totals(account="acc1", wanted=usage.Wanted())
        assert (totals.calls, totals.answered, totals.seconds, totals.micros) == (3, 2, 71 + 59, 184_000)
        found = usage.page(account="acc1", wanted=usage.Wanted(number=UK[:6])).calls
        assert [one.record.session for one in found] == ["s4", "s3"]
        assert [one.record.session for one in usage.each(account="acc1", wanted=usage.Wanted(), most=99)].count(
            "leg"
        ) == 1
        told = usage.told(account="acc1")
        assert (told.calls, told.micros) == (3, 184_000)  # two of one visit are two
        assert sorted(one.record.session for one in told.last) == ["s1", "s3", "s4"]
        assert {one.number for one in usage.callees(account="acc1", wanted=usage.Wanted())} == {UK, FRANCE}
        pages, after, seen = 0, "", []
        while pages < 9:
            part = usage.page(account="acc1", wanted=usage.Wanted(), after=after, limit=1)
            seen += [one.record.session for one in part.calls]
            if not (after := part.after):
                break
        assert sorted(seen) == ["mine", "s3", "s4"]
        record = queries.kept("acc1", cdr)
        assert record is not None
        assert (record["family"], record["via"]) == ("fam1", "access-number")


def test_the_tables_of_before_take_families_up(tmp_path: Path) -> None:
    import sqlite3

    import cadran.charging
    from cadran.units.schema import statements

    engine = open_engine(fresh_file(tmp_path / "old.db"))
    engine.close()
    connection = sqlite3.connect(tmp_path / "old.db", isolation_level=None)
    connection.execute("DROP INDEX charging_cdr_family")
    for name in ("family", "via"):
        connection.execute(f"ALTER TABLE charging_cdr DROP COLUMN {name}")
    names = (
        "position, account, cdr_id, session, call_id, brand, terms, direction, number_class, destination, "
        "authorised_at, ended_at, disposition, ended_by, charged_s, charge_micros, "
        "currency, clause, loss_s, loss_micros, corrects, body"
    )
    row = (
        1,
        "a",
        "cdr_1",
        "s",
        "",
        "ippi",
        IPPI,
        "outbound",
        "mobile",
        "33",
        "2026-03-02 09:00:00",
        "2026-03-02 09:00:00",
        "answered",
        "caller",
        1,
        1,
        "EUR",
        "X",
        0,
        0,
        "",
        "{}",
    )
    connection.execute(f"INSERT INTO charging_cdr ({names}) VALUES ({', '.join('?' * len(row))})", row)
    for statement in statements(Path(cadran.charging.__path__[0]) / "migrations" / "0004_sqlite.sql"):
        connection.execute(statement)
    assert connection.execute("SELECT cdr_id, family, via FROM charging_cdr").fetchall() == [("cdr_1", "", "")]
    connection.close()


@pytest.mark.clause("KRY-3.1-call-credit", "LAW-per-second", "KRY-4.4.1-per-minute")
def test_what_is_announced_is_what_is_charged(
    engine: Engine, file: Path, monkeypatch: pytest.MonkeyPatch, django_db_blocker: object
) -> None:
    monkeypatch.setattr(prospects, "_price", lambda brand, digits, at: deck().find(digits, at))
    with django_db_blocker.unblock(), reading(file):  # type: ignore[attr-defined]
        for destination, micros, first, seconds, clause in (
            (UK, 60_000, 60, 9_960, "KRY-4.4.1-per-minute"),  # 166 whole minutes of 10 euros
            (FRANCE, 90_000, 1, 6_666, "LAW-per-second"),
        ):
            asked = access("p1", destination)
            found = prospects.prospect(asked, brand="kryptoow", currency="EUR")
            assert found.rate is not None
            assert (found.minute_micros, found.rate.first_s, found.seconds) == (micros, first, seconds)
            assert (found.decision.clause, found.credit_micros) == (clause, 10_000_000)
            assert found.decision == engine.authorise(replace(asked, session=f"s-{destination}")).decision
            engine.settle(unanswered(f"s-{destination}"))
        poor = engine.authorise(access("hold", wanted_s=9_960))
        assert poor.granted_s == 9_960
        left = prospects.prospect(access("p2"), brand="kryptoow", currency="EUR")
        assert (left.credit_micros, left.seconds, left.minutes, left.decision.code) == (40_000, 0, 0, "call-no-credit")
        closed_to = prospects.prospect(access("p3", "999", number_class="satellite"), brand="kryptoow", currency="EUR")
        assert (closed_to.decision.allowed, closed_to.seconds, closed_to.rate) == (False, 0, None)
        leg = prospects.prospect(access("p4", ACCESS, via="access-leg"), brand="kryptoow", currency="EUR")
        assert (leg.decision.code, leg.seconds) == ("call-access-leg", None)
