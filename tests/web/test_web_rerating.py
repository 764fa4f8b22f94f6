"""What a customer sees of calls charged again, and how they question it; nobody sees another's."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.test import Client
from usage_rig import AT, Till

from cadran.charging import corrections
from cadran.charging.ports import CorrectCharge
from cadran.charging.records import Record
from cadran.compliance import queries as cases
from cadran.party import queries as party
from cadran.rating.rules import Rate

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.clause("IPP-10.1-re-rating")]
RUN = "rer_0123456789abcdef0123"
RATE = Rate(prefix="3361", destination="France mobile Un", currency="EUR", price_nanos=60_000_000, deck="world", line=7)


@pytest.fixture
def call(claire: Client, monkeypatch: pytest.MonkeyPatch) -> Record:
    """Claire's call of 61 s for 0.122, charged again at half the price."""

    class Today:
        def now(self) -> datetime:
            return AT + timedelta(days=3)

    monkeypatch.setattr(settings, "CIVIL_CLOCK", Today())
    till = Till(party.customer_named("claire").account)
    till.buy("one", 10_000_000)
    made = till.call(61)
    request = CorrectCharge(
        key=f"{RUN}-{made.cdr_id}",
        account=till.account,
        cdr_id=made.cdr_id,
        charge_micros=61_000,
        reason="Wrong price of mobiles",
        at=AT + timedelta(days=2),
        rate=RATE,
    )
    corrections.correct(
        request, sessions=till.sessions, buckets=till.buckets, books=till.books, contracts=till.contracts
    )
    return made


def test_each_corrected_call_shows_both_prices_and_the_arithmetic_of_both(claire: Client, call: Record) -> None:
    page = claire.get(f"/account/reratings/{RUN}/").content.decode()
    assert '<s class="soft">0,122\xa0€</s> 0,061\xa0€' in page
    assert "Wrong price of mobiles" in page
    assert "IPP-10.1-re-rating" in page
    why = claire.get(f"/calls/{call.cdr_id}/").content.decode()
    assert "60 × 1 s × 0.12 / 60 s = 0.12" in why
    assert "60 × 1 s × 0.06 / 60 s = 0.06" in why
    assert "corrigé" in claire.get("/calls/").content.decode()
    assert "Correction d’un appel" in claire.get("/statement/").content.decode()


def test_a_question_opens_one_case_with_a_tracking_number_and_a_deadline(claire: Client, call: Record) -> None:
    sent = {"key": "ask_1", "text": "I did not call for so long"}
    for _ in range(2):
        answer = claire.post(f"/calls/{call.cdr_id}/question/", sent, follow=True)
    page = answer.content.decode()
    (case,) = cases.cases(account=call.account)
    assert (case.kind.value, case.state.value) == ("billing", "open")
    assert case.due_at > case.opened_at
    assert case.number in page
    assert call.cdr_id in cases.entries(case.number)[0].text
    assert call.account in cases.accounts_in_dispute(brand="ippi")
    again = claire.post(f"/account/reratings/{RUN}/", {"key": "ask_2", "text": "All of it"}, follow=True)
    assert re.search(r"[2-9A-Z]{4}-[2-9A-Z]{4}-[2-9A-Z]{4}", again.content.decode())
    assert claire.post(f"/calls/{call.cdr_id}/question/", {"key": "ask_3", "text": " "}).status_code == 302
    assert len(cases.cases(account=call.account)) == 2


def test_nobody_sees_or_questions_the_calls_of_another(claire: Client, call: Record, sign_up: object) -> None:
    zoe = Client(HTTP_ACCEPT_LANGUAGE="fr")
    zoe.post(sign_up(zoe, username="zoe", email="zoe@example.org"))  # type: ignore[operator]
    assert zoe.get(f"/account/reratings/{RUN}/").status_code == 404
    assert zoe.post(f"/calls/{call.cdr_id}/question/", {"key": "a", "text": "Mine?"}).status_code == 404
    assert claire.get("/account/reratings/rer_%2525/").status_code == 404
    assert cases.cases(account=call.account) == ()
