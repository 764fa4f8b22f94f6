"""What a customer's key reads and changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from web_api_program import Program

from cadran.party import queries as party

pytestmark = pytest.mark.django_db(databases="__all__")


def test_minutes_and_prices_follow_the_deck_of_the_day(program: Program, stranger: Program, prices: None) -> None:
    found = program.get("/minutes?number=0612345678").json
    assert (found["number"], found["number_class"], found["seconds"]) == ("33612345678", "mobile", 0)
    assert found["price"]["price_nanos_per_minute"] == 69_000_000
    assert program.get("/minutes?number=99").status == 404
    assert stranger.get("/prices/33142000001").json["price_nanos_per_minute"] == 12_000_000
    assert stranger.get("/prices?search=maroc&language=en").json["prices"][0]["destination"] == "Morocco"
    assert stranger.get("/documents").json["documents"][0]["document"] == "terms"
    assert stranger.get("/terms/2018-04?language=en").json["ref"] == "ippi/2018-04"


def test_a_key_reads_the_account_that_it_belongs_to(program: Program, claire: party.Customer) -> None:
    found = program.get("/me")
    assert found.status == 200, found.content
    assert (found.json["account"], found.json["username"]) == (claire.account, "claire")
    assert program.get("/balance").json["balance_micros"] == 0
    assert program.get("/calls").json == {"calls": [], "next": None}
    assert program.get("/movements").json["movements"] == []
    assert program.get("/sip").json["identities"][0]["username"] == "claire"
    assert program.get("/numbers").json == {"numbers": []}
    assert {"terms", "prices"} <= {one["document"] for one in program.get("/acceptances").json["acceptances"]}
    assert program.get("/key").json["account"] == claire.account
    assert program.get("/topups/choices").json["choices"][0] == {"amount_micros": 10_000_000, "means": "card"}
    assert program.get("/minutes?number=0033612345678").status in {200, 404}


def test_calls_come_in_pages_without_gap_or_repeat_and_by_filter(
    program: Program, claire: party.Customer, call: Callable[..., str], staff_key: Callable[..., Program]
) -> None:
    """Five calls, three of which ended at one and the same instant."""
    at = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
    ends = [
        at,
        at + timedelta(seconds=1),
        at + timedelta(seconds=1),
        at + timedelta(seconds=1),
        at + timedelta(hours=1),
    ]
    made = [call(claire, ended_at=end, destination=f"3361234567{n}", charge_micros=n) for n, end in enumerate(ends)]
    for caller, path in ((program, "/calls"), (staff_key(), "/staff/calls")):
        seen, cursor = [], ""
        while cursor is not None:
            page = caller.get(f"{path}?limit=2&cursor={cursor}").json
            seen += [one["id"] for one in page["calls"]]
            cursor = page["next"]
        assert seen == made[::-1]

    def found(query: str) -> list[str]:
        return [one["id"] for one in program.get(f"/calls?{query}").json["calls"]]

    assert found("since=2026-03-01T11:00:00Z") == [made[4]]
    assert found("until=2026-03-01T10:00:01Z") == [made[0]]
    assert found("until=2026-03-01T11:00:01%2B01:00") == [made[0]]
    assert found("charged=false") == [made[0]]
    assert found("destination=33612345673") == [made[3]]
    assert found("disposition=busy") == []
    why = program.get(f"/calls/{made[4]}").json
    assert (why["call"]["id"], why["call"]["charge_micros"]) == (made[4], 4)
    assert staff_key().get(f"/staff/calls/{made[4]}").json["call"]["account"] == claire.account
