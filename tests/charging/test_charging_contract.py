"""What every implementation of the Charging port does, run against the engine and through the socket alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from charging_rig import (
    AT,
    FREE_PRICE,
    ITALY,
    LANDLINE,
    MOBILE,
    STEPPED,
    TERMS,
    Books,
    call,
    ended,
    open_account,
    unanswered,
)

from cadran.charging.engine import Engine
from cadran.charging.ports import BuyCredit, Charging, ChargingRefused, Grant
from cadran.policy import queries as policy
from cadran.policy.terms import TermsValue


def extend_to(charging: Charging, session: str, seconds: int) -> Grant:
    """Ask for more until the grant reaches that many seconds or is final."""
    for seq in range(1, 400):
        grant = charging.extend(session=session, seq=seq, used_s=0, at=AT)
        if grant.final or grant.granted_s is None or grant.granted_s >= seconds:
            return grant
    raise AssertionError("no end of extensions")


@pytest.mark.clause("IPP-10.1-per-second")
@pytest.mark.parametrize(
    ("measured_ms", "seconds", "micros"),
    [
        (0, 1, 200),  # answered and hung up at once: at least one second
        (1, 1, 200),
        (1_000, 1, 200),
        (1_001, 2, 400),
        (59_000, 59, 11_800),
        (59_001, 60, 12_000),
        (60_000, 60, 12_000),
        (60_001, 61, 12_200),
        (61_000, 61, 12_200),
    ],
)
def test_a_landline_call_is_charged_by_the_second_from_the_first(
    charging: Charging, books: Books, measured_ms: int, seconds: int, micros: int
) -> None:
    open_account(charging, 1_000_000)
    charging.authorise(call("s1"))
    extend_to(charging, "s1", 100)
    settled = charging.settle(ended("s1", measured_ms / 1000))
    assert (settled.charged_s, settled.charge_micros, settled.currency, settled.cut) == (seconds, micros, "EUR", False)
    assert books.balance() == (1_000_000 - micros, 0)
    books.check()


@pytest.mark.parametrize(
    ("seconds", "micros"), [(1, 110_000), (59, 110_000), (60, 110_000), (61, 170_000), (120, 170_000), (121, 230_000)]
)
def test_a_deck_line_with_steps_and_a_fee_is_charged_as_it_says(
    charging: Charging, books: Books, seconds: int, micros: int
) -> None:
    open_account(charging, 1_000_000)
    assert charging.authorise(call("s1", destination=STEPPED)).granted_s == 60
    extend_to(charging, "s1", 180)
    assert charging.settle(ended("s1", seconds)).charge_micros == micros
    books.check()


@pytest.mark.parametrize(("seconds", "micros"), [(1, 1_667), (2, 3_333), (3, 5_000), (61, 101_667)])
def test_one_rounding_half_up_over_the_whole_call(charging: Charging, seconds: int, micros: int) -> None:
    open_account(charging, 1_000_000)
    charging.authorise(call("s1", destination=MOBILE, number_class="mobile"))
    extend_to(charging, "s1", 100)
    assert charging.settle(ended("s1", seconds)).charge_micros == micros


def test_a_call_that_was_not_answered_costs_nothing(charging: Charging, books: Books) -> None:
    open_account(charging, 1_000_000)
    charging.authorise(call("s1"))
    assert books.balance() == (1_000_000, 2_000)
    settled = charging.settle(unanswered("s1"))
    assert (settled.charged_s, settled.charge_micros) == (0, 0)
    assert books.balance() == (1_000_000, 0)
    assert books.rows("SELECT kind FROM ledger_transfer WHERE reservation = 's1'") == [("pending",), ("void",)]


@pytest.mark.clause("IPP-9.2-cut-at-zero")
def test_the_first_grant_is_ten_seconds_held_whole(charging: Charging, books: Books) -> None:
    open_account(charging, 1_000_000)
    grant = charging.authorise(call("s1"))
    assert grant.decision.allowed
    assert (grant.granted_s, grant.limit_s, grant.limit_clause, grant.final) == (10, 3600, "IPP-5.5-one-hour", False)
    assert books.balance() == (1_000_000, 2_000)


@pytest.mark.clause("IPP-9.2-cut-at-zero")
@pytest.mark.parametrize(("micros", "allowed"), [(1_999, False), (2_000, True)])
def test_the_first_grant_must_be_covered_to_the_last_micro(
    charging: Charging, books: Books, micros: int, allowed: bool
) -> None:
    open_account(charging, micros)
    grant = charging.authorise(call("s1"))
    assert grant.decision.allowed is allowed
    if not allowed:
        assert (grant.decision.clause, grant.decision.code) == ("IPP-9.2-cut-at-zero", "call-no-credit")
        assert (grant.decision.inputs["needed_micros"], grant.decision.inputs["free_micros"]) == (2_000, 1_999)
    assert books.balance() == (micros, 2_000 if allowed else 0)


@pytest.mark.clause("IPP-9.2-cut-at-zero")
def test_thirty_calls_on_one_euro_are_as_many_as_it_pays_first_grants(charging: Charging, books: Books) -> None:
    # 60/60 with a fee: a first grant is 110,000 micros, so one euro pays nine and not ten
    open_account(charging, 1_000_000)
    grants = [charging.authorise(call(f"s{number}", destination=STEPPED)) for number in range(30)]
    assert [grant.decision.allowed for grant in grants] == [True] * 9 + [False] * 21
    assert books.balance() == (1_000_000, 990_000)
    books.check()


@pytest.mark.clause("IPP-9.2-cut-at-zero")
def test_extensions_go_on_to_the_last_micro_and_then_say_so(charging: Charging, books: Books) -> None:
    open_account(charging, 10_199)  # 50 seconds are 10,000 micros; the 51st would make 10,200
    assert charging.authorise(call("s1")).granted_s == 10
    first = charging.extend(session="s1", seq=1, used_s=5, at=AT)
    assert (first.granted_s, first.final) == (40, False)
    last = charging.extend(session="s1", seq=2, used_s=35, at=AT)
    assert (last.granted_s, last.final) == (50, True)
    assert books.balance() == (10_199, 10_000)
    settled = charging.settle(ended("s1", 50.4, ended_by="credit"))
    assert (settled.charged_s, settled.charge_micros, settled.cut) == (50, 10_000, True)
    assert books.balance() == (199, 0)
    (loss,) = books.rows("SELECT loss_s, loss_micros FROM charging_cdr")
    assert loss == (1, 200)


@pytest.mark.clause("IPP-9.2-cut-at-zero")
def test_a_purchase_during_the_call_lets_it_go_on(charging: Charging) -> None:
    open_account(charging, 2_000)
    charging.authorise(call("s1"))
    assert charging.extend(session="s1", seq=1, used_s=5, at=AT).final
    open_account(charging, 1_000_000, key="pay2")
    again = charging.extend(session="s1", seq=2, used_s=8, at=AT)
    assert (again.granted_s, again.final) == (40, False)


@pytest.mark.clause("IPP-5.5-one-hour")
@pytest.mark.parametrize(("number_class", "destination"), [("geographic", LANDLINE), ("mobile", MOBILE)])
def test_a_call_to_a_landline_or_mobile_is_never_granted_more_than_an_hour(
    charging: Charging, number_class: str, destination: str
) -> None:
    open_account(charging, 100_000_000)
    grant = charging.authorise(call("s1", number_class=number_class, destination=destination))
    assert (grant.limit_s, grant.limit_clause) == (3600, "IPP-5.5-one-hour")
    last = extend_to(charging, "s1", 10_000)
    assert (last.granted_s, last.final) == (3600, True)
    settled = charging.settle(ended("s1", 3600.2, ended_by="limit"))
    assert (settled.charged_s, settled.cut) == (3600, True)


@pytest.mark.clause("IPP-9.6-120-minutes")
def test_two_hours_where_the_customer_chose_so(charging: Charging) -> None:
    open_account(charging, 100_000_000)
    grant = charging.authorise(call("s1", raised_duration=True))
    assert (grant.limit_s, grant.limit_clause) == (7200, "IPP-9.6-120-minutes")


@pytest.mark.clause("IPP-10.1-free-on-net", "IPP-9.1-free")
@pytest.mark.parametrize(
    ("number_class", "destination"),
    [("on_net", "33970000001"), ("open_sip", "sip:bob@example.org"), ("inum", "883510000000091")],
)
def test_calls_on_the_network_are_free_and_not_cut_even_without_credit(
    charging: Charging, books: Books, number_class: str, destination: str
) -> None:
    open_account(charging)
    grant = charging.authorise(call("s1", number_class=number_class, destination=destination))
    assert grant.decision.allowed
    assert (grant.granted_s, grant.limit_s, grant.final) == (None, None, False)
    assert grant.decision.clause == "IPP-9.1-free"
    assert charging.extend(session="s1", seq=1, used_s=4_000, at=AT).granted_s is None
    settled = charging.settle(ended("s1", 7_201))
    assert (settled.charged_s, settled.charge_micros, settled.cut) == (7_201, 0, False)
    assert books.balance() == (0, 0)
    open_account(charging, 1_000_000)
    paid_up = charging.authorise(call("s2", number_class=number_class, destination=destination))
    assert paid_up.decision.clause == "IPP-10.1-free-on-net"
    assert books.balance() == (1_000_000, 0)


@pytest.mark.clause("IPP-0-restrictions", "LAW-emergency")
@pytest.mark.parametrize(
    ("number_class", "destination"), [("emergency", "112"), ("satellite", "881612345678"), ("special", "3639")]
)
def test_what_is_not_routed_is_refused_and_the_attempt_logged(
    charging: Charging, books: Books, number_class: str, destination: str
) -> None:
    open_account(charging, 1_000_000)
    grant = charging.authorise(call("s1", number_class=number_class, destination=destination))
    assert not grant.decision.allowed
    assert grant.decision.clause == "IPP-0-restrictions"
    assert charging.authorise(call("s1", number_class=number_class, destination=destination)) == grant
    rows = books.rows("SELECT disposition, destination, clause, terms, charge_micros FROM charging_cdr")
    assert rows == [("refused", destination, "IPP-0-restrictions", TERMS, 0)]
    assert books.balance() == (1_000_000, 0)


@pytest.mark.parametrize("destination", ["999000000", "12025550100"])
def test_a_destination_without_a_price_in_the_wallets_currency_is_refused(charging: Charging, destination: str) -> None:
    open_account(charging, 1_000_000)
    grant = charging.authorise(call("s1", destination=destination))
    assert (grant.decision.allowed, grant.decision.code) == (False, "call-no-price")


def test_a_published_price_of_nothing_costs_nothing_and_is_limited_like_others(
    charging: Charging, books: Books
) -> None:
    open_account(charging)
    grant = charging.authorise(call("s1", destination=FREE_PRICE))
    assert grant.decision.allowed
    assert grant.limit_s == 3600
    assert charging.extend(session="s1", seq=1, used_s=1, at=AT).granted_s == 40
    assert charging.settle(ended("s1", 30)).charge_micros == 0
    books.check()


def test_a_call_received_is_free(charging: Charging) -> None:
    open_account(charging)
    grant = charging.authorise(call("s1", direction="inbound"))
    assert (grant.decision.allowed, grant.decision.code, grant.granted_s) == (True, "call-inbound", None)
    assert charging.settle(ended("s1", 100)).charge_micros == 0


def test_a_refusal_is_remembered_even_after_credit_came(charging: Charging) -> None:
    open_account(charging)
    refused = charging.authorise(call("s1"))
    open_account(charging, 1_000_000)
    assert charging.authorise(call("s1")) == refused
    assert charging.authorise(call("s2")).decision.allowed


def test_every_request_is_answered_alike_when_repeated_and_moves_no_money_twice(
    charging: Charging, books: Books
) -> None:
    open_account(charging, 1_000_000)
    open_account(charging, 1_000_000)
    grant = charging.authorise(call("s1"))
    assert charging.authorise(call("s1", at=AT + timedelta(seconds=2))) == grant
    first = charging.extend(session="s1", seq=1, used_s=5, at=AT)
    second = charging.extend(session="s1", seq=2, used_s=9, at=AT)
    assert charging.extend(session="s1", seq=1, used_s=5, at=AT) == first
    assert charging.extend(session="s1", seq=2, used_s=9, at=AT) == second
    assert charging.authorise(call("s1")) == grant
    assert books.balance() == (1_000_000, 14_000)
    settled = charging.settle(ended("s1", 61))
    assert charging.settle(ended("s1", 3_000)) == settled
    assert charging.extend(session="s1", seq=2, used_s=9, at=AT) == second
    assert charging.authorise(call("s1")) == grant
    assert books.balance() == (1_000_000 - 12_200, 0)
    assert books.one("SELECT count(*) FROM charging_cdr") == 1
    books.check()


def test_a_repeated_purchase_is_answered_alike(charging: Charging, books: Books) -> None:
    open_account(charging)
    request = BuyCredit(key="pay1", account="acc1", terms=TERMS, amount_micros=10_000_000, currency="EUR", at=AT)
    bought = charging.buy_credit(request)
    assert bought.balance_micros == 10_000_000
    open_account(charging, 25_000_000, key="pay2")
    assert charging.buy_credit(request) == bought
    assert books.balance() == (35_000_000, 0)


@pytest.mark.parametrize(
    ("reason", "work"),
    [
        ("session-unknown", lambda charging: charging.extend(session="never", seq=1, used_s=0, at=AT)),
        ("session-unknown", lambda charging: charging.settle(ended("never", 1))),
        ("account-unknown", lambda charging: charging.authorise(call("s9", account="stranger"))),
        ("terms-unknown", lambda charging: charging.authorise(call("s9", terms="ippi/1999"))),
        ("terms-unknown", lambda charging: charging.authorise(call("s9", terms="nobody"))),
        ("key-reused", lambda charging: charging.authorise(call("s1", destination=MOBILE))),
        ("wallet-differs", lambda charging: charging.open_wallet(account="acc1", brand="ippi", currency="USD", at=AT)),
        ("seq-passed", lambda charging: charging.extend(session="s1", seq=1, used_s=0, at=AT)),
        ("session-settled", lambda charging: charging.extend(session="over", seq=1, used_s=0, at=AT)),
        ("currency-differs", lambda charging: buy(charging, currency="USD")),
        ("account-unknown", lambda charging: buy(charging, account="stranger")),
        ("key-reused", lambda charging: buy(charging, key="pay1", amount_micros=7)),
    ],
)
def test_what_cannot_be_carried_out_names_its_reason_and_changes_nothing(
    charging: Charging, books: Books, reason: str, work: object
) -> None:
    open_account(charging, 1_000_000)
    charging.authorise(call("s1"))
    charging.extend(session="s1", seq=2, used_s=0, at=AT)
    charging.authorise(call("over"))
    charging.settle(unanswered("over"))
    before = books.balance()
    assert callable(work)
    with pytest.raises(ChargingRefused) as refused:
        work(charging)
    assert refused.value.details["reason"] == reason
    assert books.balance() == before
    books.check()


def buy(charging: Charging, **changes: object) -> None:
    fields: dict[str, object] = {
        "key": "p9",
        "account": "acc1",
        "terms": TERMS,
        "amount_micros": 5,
        "currency": "EUR",
        "at": AT,
    }
    charging.buy_credit(BuyCredit(**{**fields, **changes}))  # type: ignore[arg-type]


def test_a_heartbeat_tells_which_sessions_are_no_longer_open(charging: Charging) -> None:
    open_account(charging, 1_000_000)
    charging.authorise(call("s1"))
    charging.authorise(call("s2"))
    charging.settle(unanswered("s2"))
    assert set(charging.heartbeat(used_s={"s1": 4, "s2": 4, "never": 1})) == {"s2", "never"}


@pytest.mark.clause("IPP-9.2-180-days")
def test_credit_bought_is_valid_180_days_and_expires_when_told(charging: Charging, books: Books) -> None:
    open_account(charging, 10_000_000)
    # 2 March + 180 days = 29 August, 24:00 in Paris (summer)
    end = AT.replace(month=8, day=29, hour=22)
    assert charging.expire_credit(at=end - timedelta(seconds=1)) == 0
    assert charging.authorise(call("last", at=end - timedelta(seconds=1))).decision.allowed
    assert not charging.authorise(call("late", at=end)).decision.allowed
    assert charging.expire_credit(at=end) == 1
    assert charging.expire_credit(at=end) == 0
    charging.settle(unanswered("last", at=end))
    assert books.balance() == (0, 0)
    books.check()


def test_decks_can_be_reloaded(charging: Charging) -> None:
    assert charging.reload_decks() == 0


@pytest.mark.clause("LAW-emergency", "IPP-0-restrictions")
@pytest.mark.parametrize(("country", "allowed"), [("FR", True), ("BE", False), ("", False)])
def test_emergency_calls_are_routed_free_where_the_brand_switched_them_on(
    engine: Engine, books: Books, country: str, allowed: bool
) -> None:
    terms = policy.terms(TERMS)
    old = terms.value("emergency.routed_countries")
    switched = TermsValue(old.name, ("FR",), old.unit, old.clause, old.source)
    engine.calls.contracts.known[TERMS] = replace(terms, values={**terms.values, old.name: switched})  # type: ignore[attr-defined]
    open_account(engine)
    grant = engine.authorise(call("s1", number_class="emergency", destination="112", country=country))
    assert grant.decision.allowed is allowed
    assert (grant.granted_s, grant.limit_s) == (None, None)
    if allowed:
        assert engine.settle(ended("s1", 4_000)).charge_micros == 0
    books.check()


@pytest.mark.parametrize(("seconds", "micros"), [(30, 30_000), (60, 45_000), (61, 55_000), (75, 195_000)])
def test_a_call_in_progress_passes_through_groups_and_bands(charging: Charging, seconds: int, micros: int) -> None:
    open_account(charging, 1_000_000)
    charging.authorise(call("s1", destination=ITALY))
    extend_to(charging, "s1", seconds)
    settled = charging.settle(ended("s1", seconds))
    assert (settled.charge_micros, settled.cut) == (micros, False)


def test_a_call_is_cut_when_it_has_cost_its_maximum(charging: Charging) -> None:
    open_account(charging, 1_000_000)
    first = charging.authorise(call("s1", destination=ITALY))
    assert (first.limit_s, first.limit_clause) == (75, "IPP-10.1-per-second")
    assert extend_to(charging, "s1", 1_000).granted_s == 75
    settled = charging.settle(ended("s1", 76, ended_by="limit"))
    assert (settled.charged_s, settled.charge_micros, settled.cut) == (75, 195_000, True)


def test_a_call_beyond_its_credit_is_cut_where_the_dearer_band_begins(charging: Charging) -> None:
    open_account(charging, 64_999)
    charging.authorise(call("s1", destination=ITALY))
    last = extend_to(charging, "s1", 1_000)
    assert (last.granted_s, last.final) == (61, True)
