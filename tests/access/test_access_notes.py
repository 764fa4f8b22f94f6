"""What is kept of calls at access numbers, and what the operator reads from it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cadran.voice.access import models, notes, queries
from cadran.voice.access.ports import Caller, Calling

pytestmark = pytest.mark.django_db(databases="__all__")
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
ADA = Caller(brand="kryptoow", language="fr", account="A000001")


class Journal:
    """Writes at once."""

    def __init__(self) -> None:
        self.writes = 0

    def write(self, entry: Callable[[], None]) -> None:
        self.writes += 1
        entry()


class Desk:
    """A clock, timers that the test lets run, a journal."""

    def __init__(self) -> None:
        self.at_s, self.waiting, self.journal = 0.0, list[Callable[[], None]](), Journal()

    def note(self, session: str, *, at: datetime = AT) -> notes.Notes:
        calling = Calling(access_number="33199000100", digits="336", authenticated=True, source="x", at=at)
        return notes.Notes(
            session,
            calling,
            self.journal,  # type: ignore[arg-type]
            seconds=lambda: self.at_s,
            later=lambda _seconds, then: self.waiting.append(then),
        )

    def turn(self) -> None:
        waiting, self.waiting = self.waiting, []
        for then in waiting:
            then()


def call(desk: Desk, session: str, *states: str, outcome: str = "caller", **more: Any) -> None:
    one = desk.note(session, at=more.pop("at", AT))
    one.caller(more.pop("caller", ADA))
    if states:
        one.answered(AT)
    for state in states:
        desk.at_s += 1
        one.state(state)
    for what in more.pop("counts", ()):
        one.count(what)
    one.outcome = outcome
    one.ended(AT + timedelta(minutes=1))
    desk.turn()


def test_a_call_in_progress_shows_where_it_is_and_is_written_at_most_once_a_second() -> None:
    desk = Desk()
    one = desk.note("call_1")
    one.caller(ADA)
    one.answered(AT)
    for state in ("greeting", "credit", "number"):
        one.state(state)
    assert desk.journal.writes == 0
    desk.turn()
    assert desk.journal.writes == 1
    (live,) = queries.live()
    assert (live.session, live.state, live.account, live.ended_at) == ("call_1", "number", "A000001", None)
    assert queries.live(brands=("ippi",)) == ()
    one.ended(AT)
    assert queries.live() == ()


def test_the_states_of_an_endless_call_are_kept_from_its_beginning_and_its_end() -> None:
    desk = Desk()
    call(desk, "call_1", *(f"s{number}" for number in range(500)))
    kept = [name for _ms, name in models.AccessCall.objects.get().states]
    assert len(kept) == 64
    assert (kept[:2], kept[47], kept[48], kept[-1]) == (["s0", "s1"], "s47", "s484", "s499")


def test_the_funnel_counts_who_came_how_far_and_where_callers_gave_up() -> None:
    desk = Desk()
    call(desk, "call_1", "greeting", "number", "call", counts=("dialled", "talked"))
    call(desk, "call_2", "greeting", "number")
    call(desk, "call_3", "greeting", "number", "number", outcome="errors")
    call(desk, "call_4", caller=Caller(brand="kryptoow", language="fr", refused="unknown"), outcome="refused")
    call(desk, "call_5", caller=Caller(brand="kryptoow", language="fr", refused="too-many"), outcome="refused")
    call(desk, "call_6", "greeting", at=AT + timedelta(days=1))
    found = queries.funnel(brand="kryptoow", since=AT, until=AT + timedelta(days=1))
    assert (found.calls, found.refused, found.answered, found.dialled, found.talked) == (4, {"unknown": 1}, 3, 1, 1)
    assert found.states == (
        queries.Reached("greeting", 3, 0),
        queries.Reached("number", 3, 1),
        queries.Reached("call", 1, 1),
    )
    assert found.whole
    assert len(queries.calls(brand="kryptoow", since=AT, until=AT + timedelta(days=1))) == 4
    assert queries.funnel(brand="ippi", since=AT, until=AT + timedelta(days=9)).calls == 0


@pytest.mark.clause("LAW-retention")
def test_notes_are_erased_with_age_and_what_a_dead_process_left_is_over() -> None:
    desk = Desk()
    call(desk, "call_1", "greeting")
    call(desk, "call_2", "greeting", at=AT + timedelta(days=1))
    notes.erase(AT)
    assert models.AccessCall.objects.count() == 2
    notes.erase(AT + timedelta(seconds=1))
    assert [one.session for one in models.AccessCall.objects.all()] == ["call_2"]
    models.AccessCall.objects.update(ended_at=None)
    notes.end_orphans()
    assert [one.outcome for one in models.AccessCall.objects.all()] == ["restart"]
