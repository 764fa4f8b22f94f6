"""Each attack on the files, made with plain sqlite, and the finding that names it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cadran.journeys import carry
from cadran.journeys.comparing import Tables
from cadran.policy.proof import files, keys, operations, queries, rules, verification, witness
from cadran.policy.proof.report import Report
from proof.conftest import AT, NOW, House, witnessing

pytestmark = pytest.mark.clause("KRY-2.4-evidence")


def verified(house: House, **options: Any) -> Report:
    run = verification.Verification(
        now=options.pop("now", datetime.now(UTC)),
        within_s=86_400,
        trusted=witness.trusted(house.folder / "witness.pem"),
        comparing=Tables(),
        **options,
    )
    return run.run()


def found(report: Report) -> list[tuple[str, str]]:
    return sorted((fault.code, fault.where) for fault in report.faults)


def test_what_nobody_touched_is_whole(sealed: House) -> None:
    report = verified(sealed)
    assert (found(report), report.ok) == ([], True)
    assert (report.entries, report.seals, report.tokens, report.unsealed, report.unwitnessed) == (22, 3, 3, 1, 0)


@pytest.mark.parametrize(
    ("source", "statement", "expected"),
    [
        (
            "charging",
            "UPDATE evidence_commitment SET at = '2020-01-01T00:00:00+00:00' WHERE position = 4",
            "entry-altered",
        ),
        ("charging", "UPDATE evidence_commitment SET kind = 'charging.other' WHERE position = 4", "entry-altered"),
        ("house", "UPDATE evidence_commitment SET commitment = zeroblob(32) WHERE position = 3", "entry-altered"),
        ("house", "DELETE FROM evidence_commitment WHERE position = 3", "entry-removed"),
        ("charging", "DELETE FROM evidence_commitment WHERE position = 5", "entry-removed"),
        ("house", "DELETE FROM evidence_body WHERE position = 3", "body-missing"),
        ("house", "UPDATE evidence_body SET sealed = zeroblob(80) WHERE position = 3", "body-altered"),
        (
            "house",
            "UPDATE evidence_body SET sealed = (SELECT sealed FROM evidence_body WHERE position = 1) WHERE position = 3",
            "body-altered",
        ),
    ],
)
def test_one_entry_altered_or_removed_is_named_by_its_place(
    sealed: House, source: str, statement: str, expected: str
) -> None:
    sealed.alter(source, statement)
    position = statement.rpartition(" ")[2]
    assert (expected, f"{source}:{position}") in found(verified(sealed))


def test_an_entry_removed_from_the_unsealed_tail_is_named(sealed: House) -> None:
    sealed.tell("order-tail-2")
    sealed.alter(
        "house", "DELETE FROM evidence_commitment WHERE position = 7", "DELETE FROM evidence_body WHERE position = 7"
    )
    assert ("entry-removed", "house:7") in found(verified(sealed))
    sealed.seal()
    assert ("entry-removed", "house:7") in found(verified(sealed)), "a seal made afterwards says that it was gone"


def test_two_entries_that_changed_places_are_named_with_their_places(sealed: House) -> None:
    sealed.alter(
        "house",
        "UPDATE evidence_commitment SET position = -1 WHERE position = 2",
        "UPDATE evidence_commitment SET position = 2 WHERE position = 5",
        "UPDATE evidence_commitment SET position = 5 WHERE position = -1",
        "UPDATE evidence_body SET position = -1 WHERE position = 2",
        "UPDATE evidence_body SET position = 2 WHERE position = 5",
        "UPDATE evidence_body SET position = 5 WHERE position = -1",
    )
    report = verified(sealed)
    assert found(report) == [("entry-moved", "house:2"), ("entry-moved", "house:5")]
    assert report.faults[0].what == "it now lies at house:5"


def test_an_entry_taken_out_and_the_others_closed_up_is_named(sealed: House) -> None:
    sealed.alter(
        "house",
        "DELETE FROM evidence_commitment WHERE position = 3",
        "DELETE FROM evidence_body WHERE position = 3",
        *(
            f"UPDATE evidence_{table} SET position = {position - 1} WHERE position = {position}"
            for position in (4, 5, 6, 7)
            for table in ("commitment", "body")
        ),
    )
    names = found(verified(sealed))
    assert ("entry-removed", "house:3") in names
    assert [where for code, where in names if code == "entry-moved"] == ["house:4", "house:5", "house:6"]


def test_a_tail_cut_off_below_its_seals_is_named(sealed: House) -> None:
    sealed.alter(
        "house", "DELETE FROM evidence_commitment WHERE position >= 4", "DELETE FROM evidence_body WHERE position >= 4"
    )
    assert ("tail-cut", "house:4-6") in found(verified(sealed))


def test_a_tail_cut_off_with_its_seals_is_told_by_the_time_stamps(sealed: House) -> None:
    sealed.alter(
        "house",
        "DELETE FROM evidence_commitment WHERE position >= 3",
        "DELETE FROM evidence_body WHERE position >= 3",
        "DELETE FROM evidence_seal WHERE number >= 2",
    )
    names = found(verified(sealed))
    assert {("tail-cut", "seal 2"), ("tail-cut", "seal 3")} <= set(names)


def test_a_tail_cut_off_without_a_trace_is_told_by_a_head_kept_outside(sealed: House) -> None:
    head = queries.status()
    for source, last in (("house", 2), ("charging", 5)):
        sealed.alter(
            source,
            f"DELETE FROM evidence_commitment WHERE position > {last}",
            f"DELETE FROM evidence_body WHERE position > {last}",
        )
    sealed.alter("house", "DELETE FROM evidence_seal WHERE number >= 2", "DELETE FROM evidence_token WHERE seal >= 2")
    report = verified(sealed, heads={head.seals: head.head})
    assert ("tail-cut", "seal 3") in found(report)
    assert {"record-without-entry"} <= {code for code, _ in found(verified(sealed))}, (
        "the calls themselves are still there"
    )


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "UPDATE evidence_seal SET body = replace(body, '\"leaves\":', '\"leaves\":1') WHERE number = 2",
            ("seal-altered", "seal 2"),
        ),
        ("UPDATE evidence_seal SET signature = zeroblob(64) WHERE number = 2", ("signature-wrong", "seal 2")),
        ("UPDATE evidence_seal SET hash = zeroblob(32) WHERE number = 2", ("seal-altered", "seal 2")),
        ("UPDATE evidence_seal SET leaves = zeroblob(length(leaves)) WHERE number = 2", ("leaves-altered", "seal 2")),
        ("DELETE FROM evidence_seal WHERE number = 2", ("seal-removed", "seal 2")),
        ("UPDATE evidence_token SET token = zeroblob(100) WHERE seal = 2", ("token-wrong", "seal 2")),
        (
            "UPDATE evidence_token SET token = (SELECT token FROM evidence_token WHERE seal = 1) WHERE seal = 2",
            ("rewritten", "seal 2"),
        ),
    ],
)
def test_a_seal_or_a_time_stamp_that_was_touched_is_named(
    sealed: House, statement: str, expected: tuple[str, str]
) -> None:
    sealed.alter("house", statement)
    assert expected in found(verified(sealed))


def test_seals_that_changed_places_are_named(sealed: House) -> None:
    sealed.alter(
        "house",
        "UPDATE evidence_seal SET number = -1 WHERE number = 1",
        "UPDATE evidence_seal SET number = 1 WHERE number = 2",
        "UPDATE evidence_seal SET number = 2 WHERE number = -1",
    )
    names = found(verified(sealed))
    assert {("seal-altered", "seal 1"), ("seal-altered", "seal 2"), ("chain-broken", "seal 1")} <= set(names)


def test_entries_and_their_leaves_altered_together_are_caught_by_the_root(sealed: House) -> None:
    sealed.alter(
        "house",
        "UPDATE evidence_commitment SET commitment = zeroblob(32) WHERE position = 3",
        "UPDATE evidence_seal SET leaves = zeroblob(length(leaves)) WHERE number = 2",
    )
    names = found(verified(sealed))
    assert ("entries-altered", "seal 2") in names
    assert ("body-altered", "house:3") in names


def rewrite(house: House, change: Callable[[str], str]) -> None:
    """What an operator with every key of its own could do: another truth from the first entry on, sealed and signed anew."""
    with sqlite3.connect(house.folder / "cadran.db") as raw:
        triggers = raw.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            raw.execute(f"DROP TRIGGER {name}")
        entries = raw.execute(
            "SELECT c.position, b.ref, c.kind, c.at FROM evidence_commitment c JOIN evidence_body b USING (position) ORDER BY 1"
        ).fetchall()
        texts = [queries.entry("house", position).text for position, *_ in entries]
        old_seals = raw.execute("SELECT body FROM evidence_seal ORDER BY number").fetchall()
        raw.execute("DELETE FROM evidence_body")
        raw.execute("DELETE FROM evidence_commitment")
        raw.execute("DELETE FROM evidence_seal")
        raw.commit()
        from cadran.policy.proof.journal import Journal

        journal = Journal(raw.execute)
        for (position, ref, kind, at), text in zip(entries, texts, strict=True):
            said = json.loads(change(text))
            body = rules.canonical(said).encode()
            journal.write(kind=kind, subject=said["subject"], ref=ref, at=datetime.fromisoformat(at), body=body)
            assert position
        raw.commit()
        for (text,) in old_seals:  # the same spans, numbers and dates as before
            old = rules.Seal.read(text)
            newest = files.last_seal(raw.execute)
            leaves = [
                rules.leaf(entry)
                for span in old.spans
                for entry in files.entries_after(
                    raw.execute if span.source == "house" else files.execute("charging"),
                    span.source,
                    span.after,
                    span.last - span.after,
                )
            ]
            signer = keys.signers()[0]
            fresh = rules.Seal(
                number=old.number,
                at=old.at,
                previous=newest[2].hex() if newest else "",
                root=rules.root(leaves).hex(),
                leaves=len(leaves),
                spans=old.spans,
                key=keys.public_hex(signer),
            ).text()
            raw.execute(
                "INSERT INTO evidence_seal VALUES (?, ?, ?, ?, ?)",
                (old.number, fresh, rules.seal_hash(fresh), signer.sign(fresh.encode()), b"".join(leaves)),
            )
        for _, sql in triggers:
            raw.execute(sql)


def half(text: str) -> str:
    return text.replace("10000000", "5000000")


def test_a_whole_rewrite_with_the_operators_own_keys_is_told_by_the_time_stamps(sealed: House) -> None:
    rewrite(sealed, half)
    names = found(verified(sealed))
    assert {("rewritten", "seal 1"), ("rewritten", "seal 2"), ("rewritten", "seal 3")} <= set(names)


def test_a_whole_rewrite_that_was_stamped_anew_is_told_by_its_late_stamps(
    sealed: House, authority: tuple[str, Path]
) -> None:
    rewrite(sealed, half)
    sealed.alter(
        "house",
        "DELETE FROM evidence_token",
    )
    assert witnessing(sealed, authority).step()
    report = verified(sealed)
    assert not {"rewritten", "witnessed-late"} & set(report.counts), "within a day only a head kept outside tells"
    assert [fault.where for fault in verified(sealed, heads={2: "ab" * 32}).faults if fault.code == "rewritten"] == [
        "seal 2"
    ]
    run = verification.Verification(
        now=datetime.now(UTC), within_s=60, trusted=witness.trusted(sealed.folder / "witness.pem"), comparing=Tables()
    )
    assert "witnessed-late" in run.run().counts


def test_a_rewrite_without_time_stamps_lacks_its_witness_a_day_later(sealed: House) -> None:
    sealed.alter("house", "DELETE FROM evidence_token")
    assert verified(sealed).ok
    tomorrow = datetime.now(UTC) + timedelta(days=1, minutes=1)
    assert found(verified(sealed, now=tomorrow)) == [("witness-missing", "seal 1-3")]


@pytest.mark.parametrize(
    ("source", "statements", "expected"),
    [
        ("charging", ["UPDATE charging_cdr SET charge_micros = 1 WHERE position = 1"], "record-altered"),
        (
            "charging",
            ["UPDATE charging_cdr SET body = replace(body, '331', '332') WHERE position = 1"],
            "record-altered",
        ),
        ("charging", ["DELETE FROM charging_cdr WHERE position = 1"], "record-removed"),
        ("charging", ["UPDATE ledger_transfer SET amount_micros = 1 WHERE kind = 'post'"], "record-altered"),
        ("charging", ["DELETE FROM ledger_transfer WHERE kind = 'post'"], "record-removed"),
        ("house", ['UPDATE policy_event SET body = \'{"account": "acc9"}\' WHERE id = 1'], "record-altered"),
        ("house", ["DELETE FROM policy_event WHERE id = 1"], "record-removed"),
        (
            "house",
            [
                "INSERT INTO policy_event SELECT 99, kind, 'forged', body, at, at, 0, at, '' FROM policy_event WHERE id = 1"
            ],
            "record-without-entry",
        ),
    ],
)
def test_a_row_of_another_room_that_was_touched_is_told_by_its_entry(
    sealed: House, source: str, statements: list[str], expected: str
) -> None:
    sealed.alter(source, *statements)
    report = verified(sealed)
    assert set(report.counts) == {expected}


def test_an_erased_customer_is_told_from_missing_evidence(sealed: House) -> None:
    done = operations.erase(subject="acc1", at=AT, reason="asked for it", by="dpo")
    assert set(done.holders) == {"house", "charging"}
    assert carry.pending(charging=sealed.engine, now=NOW) == 8
    sealed.seal()
    report = verified(sealed)
    assert (found(report), report.erased, report.erasing) == ([], 13, 0)
    assert queries.entries(subject="acc1") == ()
    assert {one.state for one in queries.entries(limit=100)} == {queries.State.READABLE, queries.State.ERASED}
    assert not sealed.rows("house", "SELECT 1 FROM policy_event WHERE body LIKE '%acc1%'")
    sealed.alter("charging", "DELETE FROM evidence_body WHERE position = 5")
    assert ("body-missing", "charging:5") in found(verified(sealed))


def test_an_erasure_that_has_not_reached_the_other_file_yet_is_counted(sealed: House) -> None:
    operations.erase(subject="acc1", at=AT)
    report = verified(sealed)
    assert (report.ok, report.erased) == (True, 4)


def test_a_key_removed_without_an_erasure_is_a_fault(sealed: House) -> None:
    sealed.alter("house", "DELETE FROM evidence_key WHERE subject = 'acc1'")
    names = found(verified(sealed))
    assert [("key-missing", f"house:{position}") for position in (1, 3, 5, 7)] == [
        one for one in names if one[0] == "key-missing"
    ]


def test_an_erasure_that_was_made_up_in_the_file_erases_nothing(sealed: House) -> None:
    sealed.alter(
        "house",
        "DELETE FROM evidence_body WHERE holder = (SELECT number FROM evidence_key WHERE subject = 'acc1')",
        "DELETE FROM evidence_key WHERE subject = 'acc1'",
        "INSERT INTO evidence_commitment (at, kind, holder, commitment) VALUES ('x', 'evidence.erased', 9, zeroblob(32))",
        "INSERT INTO evidence_body VALUES (8, 9, 'era_x', zeroblob(90))",
    )
    names = found(verified(sealed))
    assert ("body-missing", "house:1") in names


def test_what_comes_after_an_erasure_is_kept_under_a_new_key_and_erased_again(sealed: House) -> None:
    first = operations.erase(subject="acc2", at=AT)
    sealed.engine.erase_evidence(holder=first.holders["charging"])
    sealed.tell("order-later", account="acc2")
    sealed.live(account="acc2", key="later", calls=1)
    assert {one.state for one in queries.entries(subject="acc2")} == {queries.State.READABLE}
    second = operations.erase(subject="acc2", at=AT)
    assert second.holders["house"] != first.holders["house"]
    assert operations.erase(subject="nobody", at=AT).holders == {}
