"""Sealing in bounded batches, its death in the middle, a witness that is away, and keys that are rotated."""

from __future__ import annotations

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from cadran.charging.ports import BuyCredit, ChargingRefused
from cadran.commands import backup, restore
from cadran.commands import sealed as locked
from cadran.journeys.comparing import Tables
from cadran.policy.operations import EventConflict
from cadran.policy.proof import files, journal, keys, operations, queries, rules, verification, witness
from cadran.policy.proof.queries import State
from charging.charging_rig import AT, call, ended
from proof.conftest import House, pointed_at, witnessing
from proof.test_proof_attacks import found, verified

pytestmark = pytest.mark.clause("KRY-2.4-evidence")
DIES = """
import django, sys, time
django.setup()
from cadran.policy.proof import files, operations
from datetime import UTC, datetime
real = files.execute
def slow(source):
    run = real(source)
    def execute(query, *values):
        done = run(query, *values)
        if query.startswith("INSERT INTO evidence_seal"):
            print("written, not committed", flush=True)
            time.sleep(60)
        return done
    return execute
files.execute = slow
operations.seal(at=datetime.now(UTC))
"""


def test_a_sealer_killed_in_the_middle_leaves_nothing_and_the_next_one_seals_the_same(
    house: House, authority: tuple[str, Path]
) -> None:
    house.live(calls=2)
    house.tell("order-1")
    environment = {**os.environ, "CADRAN_VAR": str(house.folder), "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", DIES], stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"written")
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    assert queries.status().seals == 0
    assert house.seal() == 4
    assert witnessing(house, authority).step()
    assert found(verified(house)) == []


def test_batches_are_bounded_and_follow_each_other_over_both_files(house: House) -> None:
    house.live(calls=4)
    for number in range(4):
        house.tell(f"order-{number}")
    assert [operations.seal(at=AT, limit=3) for _ in range(4)] == [3, 3, 3, 0]
    spans = [rules.Seal.read(text).spans for _, text, *_ in files.seals(files.execute("house"))]
    assert [(one.source, one.after, one.last) for one in spans[1]] == [("house", 3, 4), ("charging", 0, 2)]
    assert [queries.entry("charging", position).seal for position in (1, 2, 3, 5)] == [2, 2, 3, 3]
    assert queries.entry("house", 4).seal == 2


def test_an_operation_that_is_refused_leaves_no_entry_and_no_holder(house: House) -> None:
    house.live(calls=1)
    before = queries.status().entries
    with pytest.raises(ChargingRefused):
        house.engine.buy_credit(
            BuyCredit(key="p1-acc1", account="acc1", terms="ippi/2018-04", amount_micros=1, currency="EUR", at=AT)
        )
    with pytest.raises(ChargingRefused):
        house.engine.settle(ended("unknown", 1))
    assert queries.status().entries == before
    house.engine.settle(ended("acc1.p1.0", 10))
    assert queries.status().entries == before, "a repeated request leaves one entry"


def test_a_refused_call_is_on_record_with_its_reason(house: House) -> None:
    house.engine.open_wallet(account="acc3", brand="ippi", currency="EUR", at=AT)
    assert not house.engine.authorise(call("s1", account="acc3")).decision.allowed
    (shown,) = queries.entries(subject="acc3")
    assert shown.body["record"]["decision"]["allowed"] is False


def test_what_expires_is_on_record_under_its_bucket(house: House) -> None:
    house.live(calls=0)
    assert house.engine.expire_credit(at=AT.replace(year=2027)) == 1
    (shown,) = queries.entries(kind="charging.credit-expired")
    assert (shown.ref, shown.body["transfers"][0][5]) == ("p1-acc1", 10_000_000)


def test_an_event_is_on_record_once_and_rolled_back_with_its_transaction(house: House) -> None:
    from django.db import transaction

    house.tell("order-1")
    house.tell("order-1")
    with pytest.raises(EventConflict):
        house.tell("order-1", amount_micros=1)
    with transaction.atomic():
        house.tell("order-2")
        transaction.set_rollback(True)
    assert [one.ref for one in queries.entries(kind="payment.")] == ["order-1"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE evidence_commitment SET at = 'x'",
        "DELETE FROM evidence_commitment",
        "UPDATE evidence_body SET ref = 'x'",
        "UPDATE evidence_key SET subject = 'x'",
        "UPDATE evidence_seal SET body = 'x'",
        "DELETE FROM evidence_seal",
        "DELETE FROM evidence_token",
    ],
)
def test_the_database_itself_refuses_to_change_evidence(sealed: House, statement: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="evidence-append-only"):
        files.execute("house")(statement)


def test_a_witness_that_is_away_is_asked_less_and_less_and_stamps_all_when_it_is_back(
    house: House, authority: tuple[str, Path]
) -> None:
    url, pem = authority
    (house.folder / "witness.pem").write_bytes(pem.read_bytes())
    now = [0.0]
    asking = witness.Witnessing(url, house.folder / "witness.pem", 60, 5, lambda: now[0])
    asked = list[float]()
    httpx.post(f"{url}sandbox/outage", json={"on": True}, trust_env=False)
    try:
        for number in range(3):
            house.tell(f"order-{number}")
            house.seal()
        for second in range(1200):
            now[0] = float(second)
            before = asking.failures
            assert asking.step() is None
            if asking.failures != before:
                asked.append(now[0])
    finally:
        httpx.post(f"{url}sandbox/outage", json={"on": False}, trust_env=False)
    assert asked == [0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 811, 1111]
    assert queries.status().unwitnessed == 3
    now[0] = 1411.0
    assert asking.step() is not None
    assert (queries.status().unwitnessed, asking.failures) == (0, 0)
    house.tell("order-9")
    house.seal()
    now[0] = 1470.9
    assert asking.step() is None, "a minute between two requests"
    now[0] = 1471.0
    assert asking.step() is not None
    assert found(verified(house)) == []


def test_a_witness_nobody_trusts_or_that_is_not_there_is_no_witness(house: House, authority: tuple[str, Path]) -> None:
    house.tell("order-1")
    house.seal()
    nobody = witness.Witnessing("http://127.0.0.1:9/", house.folder / "witness.pem", 1, 1, lambda: 0.0)
    stranger = witness.Witnessing(authority[0], house.folder / "none.pem", 1, 5, lambda: 0.0)
    assert (nobody.step(), stranger.step()) == (None, None)
    assert (nobody.failures, stranger.failures, queries.status().unwitnessed) == (1, 1, 1)


def test_heads_are_copied_out_where_a_file_is_set(house: House, authority: tuple[str, Path]) -> None:
    asking = witnessing(house, authority)
    asking.heads = str(house.folder / "heads.txt")
    house.tell("order-1")
    house.seal()
    asking.step()
    state = queries.status()
    assert (house.folder / "heads.txt").read_text().startswith(f"1 {state.head} 20")


def test_data_keys_are_wrapped_again_and_the_old_key_can_go(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CADRAN_SECRET_EVIDENCE", "first-key-of-forty-characters-0123456789")
    house.live(calls=1)
    house.tell("order-1")
    monkeypatch.setenv(
        "CADRAN_SECRET_EVIDENCE", "second-key-of-forty-characters-012345678 first-key-of-forty-characters-0123456789"
    )
    assert {one.state for one in queries.entries()} == {State.READABLE}
    assert (operations.rewrap(), house.engine.rewrap_evidence(), operations.rewrap()) == (1, 1, 0)
    monkeypatch.setenv("CADRAN_SECRET_EVIDENCE", "second-key-of-forty-characters-012345678")
    assert {one.state for one in queries.entries()} == {State.READABLE}
    monkeypatch.setenv("CADRAN_SECRET_EVIDENCE", "a-stranger's-key-of-forty-characters-01234")
    assert {one.state for one in queries.entries()} == {State.ALTERED}


def test_a_signing_key_that_was_replaced_still_vouches_for_its_seals(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CADRAN_SECRET_EVIDENCE_SEAL", "one-signing-key-of-forty-characters-0123")
    house.tell("order-1")
    house.seal()
    monkeypatch.setenv(
        "CADRAN_SECRET_EVIDENCE_SEAL",
        "two-signing-key-of-forty-characters-0123 one-signing-key-of-forty-characters-0123",
    )
    house.tell("order-2")
    house.seal()
    assert found(verified(house)) == []
    assert len({rules.Seal.read(text).key for _, text, *_ in files.seals(files.execute("house"))}) == 2
    monkeypatch.setenv("CADRAN_SECRET_EVIDENCE_SEAL", "two-signing-key-of-forty-characters-0123")
    assert found(verified(house)) == [("foreign-key", "seal 1")]
    assert keys.public_hex(keys.signers()[0])


def test_a_room_puts_a_fact_on_record_without_telling_anyone(house: House) -> None:
    said = {"document": "terms", "note": "été"}
    position = operations.record(kind="party.acceptance-x", subject="A000001", key="acceptance:1", body=said, at=AT)
    shown = queries.entry("house", position)
    assert (shown.body, shown.at, shown.id) == (said, AT, "house:1")
    with pytest.raises(rules.BodyRefused):
        operations.record(kind="party acceptance", subject="", key="x", body={}, at=AT)
    with pytest.raises(queries.UnknownEntry):
        queries.entry("house", 99)
    with pytest.raises(queries.InvalidCursor):
        queries.entries(after="house=1; DROP TABLE evidence_seal")
    assert queries.entries(since=datetime(2030, 1, 1, tzinfo=UTC)) == ()


def test_a_backup_comes_back_with_all_that_verifies_it(sealed: House, tmp_path_factory: pytest.TempPathFactory) -> None:
    (sealed.folder / "evidence").mkdir()
    (sealed.folder / "witness.pem").rename(sealed.folder / "evidence" / "witness.pem")
    place = tmp_path_factory.mktemp("restored")
    lock = locked.Lock(passphrase=b"a long enough passphrase")
    head = queries.status()
    backup.write(sealed.folder, place / "one.cadran", lock, at=AT)
    sealed.tell("after-the-backup")
    sealed.seal()
    (place / "var").mkdir()
    restore.unpack(place / "one.cadran", place / "var", lock)
    with pointed_at(place / "var"):
        trusted = witness.trusted(place / "var" / "evidence" / "witness.pem")
        run = verification.Verification(datetime.now(UTC), 86_400, trusted, {head.seals: head.head}, Tables())
        assert (found(run.run()), run.report.seals, run.report.tokens) == ([], 3, 3)
    later = queries.status()
    with pointed_at(place / "var"):
        run = verification.Verification(datetime.now(UTC), 86_400, trusted, {later.seals: later.head}, Tables())
        assert found(run.run()) == [("tail-cut", "seal 4")], "what came after the backup is lost, and that is told"


def test_what_was_there_before_evidence_began_is_not_missed(house: House) -> None:
    house.live(calls=3)
    house.alter(
        "charging",
        "DELETE FROM evidence_commitment",
        "DELETE FROM evidence_body",
        "UPDATE evidence_start SET after = (SELECT max(position) FROM charging_cdr) WHERE name = 'charging_cdr'",
    )
    house.engine._load()  # as after a restart: the engine itself counts the entries
    house.live(key="p2", calls=1)
    assert (found(verified(house)), queries.status().entries) == ([], 2)


def test_the_newest_entries_of_a_kind_or_an_account_are_found_without_going_through_all_calls(house: House) -> None:
    for query in (queries._OF_KIND, queries._LATER + queries._OF_HOLDER + queries._NEWEST_FIRST):
        values = (1,) * query.count("?")
        plan = [row[3] for row in files.execute("charging")(f"EXPLAIN QUERY PLAN {query}", values)]
        assert not [step for step in plan if step.startswith("SCAN")]
        assert any("evidence_commitment_kind" in step or "evidence_body_holder" in step for step in plan)


def test_the_words_that_bodies_are_packed_with_have_not_changed() -> None:
    assert (
        hashlib.sha256(journal._WORDS).hexdigest() == "7790f2c790e4f27474ac3c685684e0f71e8dae72d66b4fd39a59c0e22ef06508"
    ), "what was packed with them could not be read any more"
