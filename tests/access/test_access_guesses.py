"""Who guesses at access numbers is turned away, and nobody else is."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from cadran.voice.access import reception
from cadran.voice.access.ports import Calling

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


def calls(digits: str = "33612000001", *, authenticated: bool = False, source: str = "192.0.2.1") -> Calling:
    return Calling(access_number="33199000100", digits=digits, authenticated=authenticated, source=source, at=AT)


@pytest.fixture
def desk() -> reception.Reception:
    server = SimpleNamespace(clock=SimpleNamespace(seconds=lambda: server.now), now=0.0)
    return reception.Reception(server, desk=None, lines=None, read=None)  # type: ignore[arg-type]


def test_five_guesses_within_five_minutes_close_the_door_to_that_number_until_they_are_over(
    desk: reception.Reception,
) -> None:
    for _ in range(4):
        desk.guessed(calls())
    assert not desk.closed_to(calls())
    desk.guessed(calls())
    assert desk.closed_to(calls())
    assert not desk.closed_to(calls("33612000002"))
    desk.server.now = 300.0  # type: ignore[attr-defined]
    assert desk.closed_to(calls())
    desk.server.now = 300.1  # type: ignore[attr-defined]
    assert not desk.closed_to(calls())


def test_two_hundred_numbers_tried_by_one_source_close_it_whatever_number_comes_next(desk: reception.Reception) -> None:
    for number in range(200):
        assert not desk.closed_to(calls(str(33_600_000_000 + number)))
        desk.guessed(calls(str(33_600_000_000 + number)))
    assert desk.closed_to(calls("33699999999"))
    assert not desk.closed_to(calls("33699999999", source="192.0.2.2"))


def test_who_shows_a_customer_s_number_or_floods_its_carrier_does_not_shut_that_customer_out(
    desk: reception.Reception,
) -> None:
    for _ in range(500):
        desk.guessed(calls())
    assert desk.closed_to(calls())
    assert not desk.closed_to(calls(authenticated=True))


def test_the_right_pin_forgives_what_was_guessed_before(desk: reception.Reception) -> None:
    for _ in range(5):
        desk.guessed(calls())
    desk.known(calls())
    assert not desk.closed_to(calls())


def test_memory_of_guesses_is_bounded(desk: reception.Reception) -> None:
    for number in range(30_000):
        desk.guessed(calls(str(number), authenticated=True))
    assert len(desk.guesses._seen) <= 20_000
