"""What web and commands read of the money, where it lies in PostgreSQL."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta

import pytest
from charging_rig import AT, MOBILE, TERMS, call, ended, migrated, open_account, open_engine
from click.testing import CliRunner
from django.db import connections

import postgres
from cadran.balance import queries as balance
from cadran.balance import search as credit
from cadran.charging import queries, search, traffic, usage
from cadran.charging.ports import CorrectCharge
from cadran.commands.main import cli
from cadran.ledger import queries as ledger
from cadran.ledger import search as journal
from cadran.ledger import statement
from cadran.policy.proof import files
from cadran.units.postgresql_reads import address as addresses
from cadran.units.postgresql_reads.base import DatabaseWrapper

SINCE, UNTIL = AT - timedelta(days=1), AT + timedelta(days=1)


@contextlib.contextmanager
def alias(address: str) -> Iterator[None]:
    """Django's alias for the money is that server."""
    kept = connections["charging"]
    known = {**kept.settings_dict, **addresses.read(address)}
    connections["charging"] = DatabaseWrapper(known, "charging")
    try:
        yield
    finally:
        connections["charging"].close()
        connections["charging"] = kept


@pytest.fixture(scope="module")
def called() -> Iterator[str]:
    """The record of a call that was corrected to nothing, on a server with three more calls."""
    with postgres.server(fsync="off", shared_buffers="32MB") as address:
        migrated(address)
        engine = open_engine(address)
        open_account(engine, 1_000_000)
        engine.authorise(call("s1", call_id="cid@x", caller="bob"))
        engine.extend(session="s1", seq=1, used_s=4, at=AT)
        found = engine.settle(ended("s1", 31)).cdr_id
        engine.authorise(call("s2", destination=MOBILE))
        engine.settle(ended("s2", 10))
        engine.authorise(call("s3"))
        engine.authorise(call("s4", destination="999"))
        correction = CorrectCharge(key="c1", account="acc1", cdr_id=found, charge_micros=0, reason="goodwill", at=AT)
        engine.correct(correction)
        engine.open_wallet(account="acc2", brand="ippi", currency="EUR", at=AT)
        with_family = {"account": "acc2", "family": "fam1"}
        engine.authorise(call("leg", via="access-leg", direction="inbound", caller="33699", **with_family))
        engine.settle(ended("leg", 90))
        engine.authorise(call("refused", via="mobility", **with_family))
        with alias(address):
            yield found
        engine.close()


@pytest.fixture(autouse=True)
def unblocked(django_db_blocker: object) -> Iterator[None]:
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        yield


def test_the_books_add_up(called: str) -> None:
    assert ledger.sums() == {"EUR": 0}
    assert ledger.check() == ()
    assert credit.outstanding() == (("ippi", "EUR", 983_333, 2_000, 1),)
    found = balance.balance("acc1", AT)
    assert (found.micros, found.held_micros) == (983_333, 2_000)
    page = journal.journal(kind="post", limit=1)
    assert (len(page.transfers), page.further is not None) == (1, True)


def test_a_statement_runs_from_balance_to_balance(called: str) -> None:
    found = statement.statement(owner="acc1", prefix="credit/", since=SINCE, until=UNTIL)
    assert [(line.micros, line.after_micros) for line in found.movements] == [
        (-6_200, 983_333),
        (-16_667, 989_533),
        (1_000_000, 1_006_200),
        (6_200, 6_200),
    ]
    assert found.movements[0].transfers == ("s1:r1",)
    assert statement.movement(owner="acc1", prefix="credit/", movement="s2").micros == -16_667


def test_calls_are_listed_counted_and_found(called: str) -> None:
    page = usage.page(account="acc1", wanted=usage.Wanted(), limit=1)
    assert [(one.record.session, one.micros) for one in page.calls] == [("s1", 0)]
    assert [
        one.record.session for one in usage.page(account="acc1", wanted=usage.Wanted(), after=page.after).calls
    ] == [
        "s2",
        "s4",
    ]
    totals = usage.totals(account="acc1", wanted=usage.Wanted(number="33"))
    assert (totals.calls, totals.answered, totals.paid, totals.seconds, totals.micros) == (2, 2, 1, 41, 16_667)
    assert usage.callees(account="acc1", wanted=usage.Wanted(since=SINCE, until=UNTIL))[0].seconds == 31
    assert usage.live(account="acc1", measured_ms={"s3": 5_000})[0].seconds == 5
    assert [record.cdr_id for record in search.sought("cid@x")].count(called) == 1
    assert search.by_id(called) is not None
    assert len(search.calls(search.Wanted(account="acc1"), limit=2).records) == 2
    span = traffic.Span(brand="ippi", since=SINCE, until=UNTIL, prefixes=("33",))
    assert (traffic.count(span), sum(len(batch) for batch in traffic.calls(span))) == (2, 2)
    assert [record.corrects for _, record in queries.cdrs_after(0, 10)].count(called) == 1
    assert list(balance.expiring(after=None, until=AT + timedelta(days=200), terms=(TERMS,)))


def test_the_commands_read_it(called: str) -> None:
    assert "the books are right" in CliRunner().invoke(cli, ["ledger", "check"]).output
    assert "Charge: 0.0062 EUR" in CliRunner().invoke(cli, ["explain", called, "--lang", "en"]).output
    assert files.last_position(files.execute("charging")) == len(
        files.entries_after(files.execute("charging"), "charging", 0, 9)
    )
    assert files.last_position(files.execute("charging")) == 7


@pytest.mark.parametrize("address", ["mysql://x/y", "postgresql://host", "charging"])
def test_another_address_is_refused_with_its_form(address: str) -> None:
    with pytest.raises(addresses.InvalidAddress, match="postgresql://user"):
        addresses.read(address)


def test_the_legs_of_a_call_are_one_line_there_as_well(called: str) -> None:
    page = usage.page(account="acc2", wanted=usage.Wanted(number="3314"))
    assert [[one.record.session for one in found.legs] for found in page.calls] == [["leg", "refused"]]
    assert (page.calls[0].micros, page.calls[0].seconds, page.calls[0].record.session) == (0, 0, "refused")
    totals = usage.totals(account="acc2", wanted=usage.Wanted())
    assert (totals.calls, totals.refused, totals.seconds) == (1, 1, 0)
    assert usage.told(account="acc2").calls == 0
    assert [leg.record.via for leg in usage.legs("acc2", "fam1")] == ["access-leg", "mobility"]
