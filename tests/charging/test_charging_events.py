"""One-off services on the wallet of the calls: once, or held and taken, each remembered."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from charging_rig import AT, TERMS, Books, StepClock, call, ended, open_account, open_engine, reading

from cadran.charging import queries, usage
from cadran.charging.adapters.client import SocketCharging
from cadran.charging.engine import Engine
from cadran.charging.ports import Charged, ChargeEvent, ChargingRefused, CorrectCharge, Corrected
from cadran.policy.rules import Decision

ALLOWED = Decision(
    allowed=True,
    clause="IPP-9.2-cut-at-zero",
    terms=TERMS,
    code="sms-charged",
    fr="Un SMS à 0,05 EUR la partie.",
    en="An SMS at EUR 0.05 a part.",
    inputs={"parts": 2},
)
LATER = ChargeEvent(key="", account="acc1", step="take", at=AT)


def sms(key: str, micros: int = 100_000, step: str = "once", **changes: object) -> ChargeEvent:
    fields: dict[str, object] = {
        "key": key,
        "account": "acc1",
        "step": step,
        "at": AT,
        "service": "sms",
        "terms": TERMS,
        "amount_micros": micros,
        "currency": "EUR",
        "units": 2,
        "destination": "33612345678",
        "decision": ALLOWED,
    }
    return ChargeEvent(**{**fields, **changes})  # type: ignore[arg-type]


def then(key: str, step: str, micros: int | None = None, **changes: object) -> ChargeEvent:
    return replace(LATER, key=key, step=step, amount_micros=micros, **changes)  # type: ignore[arg-type]


def reason(charging: Engine | SocketCharging, request: ChargeEvent) -> str:
    with pytest.raises(ChargingRefused) as caught:
        charging.charge_event(request)
    return str(caught.value.details["reason"])


def test_an_event_is_charged_once_however_often_it_is_asked(client: SocketCharging, books: Books) -> None:
    open_account(client, 250_000)
    first = client.charge_event(sms("e1"))
    assert (first.state, first.amount_micros, first.currency, first.decision) == ("taken", 100_000, "EUR", ALLOWED)
    assert client.charge_event(sms("e1", at=AT + timedelta(hours=1))) == first
    assert books.balance() == (150_000, 0)
    assert books.one("SELECT sum(amount_micros) FROM ledger_posting WHERE account_name = 'revenue/sms/EUR'") == 100_000
    books.check()


def test_credit_pays_to_the_last_micro_and_a_refusal_is_remembered_after_a_top_up(
    client: SocketCharging, books: Books
) -> None:
    open_account(client, 100_000)
    refused = client.charge_event(sms("dear", 100_001))
    assert (refused.state, refused.amount_micros, refused.decision.code) == ("refused", 0, "event-no-credit")
    assert refused.decision.clause == "IPP-9.2-cut-at-zero"
    assert refused.decision.inputs["free_micros"] == 100_000
    assert client.charge_event(sms("exact", 100_000)).state == "taken"
    open_account(client, 500_000, key="pay2")
    assert client.charge_event(sms("dear", 100_001)) == refused
    assert client.charge_event(sms("dear2", 500_001, "hold")).state == "refused"
    assert reason(client, then("dear2", "take")) == "event-refused"
    assert books.balance() == (500_000, 0)
    assert books.rows("SELECT disposition, charge_micros FROM charging_cdr ORDER BY position") == [
        ("refused", 0),
        ("delivered", 100_000),
        ("refused", 0),
    ]
    books.check()


def test_a_call_an_sms_and_an_airtime_order_share_one_wallet_and_never_more_than_it_has(
    client: SocketCharging, books: Books
) -> None:
    open_account(client, 1_000_000)
    assert client.authorise(call("c1")).decision.allowed
    held = books.balance()[1]
    order = client.charge_event(sms("order", 1_000_000 - held, "hold", service="airtime", units=1))
    assert (order.state, books.balance()) == ("held", (1_000_000, 1_000_000))
    assert client.charge_event(sms("e1", 1)).state == "refused"
    assert client.charge_event(then("order", "take", 400_000)).amount_micros == 400_000
    assert client.charge_event(sms("e2", 1)).state == "taken"
    settled = client.settle(ended("c1", 5))
    assert books.balance() == (1_000_000 - 400_000 - 1 - settled.charge_micros, 0)
    books.check()


def test_what_is_held_is_taken_in_part_and_each_step_answers_the_same_again(
    client: SocketCharging, books: Books
) -> None:
    open_account(client, 500_000)
    held = client.charge_event(sms("e1", 300_000, "hold"))
    assert held == client.charge_event(sms("e1", 300_000, "hold"))
    assert (held.state, held.amount_micros, held.cdr_id, books.balance()) == ("held", 300_000, "", (500_000, 300_000))
    assert reason(client, then("e1", "take", 300_001)) == "event-exceeds-hold"
    taken = client.charge_event(then("e1", "take", 299_999))
    assert (taken.state, taken.amount_micros, books.balance()) == ("taken", 299_999, (200_001, 0))
    for again in (then("e1", "take", 299_999), then("e1", "take")):
        assert client.charge_event(again) == taken
    assert client.charge_event(sms("e1", 300_000, "hold")) == held
    assert reason(client, then("e1", "take", 1)) == "event-taken"
    assert reason(client, then("e1", "release")) == "event-taken"
    books.check()


def test_a_release_gives_all_back_and_stays_one(client: SocketCharging, books: Books) -> None:
    open_account(client, 500_000)
    client.charge_event(sms("e1", 300_000, "hold"))
    released = client.charge_event(then("e1", "release"))
    assert (released.state, released.amount_micros, books.balance()) == ("released", 0, (500_000, 0))
    assert client.charge_event(then("e1", "release")) == released
    assert reason(client, then("e1", "take")) == "event-released"
    assert books.rows("SELECT disposition, charge_micros FROM charging_cdr") == [("cancelled", 0)]
    books.check()


def test_an_event_that_costs_nothing_is_on_record_and_moves_nothing(client: SocketCharging, books: Books) -> None:
    open_account(client)
    assert client.charge_event(sms("free", 0)).state == "taken"
    client.charge_event(sms("free2", 0, "hold"))
    assert client.charge_event(then("free2", "release")).state == "released"
    assert books.one("SELECT count(*) FROM ledger_transfer") == 0
    assert books.one("SELECT count(*) FROM charging_cdr") == 2


@pytest.mark.parametrize(
    ("wanted", "changes"),
    [
        ("account-unknown", {"account": "stranger"}),
        ("currency-differs", {"currency": "USD"}),
        ("terms-unknown", {"terms": "ippi/none", "decision": replace(ALLOWED, terms="ippi/none")}),
        ("invalid", {"terms": "ippi/none"}),
        ("invalid", {"decision": None}),
        ("invalid", {"decision": replace(ALLOWED, allowed=False)}),
        ("invalid", {"amount_micros": -1}),
        ("invalid", {"amount_micros": None}),
        ("invalid", {"amount_micros": 10**12 + 1}),
        ("invalid", {"step": "undo"}),
        ("invalid", {"service": "SMS/../x"}),
        ("invalid", {"service": "calls"}),
        ("invalid", {"key": "k" * 95}),
        ("invalid", {"key": "a b"}),
        ("invalid", {"units": -1}),
        ("invalid", {"hold_s": 7 * 86_400 + 1}),
        ("invalid", {"destination": "x" * 257}),
    ],
)
def test_what_cannot_be_charged_says_why_and_changes_nothing(
    client: SocketCharging, books: Books, wanted: str, changes: dict[str, object]
) -> None:
    open_account(client, 500_000)
    assert reason(client, replace(sms("e1"), **changes)) == wanted  # type: ignore[arg-type]
    assert books.balance() == (500_000, 0)
    assert not books.rows("SELECT * FROM charging_session")


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_micros": 100_001},
        {"destination": "33612345679"},
        {"service": "airtime"},
        {"step": "hold"},
        {"account": "acc2"},
        {"units": 3},
    ],
)
def test_a_key_names_one_event_alone(client: SocketCharging, books: Books, changes: dict[str, object]) -> None:
    open_account(client, 500_000)
    open_account(client, 500_000, "acc2", "pay2")
    client.charge_event(sms("e1"))
    assert reason(client, sms("e1", **changes)) == "key-reused"
    assert reason(client, then("e1", "take", account="acc2")) == "key-reused"
    assert reason(client, then("e1", "take")) == "key-reused"  # it was charged at once: there is nothing to take
    assert reason(client, then("never", "take")) == "event-unknown"
    assert books.balance() == (400_000, 0)


def test_calls_and_events_do_not_answer_for_each_other(client: SocketCharging, books: Books) -> None:
    open_account(client, 500_000)
    client.charge_event(sms("e1", step="hold"))
    for ask in (
        lambda: client.authorise(call("event/e1")),
        lambda: client.settle(ended("event/e1", 5)),
        lambda: client.extend(session="event/e1", seq=1, used_s=1, at=AT),
    ):
        with pytest.raises(ChargingRefused) as caught:
            ask()
        assert caught.value.details["reason"] in ("key-reused", "session-unknown")
    assert client.heartbeat(used_s={"event/e1": 50}) == ()
    assert client.charge_event(then("e1", "take")).amount_micros == 100_000
    client.authorise(call("event/c1"))
    assert reason(client, sms("c1")) == "key-reused"
    client.settle(ended("event/c1", 5))
    books.check()


def test_what_is_held_and_forgotten_comes_back_when_its_lease_is_over(file: Path) -> None:
    clock = StepClock()
    engine = open_engine(file, clock)
    open_account(engine, 500_000)
    engine.charge_event(sms("short", 100_000, "hold"))
    engine.charge_event(sms("long", 200_000, "hold", hold_s=3600))
    books = Books(file)
    clock.at_s += 59.9
    assert engine.expire_leases(at=AT) == 0
    clock.at_s += 0.2
    assert engine.expire_leases(at=AT) == 1
    assert books.balance() == (500_000, 200_000)
    engine.close()
    engine = open_engine(file, clock)  # a restart gives each hold its whole time again
    clock.at_s += 3599
    assert engine.expire_leases(at=AT) == 0
    assert reason(engine, then("short", "take")) == "event-released"
    clock.at_s += 2
    assert engine.expire_leases(at=AT) == 1
    assert books.balance() == (500_000, 0)
    books.check()
    engine.close()


def test_the_customer_sees_the_event_and_is_told_why(engine: Engine, books: Books, django_db_blocker: object) -> None:
    open_account(engine, 500_000)
    done: Charged = engine.charge_event(sms("e1"))
    engine.charge_event(sms("e2", step="hold"))
    with django_db_blocker.unblock(), reading(books.path):  # type: ignore[attr-defined]
        (seen,) = usage.page(account="acc1", wanted=usage.Wanted(outcome="paid")).calls
        assert (seen.record.service, seen.record.units, seen.micros) == ("sms", 2, 100_000)
        assert usage.live(account="acc1", measured_ms={}) == ()
        told = queries.explanation(done.cdr_id)
        text = "\n".join(told.lines("en"))
    assert f"Service {done.cdr_id}: SMS to 33612345678, 2 units" in text
    assert "An SMS at EUR 0.05 a part." in text
    assert "Charge: 0.10 EUR" in text
    assert "revenue/sms/EUR +0.10" in text
    assert "Time measured" not in text
    assert told.as_dict()["service"] == "sms"


def test_a_switch_that_cannot_ask_again_is_granted_what_it_wants_as_far_as_the_credit_goes(
    client: SocketCharging, books: Books
) -> None:
    open_account(client, 120_000)  # 600 seconds at 200 micros
    short = client.authorise(call("c1", wanted_s=100))
    assert (short.granted_s, short.final, books.balance()) == (100, False, (120_000, 20_000))
    rest = client.authorise(call("c2", wanted_s=3600))
    assert (rest.granted_s, rest.final, books.balance()) == (500, True, (120_000, 120_000))
    assert client.authorise(call("c2", wanted_s=3600)) == rest
    assert client.authorise(call("c3", wanted_s=3600)).decision.code == "call-no-credit"
    assert client.settle(ended("c2", 500)).charge_micros == 100_000
    assert client.settle(ended("c1", 3)).charge_micros == 600
    books.check()


def test_a_wish_never_goes_beyond_the_longest_call(client: SocketCharging, books: Books) -> None:
    open_account(client, 10_000_000)
    grant = client.authorise(call("c1", wanted_s=86_400))
    assert (grant.granted_s, grant.limit_s, grant.final) == (3600, 3600, True)


def test_a_call_may_ask_for_a_longer_lease(file: Path) -> None:
    clock = StepClock()
    engine = open_engine(file, clock)
    open_account(engine, 500_000)
    engine.authorise(call("c1", wanted_s=600, lease_s=700))
    engine.authorise(call("c2"))
    for step_s, over in ((181, 1), (518, 0), (2, 1)):
        clock.at_s += step_s
        assert engine.expire_leases(at=AT) == over
    assert Books(file).balance() == (500_000, 0)
    engine.close()


def test_what_an_event_cost_is_corrected_out_of_its_own_income(client: SocketCharging, books: Books) -> None:
    open_account(client, 500_000)
    done = client.charge_event(sms("e1"))

    def corrected(key: str, micros: int) -> Corrected:
        return client.correct(
            CorrectCharge(
                key=key, account="acc1", cdr_id=done.cdr_id, charge_micros=micros, reason="One part only.", at=AT
            )
        )

    income = "SELECT sum(amount_micros) FROM ledger_posting WHERE account_name = 'revenue/sms/EUR'"
    assert corrected("k1", 60_000).returned_micros == 40_000
    assert books.one(income) == 60_000
    assert corrected("k2", 70_000).owed_micros == 0
    assert books.one(income) == 70_000
    assert books.balance() == (430_000, 0)
    assert not books.rows("SELECT * FROM ledger_posting WHERE account_name LIKE 'revenue/calls/%'")
