"""Calls are counted once each, in the civil hour and day of their brand, whatever is repeated."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections

from cadran.charging.adapters.sqlite import SqliteSessions
from cadran.charging.records import Record
from cadran.journeys import figures, models

pytestmark = pytest.mark.django_db(databases="__all__")
NIGHT = datetime(2026, 3, 1, 22, 59, 59, tzinfo=UTC)  # 23:59:59 in Paris


def ended(number: int, **changes: object) -> Record:
    values: dict[str, object] = {
        "account": "A000001",
        "cdr_id": f"cdr_{number}",
        "session": f"call_{number}",
        "call_id": "",
        "brand": "ippi",
        "terms": "ippi/2018-04",
        "direction": "outbound",
        "number_class": "mobile",
        "caller": "",
        "shown": "",
        "destination": "447911123456",
        "authorised_at": NIGHT,
        "answered_at": NIGHT,
        "ended_at": NIGHT,
        "disposition": "answered",
        "ended_by": "caller",
        "sip_code": 200,
        "carrier": "one",
        "measured_ms": 60_000,
        "charged_s": 60,
        "charge_micros": 120_000,
        "currency": "EUR",
        "clause": "IPP-10.1-per-second",
        "loss_s": 0,
        "loss_micros": 0,
        "granted_s": 60,
        "limit_s": 3600,
        "limit_clause": "",
        "decision": {},
        "charge": {"destination": "Royaume-Uni mobile", "destination_en": "United Kingdom mobile"},
    }
    return Record(**(values | changes))  # type: ignore[arg-type]


def write(*records: Record) -> None:
    connections["charging"].ensure_connection()
    for record in records:
        SqliteSessions(connections["charging"].connection).insert_record(record)


def days() -> list[tuple[str, dict[str, int], int]]:
    found = figures.calls(grain="day", first="2026-02-01", last="2026-04-01", currency="EUR")
    return [(one.start, one.by_outcome, one.micros) for one in found]


def test_each_record_is_counted_once_however_often_the_job_runs() -> None:
    write(ended(1), ended(2, disposition="busy", charge_micros=0, charged_s=0), ended(3))
    assert [figures.follow_calls(limit=2), figures.follow_calls(limit=2), figures.follow_calls(limit=2)] == [2, 1, 0]
    assert days() == [("2026-03-01", {"answered": 2, "busy": 1}, 240_000)]
    (one,) = figures.destinations(first="2026-03-01", last="2026-03-01", currency="EUR")
    assert (one.destination, one.destination_en, one.calls, one.seconds) == (
        "Royaume-Uni mobile",
        "United Kingdom mobile",
        2,
        120,
    )


def test_a_failure_in_the_middle_counts_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    write(ended(1), ended(2))

    def broken(*_args: object, **_more: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(models.FollowedTo, "save", broken)
        with pytest.raises(RuntimeError):
            figures.follow_calls()
    assert days() == []
    figures.follow_calls()
    assert days() == [("2026-03-01", {"answered": 2}, 240_000)]


def test_the_day_is_the_brands_civil_day_on_both_sides_of_midnight() -> None:
    write(ended(1), ended(2, ended_at=NIGHT + timedelta(seconds=1)))
    figures.follow_calls()
    assert [start for start, _outcome, _micros in days()] == ["2026-03-01", "2026-03-02"]
    hours = figures.calls(grain="hour", first="2026-03-01T00", last="2026-03-02T23", currency="EUR")
    assert [one.start for one in hours] == ["2026-03-01T23", "2026-03-02T00"]


def test_a_correction_adds_its_difference_and_no_call() -> None:
    write(ended(1))
    write(ended(2, corrects="cdr_1", charge_micros=20_000, corrected_at=NIGHT, charge={}))
    write(ended(3, corrects="cdr_1", charge_micros=50_000, corrected_at=NIGHT, charge={}))
    figures.follow_calls()
    assert days() == [("2026-03-01", {"answered": 1}, 50_000)]


@pytest.mark.parametrize(
    ("outcome", "share"),
    [({}, None), ({"refused": 3}, None), ({"answered": 1, "busy": 1}, 50), ({"answered": 2, "failed": 1}, 67)],
)
def test_the_answer_rate_leaves_refused_calls_out_and_rounds_half_up(
    outcome: dict[str, int], share: int | None
) -> None:
    assert figures.Slot("2026-03-01", outcome, 0, 0, 0).share_answered() == share


def test_hours_are_forgotten_after_seventy_days_and_days_stay() -> None:
    write(ended(1))
    figures.follow_calls()
    assert figures.forget_hours(at=datetime(2026, 5, 10, 12, tzinfo=UTC)) == 0
    assert figures.forget_hours(at=datetime(2026, 5, 12, 12, tzinfo=UTC)) == 1
    assert len(days()) == 1
