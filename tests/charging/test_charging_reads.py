"""What pages, commands and journeys read: records, explanations, balances, sums; from the file that the engine writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from charging_rig import AT, MOBILE, STEPPED, call, ended, open_account, reading, unanswered
from click.testing import CliRunner
from django.core.management import call_command
from django.db import connections

from cadran.balance import queries as balance
from cadran.charging import queries
from cadran.charging.engine import Engine
from cadran.charging.ports import CorrectCharge
from cadran.commands.main import cli
from cadran.ledger import queries as ledger
from cadran.ledger import rules
from cadran.units.errors import CadranError


@pytest.fixture
def read(file: Path, django_db_blocker: object) -> Iterator[None]:
    with django_db_blocker.unblock(), reading(file):  # type: ignore[attr-defined]
        yield


@pytest.fixture
def called(engine: Engine, read: None) -> str:
    """One euro; 31 seconds to a mobile are 51,667 micros; one refused, one unanswered call. The record of the first."""
    open_account(engine, 1_000_000)
    engine.authorise(call("s1", destination=MOBILE, number_class="mobile", shown="33970000001", call_id="abc"))
    engine.extend(session="s1", seq=1, used_s=5, at=AT)
    cdr = engine.settle(ended("s1", 30.5)).cdr_id
    engine.authorise(call("s2", number_class="emergency", destination="112"))
    engine.authorise(call("s3", at=AT + timedelta(minutes=10)))
    engine.settle(unanswered("s3", at=AT + timedelta(minutes=11)))
    return cdr


@pytest.mark.clause("IPP-10.1-cdr")
def test_a_record_holds_all_that_the_charge_was_computed_on(called: str) -> None:
    record = queries.cdr(called)
    assert (record.account, record.session, record.call_id, record.destination) == ("acc1", "s1", "abc", MOBILE)
    assert (record.measured_ms, record.charged_s, record.charge_micros, record.currency) == (30_500, 31, 51_667, "EUR")
    assert (record.clause, record.terms, record.limit_s) == ("IPP-10.1-per-second", "ippi/2018-04", 3600)
    assert record.rate is not None
    assert (record.rate.prefix, record.rate.price_nanos, record.rate.line) == ("336", 100_000_000, 3)
    assert record.decision["code"] == "call-charged"
    assert record.transfers == ("s1:r1",)


@pytest.mark.clause("IPP-10.1-cdr", "IPP-0-restrictions")
def test_every_attempt_has_its_record_the_newest_first(called: str) -> None:
    assert [(row.session, row.disposition) for row in queries.cdrs(account="acc1")] == [
        ("s3", "no-answer"),
        ("s1", "answered"),
        ("s2", "refused"),
    ]
    assert queries.cdrs(account="stranger") == ()
    assert [row.session for row in queries.cdrs(account="acc1", since=AT + timedelta(minutes=11))] == ["s3"]
    assert [row.session for row in queries.cdrs(account="acc1", until=AT + timedelta(minutes=11), limit=1)] == ["s1"]


def test_records_are_followed_in_order_without_a_gap(called: str) -> None:
    first, *rest = queries.cdrs_after(0)
    assert [row.session for _, row in (first, *rest)] == ["s1", "s2", "s3"]
    assert queries.cdrs_after(first[0]) == tuple(rest)
    assert queries.cdrs_after(rest[-1][0]) == ()


def test_an_unknown_record_is_named(read: None) -> None:
    with pytest.raises(queries.UnknownCdr):
        queries.cdr("nothing")


@pytest.mark.clause("IPP-10.1-consumption", "IPP-10.1-cdr")
def test_balance_buckets_and_sums_are_read_beside_the_engine(engine: Engine, called: str) -> None:
    engine.authorise(call("s4", destination=STEPPED))
    found = balance.balance("acc1", AT)
    assert (found.currency, found.micros, found.held_micros, found.free_micros) == ("EUR", 948_333, 110_000, 838_333)
    assert [bucket.bucket for bucket in found.buckets] == ["pay1"]
    assert balance.next_expiry() == found.buckets[0].expires_at == AT.replace(month=8, day=29, hour=22)
    assert balance.balance("acc1", AT.replace(month=8, day=29, hour=22)).micros == 0
    assert balance.balance("stranger", AT).buckets == ()
    assert ledger.sums() == {"EUR": 0}
    assert ledger.check() == ()
    assert ledger.posted(rules.AccountRef("house/ippi", "revenue/calls/EUR")) == 51_667
    assert queries.open_calls("acc1") == 1


def test_the_check_finds_a_balance_that_someone_changed(engine: Engine, called: str) -> None:
    engine.database.run(
        [
            (
                "UPDATE ledger_account SET balance_micros = balance_micros + 1, held_micros = held_micros + 1"
                " WHERE owner = ?",
                ("acc1",),
            )
        ]
    )
    assert [fault.where for fault in ledger.check()] == ["acc1:credit/pay1"] * 2


@pytest.mark.clause("IPP-10.1-cdr", "IPP-10.1-per-second")
def test_explain_gives_the_price_step_by_step_in_both_languages(called: str) -> None:
    french = CliRunner().invoke(cli, ["explain", called])
    assert french.exit_code == 0
    for part in (
        "(décroché, par l'appelant, SIP 200)",
        "Durée facturée: 31 s (accordé 40 s; limite 3600 s, IPP-5.5-one-hour)",
        "Ligne tarifaire: 336 France, mobile (test, ligne 3)",
        "0.10 EUR la minute; paliers 1/1 s",
        "Prix: 0.051667 EUR",
        "Clause IPP-10.1-per-second; Conditions acceptées ippi/2018-04",
        "s1:r1 post: acc1:credit/pay1 -0.051667 EUR",
        "s1:r1 post: house/ippi:revenue/calls/EUR +0.051667 EUR",
    ):
        assert part in french.output
    english = CliRunner().invoke(cli, ["explain", called, "--lang", "en"])
    assert "Rounding: once, to the nearest, halves up, to 0.000001" in english.output
    assert "(answered, by the caller, SIP 200)" in english.output


def test_explain_as_json_adds_up(engine: Engine, called: str) -> None:
    engine.correct(
        CorrectCharge(key="c1", account="acc1", cdr_id=called, charge_micros=50_000, reason="goodwill", at=AT)
    )
    told = json.loads(CliRunner().invoke(cli, ["explain", called, "--json"]).output)
    assert told["charge_micros"] == 51_667
    assert sum(leg["amount_micros"] for leg in told["ledger"]) == 0
    further = CliRunner().invoke(cli, ["explain", "cor_c1", "--lang", "en"]).output
    assert f"Corrects {called}: goodwill" in further
    assert "Charge: 0.05 EUR" in further
    (correction,) = told["corrections"]
    assert correction | {"at": None} == {
        "cdr": "cor_c1",
        "charge_micros": 50_000,
        "reason": "goodwill",
        "at": None,
        "clause": "IPP-10.1-cdr",
        "price": {},
        "returned_micros": 1_667,
        "owed_micros": 0,
    }


def test_explain_of_a_refusal_and_of_nothing(called: str) -> None:
    refused = next(row for row in queries.cdrs(account="acc1") if row.disposition == "refused")
    told = CliRunner().invoke(cli, ["explain", refused.cdr_id, "--lang", "en"])
    assert "emergency" in told.output
    assert "Clause IPP-0-restrictions" in told.output
    missing = CliRunner().invoke(cli, ["explain", "nothing"])
    assert missing.exit_code == 2
    assert "charging-cdr-unknown" in missing.output


def test_ledger_check_on_the_command_line(called: str) -> None:
    told = CliRunner().invoke(cli, ["ledger", "check", "--json"])
    assert json.loads(told.output) == {"ok": True, "sums": {"EUR": 0}, "faults": []}


def test_the_models_are_what_the_migrations_made(read: None) -> None:
    call_command("makemigrations", "ledger", "balance", "charging", check=True, dry_run=True, verbosity=0)
    with connections["charging"].cursor() as cursor:
        for model in (*_models("ledger"), *_models("balance"), *_models("charging")):
            columns = {
                row.name
                for row in connections["charging"].introspection.get_table_description(cursor, model._meta.db_table)
            }
            assert columns == {field.column for field in model._meta.local_concrete_fields if field.column}


def _models(room: str) -> list[type]:
    from django.apps import apps

    return list(apps.get_app_config(room).get_models())


def test_an_error_of_the_rooms_is_a_cadran_error() -> None:
    assert issubclass(queries.UnknownCdr, CadranError)
