"""What calls by access number, callback and mobility cost, reckoned by hand, and under which clause."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from access_rig import (
    ACCESS,
    CALEDONIA,
    FRANCE,
    RATES,
    REUNION,
    TERMS,
    UK,
    access,
    contracts,
    cost,
    deck,
    fund,
    kept,
    opened,
)
from charging_rig import AT, Books, ended

from cadran.catalog.rules import RateGroup, Tariff, TimeBand
from cadran.charging import basis
from cadran.charging.engine import Engine
from cadran.charging.ports import ChargingRefused, CorrectCharge, SettleCall
from cadran.policy import queries as policy
from cadran.policy.terms import Terms, TermsValue
from cadran.rating import decks


@pytest.fixture
def engine(file: Path) -> Iterator[Engine]:
    engine = opened(file)
    fund(engine, 10_000_000)
    yield engine
    engine.close()


@pytest.mark.clause("KRY-4.4.1-per-minute")
@pytest.mark.parametrize(
    ("seconds", "micros"),
    [
        (0.5, 60_000),
        (1, 60_000),
        (59, 60_000),
        (60, 60_000),
        (60.001, 120_000),
        (61, 120_000),
        (120, 120_000),
        (121, 180_000),
    ],
)
def test_a_minute_begun_is_a_minute_paid_without_fee_whatever_the_line_says(
    engine: Engine, seconds: float, micros: int
) -> None:
    assert cost(engine, "s1", seconds) == micros
    record = kept(engine, "s1")
    assert (record.clause, record.family, record.via) == ("KRY-4.4.1-per-minute", "fam1", "access-number")
    assert record.decision["inputs"]["increments"] == "60/60"  # type: ignore[index]
    assert (record.rate.first_s, record.rate.next_s, record.rate.connection_micros) == (60, 60, 0)
    assert "minute entamée" in str(record.decision["fr"])


@pytest.mark.clause("LAW-per-second")
@pytest.mark.parametrize(
    ("seconds", "micros"), [(0.5, 1_500), (1, 1_500), (59, 88_500), (60, 90_000), (61, 91_500), (60.2, 91_500)]
)
def test_a_consumer_pays_national_calls_by_the_second_from_the_first(
    engine: Engine, seconds: float, micros: int
) -> None:
    assert cost(engine, "s1", seconds, FRANCE) == micros
    record = kept(engine, "s1")
    assert record.clause == "LAW-per-second"
    assert record.decision["inputs"]["law"] == "law/2016-07-01:billing.national_per_second"  # type: ignore[index]
    assert (record.rate.first_s, record.rate.next_s) == (1, 1)


@pytest.mark.clause("LAW-per-second", "KRY-4.4.1-per-minute")
@pytest.mark.parametrize("changes", [{"consumer": False}, {"by_minute": True}, {"consumer": False, "by_minute": True}])
@pytest.mark.parametrize(("seconds", "micros"), [(59, 90_000), (60, 90_000), (61, 180_000)])
def test_a_company_and_who_asked_for_it_pay_the_minute(
    engine: Engine, changes: dict[str, object], seconds: int, micros: int
) -> None:
    assert cost(engine, "s1", seconds, FRANCE, **changes) == micros
    record = kept(engine, "s1")
    assert record.clause == "KRY-4.4.1-per-minute"
    assert ("demandé" in str(record.decision["fr"])) == changes.get("consumer", True)


@pytest.mark.clause("LAW-per-second")
def test_overseas_territories_are_national_and_a_neighbour_is_not(engine: Engine) -> None:
    assert cost(engine, "s1", 61, REUNION) == 122_000
    assert cost(engine, "s2", 61, CALEDONIA) == 305_000
    assert cost(engine, "s3", 61, UK) == 120_000


@pytest.mark.clause("LAW-per-second")
def test_before_the_law_held_and_for_a_surcharged_number_the_contract_counts(file: Path) -> None:
    terms = policy.terms(TERMS)
    asked = access("s1", FRANCE)
    find, nothing = deck().find, lambda name, at: None
    found = basis.of_call(asked, terms, currency="EUR", find=find, law=nothing)
    assert found.rate is not None
    assert found.rate.first_s == 60
    laws = contracts().law
    special = replace(
        terms,
        values={
            **terms.values,
            "calls.refused_classes": replace(terms.value("calls.refused_classes"), content=()),
            "calls.offered_classes": replace(terms.value("calls.offered_classes"), content=("special", "mobile")),
        },
    )
    surcharged = basis.of_call(replace(asked, number_class="special"), special, currency="EUR", find=find, law=laws)
    assert surcharged.rate is not None
    assert surcharged.rate.first_s == 60
    ordinary = basis.of_call(asked, special, currency="EUR", find=find, law=laws)
    assert ordinary.rate is not None
    assert ordinary.rate.first_s == 1


@pytest.mark.clause("LAW-per-second")
def test_from_a_phone_of_ours_the_law_counts_too_and_the_line_else(engine: Engine) -> None:
    assert cost(engine, "s1", 31, FRANCE, via="", family="") == 46_500
    assert cost(engine, "s2", 31, FRANCE, via="", family="", consumer=False) == 54_000  # 30/6 of the line: 36 s
    assert (
        cost(engine, "s3", 1, UK, via="", family="") == 90_000
    )  # by the second, with the fee and the least of the line
    assert kept(engine, "s2").decision["inputs"].get("increments") is None


@pytest.mark.clause("KRY-4.4.1-per-minute", "KRY-3.1-call-credit")
def test_credit_of_exactly_one_increment_pays_for_it_and_one_micro_less_for_nothing(file: Path, books: Books) -> None:
    engine = opened(file)
    fund(engine, 60_000)
    fund(engine, 59_999, account="acc2")
    refused = engine.authorise(access("s0", account="acc2"))
    assert (refused.decision.code, refused.decision.clause) == ("call-no-credit", "KRY-3.1-call-credit")
    grant = engine.authorise(access("s1"))
    assert (grant.granted_s, grant.decision.allowed) == (60, True)
    assert engine.authorise(access("s2")).decision.code == "call-no-credit"  # two at once on one account
    more = engine.extend(session="s1", seq=1, used_s=30, at=AT)
    assert (more.granted_s, more.final) == (60, True)
    settled = engine.settle(ended("s1", 60))
    assert (settled.charge_micros, books.balance()) == (60_000, (0, 0))
    books.check()
    engine.close()


@pytest.mark.clause("LAW-per-second")
def test_credit_that_runs_out_by_the_second(file: Path, books: Books) -> None:
    engine = opened(file)
    fund(engine, 15_000)  # ten seconds, which is the least grant
    grant = engine.authorise(access("s1", FRANCE))
    assert grant.granted_s == 10
    assert engine.settle(ended("s1", 10.9, ended_by="credit")).charge_micros == 15_000
    fund(engine, 14_999, account="acc2")
    assert engine.authorise(access("s2", FRANCE, account="acc2")).decision.code == "call-no-credit"
    books.check()
    engine.close()


def test_two_calls_at_once_hold_no_more_than_the_credit(file: Path, books: Books) -> None:
    engine = opened(file)
    fund(engine, 150_000)
    assert engine.authorise(access("s1")).granted_s == 60
    assert engine.authorise(access("s2", family="fam2")).granted_s == 60
    assert engine.authorise(access("s3", family="fam3")).decision.code == "call-no-credit"
    assert engine.extend(session="s1", seq=1, used_s=50, at=AT).final
    assert engine.settle(ended("s1", 61)).charge_micros == 60_000
    assert engine.settle(ended("s2", 20)).charge_micros == 60_000
    assert books.balance() == (30_000, 0)
    books.check()
    engine.close()


@pytest.mark.clause("KRY-3.2.2-operator")
def test_the_whole_charge_is_the_operators_revenue(engine: Engine, books: Books) -> None:
    cost(engine, "s1", 61)
    rows = books.rows(
        "SELECT account_owner, account_name, sum(amount_micros) FROM ledger_posting WHERE transfer IN"
        " (SELECT transfer FROM ledger_transfer WHERE reservation = 's1') GROUP BY 1, 2 ORDER BY 1"
    )
    assert rows == [("acc1", "credit/pay-acc1", -120_000), ("house/kryptoow", "revenue/calls/EUR", 120_000)]
    assert not books.rows("SELECT 1 FROM ledger_account WHERE name LIKE '%commission%' OR name LIKE 'payable%'")
    books.check()


@pytest.mark.clause("KRY-3.2.2-operator")
def test_an_agent_would_owe_the_charge_to_its_principal(file: Path, books: Books) -> None:
    terms = policy.terms(TERMS)
    name = "order.operator_is_principal"
    agent = replace(terms, version="agent", values={**terms.values, name: replace(terms.value(name), content=False)})
    engine = opened(file, agent)
    fund(engine, 1_000_000)
    assert cost(engine, "s1", 61, terms="kryptoow/agent") == 120_000
    found = books.one("SELECT sum(amount_micros) FROM ledger_posting WHERE account_name = 'payable/operator/EUR'")
    assert found == 120_000
    assert books.one("SELECT sum(amount_micros) FROM ledger_posting WHERE account_name LIKE 'revenue/%'") == 0
    engine.close()


def closed(**lists: tuple[str, ...]) -> Terms:
    terms = policy.terms(TERMS)
    values = {
        f"calls.{name}": TermsValue(f"calls.{name}", content, "choice", "KRY-3.3-territories", "test:1")
        for name, content in lists.items()
    }
    return replace(terms, version="closed", values={**terms.values, **values})


@pytest.mark.clause("KRY-3.3-territories")
def test_a_closed_country_is_refused_and_the_refusal_says_so(file: Path) -> None:
    engine = opened(file, closed(closed_countries=("GB",)))
    fund(engine, 10_000_000)
    refused = engine.authorise(access("s1", terms="kryptoow/closed")).decision
    assert (refused.allowed, refused.code, refused.clause) == (False, "call-closed-country", "KRY-3.3-territories")
    assert refused.inputs["country"] == "GB"
    assert "fermé vers ce pays" in refused.fr
    assert "closed towards that country" in refused.en
    assert engine.authorise(access("s2", FRANCE, terms="kryptoow/closed")).decision.allowed
    assert engine.authorise(access("s3")).decision.allowed  # the terms in force close nothing
    engine.close()


@pytest.mark.clause("KRY-3.3-territories")
def test_a_closed_service_closes_that_way_of_calling_alone(file: Path) -> None:
    engine = opened(file, closed(closed_services=("GB:callback",)))
    fund(engine, 10_000_000)
    for via, allowed in (("callback", False), ("callback-leg", False), ("access-number", True)):
        decision = engine.authorise(access(f"s-{via}", terms="kryptoow/closed", via=via)).decision
        assert decision.allowed == allowed, via
        assert (decision.code == "call-closed-service") != allowed
    engine.close()


@pytest.mark.clause("KRY-3.3-territories")
def test_the_terms_in_force_are_open_to_every_country() -> None:
    terms = policy.terms(TERMS)
    for name in ("calls.closed_countries", "calls.closed_services", "account.closed_countries"):
        assert (terms.texts(name), terms.clause(name)) == ((), "KRY-3.3-territories")


def test_the_callers_own_leg_is_free_and_kept_in_the_family(file: Path, books: Books) -> None:
    engine = opened(file)
    fund(engine, 0)
    leg = access("leg", ACCESS, via="access-leg", direction="inbound", caller=FRANCE, number_class="geographic")
    grant = engine.authorise(leg)
    assert (grant.decision.allowed, grant.granted_s, grant.limit_s) == (True, None, None)
    engine.settle(ended("leg", 75.2))
    record = kept(engine, "leg")
    assert (record.charge_micros, record.charged_s, record.family, record.via) == (0, 76, "fam1", "access-leg")
    assert (record.clause, record.decision["code"]) == ("KRY-4.4.1-access-cost", "call-access-leg")
    assert books.one("SELECT count(*) FROM charging_cdr WHERE family = 'fam1' AND via = 'access-leg'") == 1
    engine.close()


def test_both_legs_of_a_callback_cost_their_own_destinations_price(file: Path, books: Books) -> None:
    engine = opened(file)
    fund(engine, 100_000_000)
    assert engine.authorise(access("mine", FRANCE, via="callback-leg")).granted_s == 10
    assert engine.authorise(access("theirs", UK, via="callback")).granted_s == 60
    for session in ("mine", "theirs"):
        engine.extend(session=session, seq=1, used_s=1, at=AT)
    assert engine.settle(ended("mine", 70)).charge_micros == 105_000
    assert engine.settle(ended("theirs", 61)).charge_micros == 120_000
    assert {kept(engine, one).clause for one in ("mine", "theirs")} == {"LAW-per-second", "KRY-4.4.1-per-minute"}
    books.check()
    engine.close()


@pytest.mark.clause("KRY-4.5.1-price-of-the-day", "KRY-4.4.1-per-minute")
def test_the_price_of_the_calls_start_holds_across_a_midnight_that_makes_it_dearer(file: Path) -> None:
    midnight = datetime(2026, 11, 30, 23, tzinfo=UTC)  # of Paris, in winter
    dearer = tuple(replace(rate, price_nanos=rate.price_nanos * 2) for rate in RATES)
    prices = decks.Deck(
        brand="kryptoow", generation=2, versions=(decks.dated(RATES, AT, 1), decks.dated(dearer, midnight, 2))
    )
    engine = opened(file, prices=prices)
    fund(engine, 10_000_000)
    before, after = midnight - timedelta(seconds=1), midnight
    for session, at, destination, micros in (
        ("s1", before, UK, 180_000),
        ("s2", after, UK, 360_000),
        ("s3", before, FRANCE, 193_500),
        ("s4", after, FRANCE, 387_000),
    ):
        assert engine.authorise(access(session, destination, at=at)).decision.allowed
        engine.extend(session=session, seq=1, used_s=1, at=at + timedelta(seconds=1))
        end = SettleCall(
            session=session, at=at + timedelta(seconds=131), answered_at=at + timedelta(seconds=2), measured_ms=129_000
        )
        assert engine.settle(end).charge_micros == micros, session
    engine.close()


def test_a_tariff_that_would_split_or_count_otherwise_is_counted_as_the_contract_says(file: Path) -> None:
    night = TimeBand(name="night", zone="UTC", price_nanos=30_000_000, windows=((541, 1440),))
    odd = replace(
        RATES[0],
        bands=(night,),
        tariff=Tariff(split=True, groups=(RateGroup(from_s=60, price_nanos=30_000_000, increment_s=1),)),
    )
    engine = opened(file, prices=deck(odd))
    fund(engine, 10_000_000)
    assert (
        cost(engine, "s1", 61) == 90_000
    )  # the first minute at 0.06, the second begun at 0.03; no band of a later hour
    engine.close()


@pytest.mark.clause("KRY-4.4.1-per-minute", "LAW-per-second")
def test_a_new_price_keeps_the_increments_of_the_call(file: Path) -> None:
    terms = policy.terms(TERMS)
    days = TermsValue("invoice.rerating_days", 90, "day", "KRY-4.5.1-dispute", "test:1")
    agreed = replace(terms, version="agreed", values={**terms.values, days.name: days})
    engine = opened(file, agreed)
    fund(engine, 10_000_000)
    cost(engine, "s1", 61, terms="kryptoow/agreed")
    cost(engine, "s2", 61, FRANCE, terms="kryptoow/agreed")
    for session, line, micros in (("s1", RATES[0], 60_000), ("s2", RATES[1], 45_750)):
        record = kept(engine, session)
        half = replace(line, price_nanos=line.price_nanos // 2)
        request = CorrectCharge(
            key=f"c-{session}",
            account="acc1",
            cdr_id=record.cdr_id,
            charge_micros=micros,
            reason="new price",
            at=AT,
            rate=half,
        )
        with pytest.raises(ChargingRefused, match="that rate gives"):
            engine.correct(replace(request, charge_micros=micros + 1))
        done = engine.correct(request)
        further = engine.sessions.record("acc1", done.cdr_id)
        assert further is not None
        assert further.charge_micros == micros
        assert (further.rate.first_s, further.rate.next_s) == (record.rate.first_s, record.rate.next_s)
        assert (further.family, further.via) == ("fam1", "access-number")
    engine.close()


def test_a_session_key_is_one_call_with_its_family_way_and_customer(engine: Engine) -> None:
    first = engine.authorise(access("s1"))
    assert engine.authorise(access("s1")) == first
    for changes in ({"via": "callback"}, {"family": "other"}, {"consumer": False}, {"by_minute": True}):
        with pytest.raises(ChargingRefused) as refused:
            engine.authorise(access("s1", **changes))
        assert refused.value.details["reason"] == "key-reused"


@pytest.mark.parametrize(
    "changes",
    [
        {"via": "pigeon"},
        {"via": "Access-number"},
        {"family": "x" * 101},
        {"family": "a b"},
        {"consumer": 1},
        {"by_minute": "no"},
    ],
)
def test_what_is_no_family_and_no_way_of_calling_is_refused(engine: Engine, changes: dict[str, object]) -> None:
    with pytest.raises(ChargingRefused) as refused:
        engine.authorise(access("s1", **changes))
    assert refused.value.details["reason"] == "invalid"


def test_a_restart_and_a_lost_call_keep_family_and_increments(file: Path, books: Books) -> None:
    engine = opened(file)
    fund(engine, 10_000_000)
    engine.authorise(access("s1", FRANCE, by_minute=True))
    engine.heartbeat(used_s={"s1": 61})
    engine.close()
    engine = opened(file)
    found = engine.calls.find("s1")
    assert found is not None
    assert (found.request.family, found.request.via, found.rate.first_s) == ("fam1", "access-number", 60)
    engine.extend(session="s1", seq=1, used_s=61, at=AT)
    assert engine.settle(ended("s1", 61)).charge_micros == 180_000
    books.check()
    engine.close()
