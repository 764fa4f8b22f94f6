"""The records that consumption is charged by are kept for a year from their recording."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cadran.policy import queries as policy
from cadran.policy import usage_data

pytestmark = pytest.mark.clause("KAV-10-usage-data")
PARIS = "Europe/Paris"


@pytest.mark.parametrize(
    ("recorded", "until"),
    [
        ("2026-03-02T09:00:00", "2027-03-02T09:00:00"),
        ("2028-02-29T12:00:00", "2029-02-28T12:00:00"),
        ("2026-03-29T10:00:00", "2027-03-29T10:00:00"),
        ("2026-03-28T10:00:00", "2027-03-28T09:00:00"),  # the same hour in Paris, in summer time that year
    ],
)
def test_a_record_is_kept_for_a_year_from_its_recording(recorded: str, until: str) -> None:
    terms = policy.terms_in_force("kavkom", datetime(2026, 3, 2, tzinfo=UTC))
    at = datetime.fromisoformat(recorded).replace(tzinfo=UTC)
    assert usage_data.kept_until(terms, at, PARIS) == datetime.fromisoformat(until).replace(tzinfo=UTC)


def test_terms_that_promise_nothing_keep_nobody_waiting() -> None:
    assert usage_data.kept_until(policy.terms("ippi/2018-04"), datetime(2026, 3, 2, tzinfo=UTC), PARIS) is None
