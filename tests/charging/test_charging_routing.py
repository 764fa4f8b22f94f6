"""Which shard an account belongs to, and whom a client asks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from charging_rig import call, ended

from cadran.charging import shards, wire
from cadran.charging.adapters import routing
from cadran.charging.comeback import Comeback
from cadran.charging.ports import ChargingRefused, ChargingUnavailable
from cadran.journeys import erasure
from cadran.policy.events import PendingEvent
from cadran.policy.proof import files

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
UNKNOWN = ChargingRefused("no such session", reason="session-unknown")
AWAY = ChargingUnavailable("nobody answers")


class Shards:
    """Answers of each shard, in order; what each was asked."""

    def __init__(self, *answers: object) -> None:
        self.routes = routing.Routes(len(answers))
        self.answers = list(answers)
        self.asked: list[tuple[int, wire.Args]] = []

    def ask(self, op: str, args: wire.Args) -> object:
        return routing.walked(self.routes.steps(op, args), self._answer)

    def _answer(self, shard: int, op: str, args: wire.Args) -> object:
        self.asked.append((shard, args))
        answer = self.answers[shard]
        if isinstance(answer, Exception):
            raise answer
        return answer(args) if callable(answer) else answer


def extend(session: str = "s1") -> wire.Extend:
    return wire.Extend(session=session, seq=1, used_s=5, at=AT)


def test_the_shard_of_an_account_never_changes() -> None:
    """Other numbers would give an account two owners when a program is renewed."""
    assert [shards.of(f"A00000{n}", 4) for n in range(6)] == [2, 0, 2, 0, 3, 1]
    assert [shards.of("acc1", count) for count in (1, 2, 3, 16)] == [0, 1, 2, 13]
    assert all(340 <= n <= 460 for n in Counter(shards.of(f"A{n:06}", 16) for n in range(6400)).values())


@pytest.mark.parametrize(("number", "count"), [(1, 1), (-1, 2), (2, 2), (0, 17), (0, 0)])
def test_a_shard_is_one_of_sixteen_at_most(number: int, count: int) -> None:
    with pytest.raises(ValueError, match="shard"):
        shards.Shard(number, count)
    assert shards.Shard(15, 16).count == 16


def test_an_account_of_another_shard_is_refused_by_name() -> None:
    number = shards.of("acc1", 2)
    shards.Shard(number, 2).check("acc1")
    with pytest.raises(ChargingRefused) as caught:
        shards.Shard(1 - number, 2).check("acc1")
    assert caught.value.details["reason"] == "shard-differs"


def test_a_session_is_looked_for_where_it_was_authorised() -> None:
    mine = shards.of("acc1", 3)
    found = Shards("zero", "one", "two")
    found.ask("authorise", call("s1"))
    found.ask("extend", extend())
    assert [shard for shard, _ in found.asked] == [mine, mine]


def test_a_session_that_the_client_never_saw_is_looked_for_everywhere_and_then_known() -> None:
    found = Shards(UNKNOWN, UNKNOWN, "settled")
    assert found.ask("settle", ended("s1", 5)) == "settled"
    assert found.ask("extend", extend()) == "settled"
    assert [shard for shard, _ in found.asked] == [0, 1, 2, 2]


def test_a_session_is_unknown_only_when_every_shard_has_said_so() -> None:
    with pytest.raises(ChargingRefused):
        Shards(UNKNOWN, UNKNOWN).ask("extend", extend())
    with pytest.raises(ChargingUnavailable):
        Shards(UNKNOWN, AWAY).ask("extend", extend())
    refused = ChargingRefused("over", reason="session-settled")
    found = Shards(UNKNOWN, refused, "never asked")
    with pytest.raises(ChargingRefused) as caught:
        found.ask("extend", extend())
    assert caught.value is refused
    assert [shard for shard, _ in found.asked] == [0, 1]


def _beat(*alive: str) -> object:
    return lambda args: tuple(session for session in args.used_s if session not in alive)


def test_a_heartbeat_tells_each_shard_of_its_own_and_of_whom_nobody_knows() -> None:
    found = Shards(_beat("a"), _beat("b"))
    assert found.ask("heartbeat", wire.Heartbeat(used_s={"a": 5, "b": 6, "gone": 7})) == ("gone",)
    assert found.ask("heartbeat", wire.Heartbeat(used_s={"a": 10, "b": 11})) == ()
    assert [dict(args.used_s) for _, args in found.asked[2:]] == [{"a": 10}, {"b": 11}]  # type: ignore[union-attr]


def test_no_call_is_closed_because_a_shard_is_away() -> None:
    """The report is not acknowledged, since the one away has noted nothing; what the other said is told with the error."""
    found = Shards(_beat("a"), AWAY)
    found.routes._note("over", 0)
    with pytest.raises(ChargingUnavailable) as caught:
        found.ask("heartbeat", wire.Heartbeat(used_s={"a": 5, "b": 6, "over": 7}))
    assert caught.value.details["closed"] == ("over",)
    assert [shard for shard, _ in found.asked] == [0, 1]
    with pytest.raises(ChargingUnavailable) as caught:
        Shards(AWAY, AWAY).ask("heartbeat", wire.Heartbeat(used_s={"a": 5}))
    assert caught.value.details["closed"] == ()


def test_what_concerns_all_shards_is_asked_of_all_even_after_one_has_failed() -> None:
    assert Shards(3, 4).ask("expire_credit", wire.ExpireCredit(at=AT)) == 7
    assert Shards(3, 4).ask("reload_decks", wire.ReloadDecks()) == 4
    found = Shards(AWAY, 4)
    with pytest.raises(ChargingUnavailable):
        found.ask("reload_decks", wire.ReloadDecks())
    assert [shard for shard, _ in found.asked] == [0, 1]
    erased = Shards(0, 2, 3)
    assert erased.ask("erase_evidence", wire.EraseEvidence(holder=7, shard=2)) == 3


def test_a_lost_database_is_tried_again_ever_more_seldom_and_not_for_ever() -> None:
    away = Comeback(since_s=100.0)
    times, now = [], 100.0
    for _ in range(9):
        away.failed(now)
        times.append(round(away.next_s - now, 2))
        assert not away.due(away.next_s - 0.01)
        assert away.due(away.next_s)
        now = away.next_s
    assert times == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert not away.over(700.0)
    assert away.over(700.1)


def test_an_erasure_reaches_each_shard_that_keeps_something_of_the_holder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[dict[str, int]] = []

    class Charging:
        def erase_evidence(self, **asked: int) -> int:
            told.append(asked)
            return 1

    monkeypatch.setattr("cadran.policy.proof.operations.finish_erasure", lambda **_: None)
    body = {"holders": {"house": 3, "charging": 5, "charging-12": 7}, "events": []}
    event = PendingEvent(event_id=1, kind="evidence.erased", key="era", body=body, at=AT, attempts=0)
    erasure.erase_in_charging(event, cast(Any, Charging()))
    assert told == [{"holder": 5}, {"holder": 7, "shard": 12}]


def test_evidence_of_a_further_shard_lies_in_a_schema_of_its_own() -> None:
    statement = "SELECT c.position FROM evidence_commitment AS c LEFT JOIN evidence_body AS b ON b.position = ?"
    assert files._placed(statement, "charging") == statement.replace("?", "%s")
    placed = "SELECT c.position FROM charging_3.evidence_commitment AS c LEFT JOIN charging_3.evidence_body AS b ON b.position = %s"
    assert files._placed(statement, "charging-3") == placed
    assert shards.schema(3) == files.table(shards.source(3), "x").partition(".")[0]


def test_a_number_of_shards_needs_a_server_and_starts_as_many_processes(tmp_path: Path) -> None:
    program = (
        "from cadran.commands import roster; from cadran import settings;"
        "print([one.name for one in roster.services() if one.name.startswith('charging')][:-1]);"
        "print(settings.CHARGING_SOCKETS[2].name, settings.EVIDENCE_FILES['charging-2'])"
    )
    known = {**os.environ, "CADRAN_VAR": str(tmp_path), "CADRAN_CHARGING_SHARDS": "3"}
    known["PYTHONPATH"] = os.pathsep.join(sys.path)
    run = partial(subprocess.run, [sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "a file has one writer" in run(env=known).stderr
    assert "from 1 to 16" in run(env=known | {"CADRAN_CHARGING_SHARDS": "17"}).stderr
    told = run(env=known | {"CADRAN_CHARGING_DATABASE": "postgresql://nobody@nowhere/none"})
    assert told.stdout.splitlines() == [
        "['charging', 'charging-1', 'charging-2']",
        "charging-2.sock charging",
    ], told.stderr
