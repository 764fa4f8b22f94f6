"""`cadran chaos`: a short run is well, and whatever is planted in a copy of its database is named by the proof."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cadran.commands import chaos
from cadran.commands.chaos import checking, diary, outcome, plan, proving, report, store

SIZE = plan.Size(seconds=5, accounts=40, sessions=160, seed=20350324, kill_every_s=0.8, switches=3)
Plant = Callable[[sqlite3.Connection], None]


@dataclass(frozen=True, slots=True)
class Played:
    """A run, and where its database and its diary lie."""

    found: outcome.Outcome
    folder: Path

    @property
    def database(self) -> Path:
        return self.folder / "var" / "charging.db"

    @property
    def diary(self) -> Path:
        return self.folder / chaos.DIARY


@pytest.fixture(scope="module")
def played() -> Iterator[Played]:
    with tempfile.TemporaryDirectory(prefix="cadran-chaos-") as name:  # short: a socket's path has its limit
        yield Played(chaos.play(SIZE, Path(name), quiet=True), Path(name))


def faults(played: Played, plant: Plant, database: Path) -> checking.Findings:
    """What the proof finds in a copy in which something was planted."""
    shutil.copy(played.database, database)
    with contextlib.closing(sqlite3.connect(database)) as connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{trigger}"')
        connection.execute("PRAGMA ignore_check_constraints = ON")
        plant(connection)
        connection.commit()
    findings = checking.Findings()
    tariffs = {market.brand: market.tariffs for market in plan.markets(chaos.START + chaos.SUCCESSOR_AFTER)}
    with contextlib.closing(store.SqliteReader(database)) as reader:
        rows = checking.check(reader, findings)
        proving.Proof(reader, rows, findings, tariffs).run(played.diary)
    return findings


pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]


@pytest.mark.clause("IPP-9.2-cut-at-zero", "IPP-10.1-cdr", "KRY-2.4-evidence")
def test_nothing_is_lost_nor_charged_twice_while_charging_is_killed_again_and_again(played: Played) -> None:
    told = played.found.as_dict()
    assert played.found.faults == []
    assert told["ok"]
    assert played.found.told.deaths >= 2  # more on a machine that has time
    assert played.found.world.calls > 30
    assert played.found.world.refused > 3
    assert {
        told[name] for name in ("lost", "answers_differing", "overdrawn", "double_charged", "unbalanced", "unanswered")
    } == {0}
    assert told["ledger_sums"] == {"EUR": 0, "USD": 0}
    assert isinstance(told["given_away_s"], int)
    assert told["given_away_s"] <= 5
    assert told["evidence_whole"]
    assert played.found.told.replayed > 100
    json.dumps(told)


def test_the_proof_of_an_untouched_copy_finds_nothing(played: Played, tmp_path: Path) -> None:
    assert faults(played, lambda connection: None, tmp_path / "copy.db").faults == []


SETTLED = (
    "SELECT session FROM charging_cdr WHERE charge_micros > 0 AND number_class = 'geographic' AND corrects = ''"
    " ORDER BY position"
)


def one(connection: sqlite3.Connection, query: str) -> str:
    return str(connection.execute(f"{query} LIMIT 1").fetchone()[0])


def lose_a_session(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM charging_session WHERE session = ?", (one(connection, SETTLED),))


def lose_a_record(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM charging_cdr WHERE session = ?", (one(connection, SETTLED),))


def lose_an_extension(connection: sqlite3.Connection) -> None:
    session = one(connection, "SELECT session FROM charging_extension GROUP BY session HAVING count(*) > 1 ORDER BY 1")
    connection.execute("DELETE FROM charging_extension WHERE session = ? AND seq = 1", (session,))


def lose_a_purchase(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM balance_bucket WHERE bucket = (SELECT min(bucket) FROM balance_bucket)")


def lose_a_wallet(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM balance_wallet WHERE owner = 'C000003'")


def answer_otherwise(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE charging_extension SET granted_s = granted_s + 1 WHERE granted_s > 20")


def charge_twice(connection: sqlite3.Connection) -> None:
    """A second record and a second taking of the same call."""
    session = one(connection, SETTLED)
    connection.execute("DROP INDEX charging_cdr_session")
    columns = "account, session, call_id, brand, terms, direction, number_class, destination, authorised_at, answered_at, ended_at"
    columns += (
        ", disposition, ended_by, charged_s, charge_micros, currency, clause, loss_s, loss_micros, corrects, body"
    )
    connection.execute(
        f"INSERT INTO charging_cdr (cdr_id, {columns}) SELECT 'cdr_again', {columns} FROM charging_cdr WHERE session = ?",
        (session,),
    )


def take_twice(connection: sqlite3.Connection) -> None:
    """The books take a call's charge again, both legs and the balance included; its record says it once."""
    owner, transfer = connection.execute(
        "SELECT owner, transfer FROM ledger_transfer WHERE kind = 'post' AND reason = 'call' LIMIT 1"
    ).fetchone()
    for table, columns in (
        (
            "ledger_transfer",
            "kind, reservation, debit_owner, debit_name, credit_owner, credit_name, currency, amount_micros,"
            " 0 AS released_micros, at, reason",
        ),
        ("ledger_posting", "leg, account_owner, account_name, currency, amount_micros"),
    ):
        named = columns.replace("0 AS ", "")
        connection.execute(
            f"INSERT INTO {table} (owner, transfer, {named}) SELECT owner, transfer || '.again', {columns} FROM {table}"
            " WHERE owner = ? AND transfer = ?",
            (owner, transfer),
        )
    connection.execute(
        "UPDATE ledger_account SET balance_micros = balance_micros + (SELECT amount_micros FROM ledger_posting AS p WHERE p.owner = ?"
        " AND p.transfer = ? AND p.leg = 0) WHERE (owner, name) = (SELECT account_owner, account_name FROM ledger_posting"
        " WHERE owner = ? AND transfer = ? AND leg = 0)",
        (owner, transfer) * 2,
    )


def overdraw(connection: sqlite3.Connection) -> None:
    connection.execute(
        "UPDATE ledger_account SET balance_micros = held_micros - 1 WHERE floor_micros = 0 AND owner = 'C000001'"
    )


def spend_expired_credit(connection: sqlite3.Connection) -> None:
    connection.execute(
        "UPDATE balance_bucket SET expires_at = available_from WHERE (owner, 'credit/' || bucket) ="
        " (SELECT owner, debit_name FROM ledger_transfer WHERE kind = 'pending' LIMIT 1)"
    )


def unbalance(connection: sqlite3.Connection) -> None:
    connection.execute(
        "UPDATE ledger_posting SET amount_micros = amount_micros + 1 WHERE (owner, transfer, leg) ="
        " (SELECT owner, transfer, leg FROM ledger_posting WHERE leg = 1 LIMIT 1)"
    )


def lose_a_leg(connection: sqlite3.Connection) -> None:
    connection.execute(
        "DELETE FROM ledger_posting WHERE (owner, transfer) = (SELECT owner, transfer FROM ledger_posting LIMIT 1) AND leg = 0"
    )


def lose_a_hold(connection: sqlite3.Connection) -> None:
    connection.execute(
        "DELETE FROM ledger_transfer WHERE (owner, transfer) = (SELECT owner, transfer FROM ledger_transfer WHERE kind = 'pending'"
        " AND reason = 'call' LIMIT 1)"
    )


def forge_a_record(connection: sqlite3.Connection) -> None:
    """Of a call that nobody asked for."""
    session = one(connection, SETTLED)
    connection.execute("UPDATE charging_cdr SET session = 'forged' WHERE session = ?", (session,))


def forge_seconds(connection: sqlite3.Connection) -> None:
    """More seconds than anybody told, and than any grant or limit allows, in columns and text."""
    connection.execute(
        "UPDATE charging_cdr SET charged_s = charged_s + 4000, body = json_set(body, '$.charged_s', charged_s + 4000)"
        " WHERE session = ?",
        (one(connection, SETTLED),),
    )


def forge_credit(connection: sqlite3.Connection) -> None:
    connection.execute(
        "INSERT INTO balance_bucket SELECT owner, 'B-forged', currency, brand, terms, bought_micros, balance_after_micros,"
        " available_from, first_expires_at, expires_at, expired_at FROM balance_bucket LIMIT 1"
    )


def raise_a_price(connection: sqlite3.Connection) -> None:
    connection.execute(
        "UPDATE charging_cdr SET charge_micros = charge_micros + 1, body = json_set(body, '$.charge_micros', charge_micros + 1)"
        " WHERE session = ?",
        (one(connection, SETTLED),),
    )


@pytest.mark.parametrize(
    ("plant", "code"),
    [
        (lose_a_session, checking.LOST),
        (lose_a_record, checking.LOST),
        (lose_an_extension, checking.LOST),
        (lose_a_purchase, checking.LOST),
        (lose_a_wallet, checking.LOST),
        (answer_otherwise, checking.DIFFERS),
        (charge_twice, checking.TWICE),
        (take_twice, checking.TWICE),
        (overdraw, checking.OVERDRAWN),
        (spend_expired_credit, checking.OVERDRAWN),
        (unbalance, checking.UNBALANCED),
        (lose_a_leg, checking.UNBALANCED),
        (lose_a_hold, checking.HOLD),
        (forge_a_record, checking.FORGED),
        (forge_seconds, checking.FORGED),
        (forge_credit, checking.FORGED),
        (raise_a_price, checking.PRICE),
    ],
)
def test_what_is_planted_is_named(played: Played, tmp_path: Path, plant: Plant, code: str) -> None:
    found = faults(played, plant, tmp_path / "copy.db")
    assert code in {fault.code for fault in found.faults}, [str(fault) for fault in found.faults]


def test_seconds_given_away_beyond_a_heartbeat_are_named(played: Played, tmp_path: Path) -> None:
    """A dead client's call of which six seconds more were talked than charged."""
    lines = list(diary.read(played.diary))
    found = played.found
    with contextlib.closing(sqlite3.connect(played.database)) as connection:
        records = dict(connection.execute("SELECT session, charged_s FROM charging_cdr WHERE corrects = ''").fetchall())
        granted = dict(connection.execute("SELECT session, granted_s FROM charging_session").fetchall())
    place = next(
        number
        for number, line in enumerate(lines)
        if line.kind == diary.LEFT and line.key in records and (granted[line.key] or 0) >= records[line.key] + 6
    )
    talked = records[lines[place].key] + 6
    other = tmp_path / "diary.jsonl.gz"
    with diary.Diary(other) as written:
        for number, line in enumerate(lines):
            if number == place:
                written.left(line.key, talked, 0)
            else:
                written.copy(line)
    findings = checking.Findings()
    tariffs = {market.brand: market.tariffs for market in plan.markets(chaos.START + chaos.SUCCESSOR_AFTER)}
    with contextlib.closing(store.SqliteReader(played.database)) as reader:
        proof = proving.Proof(reader, checking.check(reader, findings), findings, tariffs)
        proof.run(other)
    assert [fault.code for fault in findings.faults] == [checking.GIVEN]
    assert max(found.given.values(), default=0) <= 5


def test_right_after_a_kill_a_floor_passed_and_a_hold_too_many_are_seen(played: Played, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    shutil.copy(played.database, copy)
    with contextlib.closing(store.SqliteReader(copy)) as reader:
        assert checking.at_rest(reader) == []
    with contextlib.closing(sqlite3.connect(copy)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(
            "UPDATE ledger_account SET held_micros = held_micros + 1000000000 WHERE (owner, name) = (SELECT owner, name FROM"
            " ledger_account WHERE floor_micros = 0 LIMIT 1)"
        )
        connection.commit()
    with contextlib.closing(store.SqliteReader(copy)) as reader:
        assert [fault.split()[0] for fault in checking.at_rest(reader)] == [checking.OVERDRAWN, checking.HOLD]


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_the_report_lies_by_itself_in_both_languages(played: Played, tmp_path: Path, lang: str) -> None:
    report.write(played.found, tmp_path, lang)
    page = (tmp_path / report.PAGE).read_text()
    assert report.WORDS[lang]["well"] in page
    assert "http" not in page.replace('xmlns="http://www.w3.org/2000/svg"', "")
    drawn = ElementTree.parse(tmp_path / report.PLOT).getroot()
    assert len(drawn.findall("{*}line[@class='kill']")) >= played.found.told.deaths
    assert json.loads((tmp_path / report.FIGURES).read_text())["seed"] == SIZE.seed
    assert outcome.summary(played.found).endswith("all is well")
