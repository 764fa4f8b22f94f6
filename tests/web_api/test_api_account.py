"""What a customer's key reads and changes."""

from __future__ import annotations

import pytest
from web_api_program import Program

from cadran.party import queries as party

pytestmark = pytest.mark.django_db(databases="__all__")


def test_a_key_reads_the_account_that_it_belongs_to(program: Program, claire: party.Customer) -> None:
    found = program.get("/me")
    assert found.status == 200, found.content
    assert (found.json["account"], found.json["username"]) == (claire.account, "claire")
    assert program.get("/balance").json["balance_micros"] == 0
    assert program.get("/calls").json == {"calls": [], "next": None}
    assert program.get("/movements").json["movements"] == []
    assert program.get("/sip").json["identities"][0]["username"] == "claire"
    assert program.get("/numbers").json == {"numbers": []}
    assert {one["document"] for one in program.get("/acceptances").json["acceptances"]} == {
        *("terms", "descriptions", "prices", "offers")
    }
    assert program.get("/key").json["account"] == claire.account
    assert program.get("/topups/choices").json["choices"][0] == {"amount_micros": 10_000_000, "means": "card"}
    assert program.get("/minutes?number=0033612345678").status in {200, 404}
