"""Calls charged again by a corrected deck: what changes, for whom, until when, by whom, and never twice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.db import connections

from cadran.catalog import operations as catalog
from cadran.charging import corrections, traffic
from cadran.charging import queries as charging_queries
from cadran.charging.ports import ChargingUnavailable, CorrectCharge, Corrected
from cadran.charging.records import Record
from cadran.compliance import operations as compliance
from cadran.compliance.rules import Kind
from cadran.journeys import carry
from cadran.journeys.models import ReratedAccount
from cadran.journeys.proposals import rules as proposals
from cadran.journeys.proposals.rules import Person
from cadran.journeys.rerating import operations, queries, rules, weighing
from cadran.journeys.rerating.rules import RunState, Scope, Verdict
from cadran.messaging import queries as mails
from cadran.party import operations as party
from cadran.party.models import Customer as CustomerRow
from cadran.policy import queries as policy
from cadran.policy import rerating as policy_rerating
from cadran.policy.models import Event
from party.conftest import registration
from web.usage_rig import LANDLINE, MOBILE, TERMS, Till

pytestmark = pytest.mark.django_db(databases=["default", "charging"])
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
LATER = datetime(2026, 3, 20, 9, tzinfo=UTC)
ANNE = Person(user_id=9001, name="anne", email="anne@operator.example")
BRUNO = Person(user_id=9002, name="bruno", email="bruno@operator.example")
REASON = "Wrong price of mobiles in version 2026-02"


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same hasher with the least work."""
    for name, least in (("time_cost", 1), ("memory_cost", 8), ("parallelism", 1)):
        monkeypatch.setattr(Argon2PasswordHasher, name, least)


@dataclass
class Desk:
    """Customers with calls that were really made and paid for, and the charging that corrects them. dies_after: how many corrections
    it makes before it stops answering, having done the last."""

    tills: dict[str, Till]
    made: int = 0
    dies_after: int | None = None

    def customer(self, name: str, micros: int = 1_000_000, at: datetime = AT) -> Till:
        fresh = party.register_customer(
            registration=registration(user_name=name, email=f"{name}@example.org"), at=AT - timedelta(days=300)
        )
        customer = party.validate_email(user_id=fresh.user_id, email=fresh.email, at=AT - timedelta(days=300))
        till = Till(customer.account, at)
        if micros:
            till.buy("pay1", micros)
        self.tills[customer.account] = till
        return till

    def correct(self, request: CorrectCharge) -> Corrected:
        till = self.tills[request.account]
        done = corrections.correct(
            request, sessions=till.sessions, buckets=till.buckets, books=till.books, contracts=till.contracts
        )
        self.made += 1
        if self.dies_after is not None and self.made >= self.dies_after:
            raise ChargingUnavailable("killed")
        return done

    def open_wallet(self, **_wallet: object) -> None:
        """It is open."""

    def deck(
        self, text: str, version: str = "fixed", at: datetime = LATER, columns: str = "prefix,destination,price"
    ) -> None:
        """A corrected version, kept as a draft: prefix,price lines for 331 and 336."""
        report = catalog.import_deck(brand="ippi", source=f"{columns}\n{text}".encode(), at=at, version=version)
        assert report.deck is not None

    def run_to_the_end(self, rerating_id: str, at: datetime = LATER, limit: int = 100) -> queries.Run:
        while operations.carry_slice(rerating_id=rerating_id, charging=self, at=at, limit=limit):
            pass
        return queries.run(rerating_id)

    def ledger_sum(self) -> int:
        with connections["charging"].cursor() as cursor:
            cursor.execute("SELECT coalesce(sum(amount_micros), 0) FROM ledger_posting")
            return int(cursor.fetchone()[0])


@pytest.fixture
def desk(db: None) -> Desk:
    return Desk({})


def scope(**changes: object) -> Scope:
    fields: dict[str, object] = {
        "brand": "ippi",
        "deck": "world",
        "version": "fixed",
        "since": AT - timedelta(days=100),
        "until": LATER,
    }
    return Scope(**{**fields, **changes})  # type: ignore[arg-type]


def asked(given: Scope | None = None, *, key: str = "k1", at: datetime = LATER) -> queries.Run:
    return operations.propose(key=key, scope=given or scope(), reason=REASON, by=ANNE, at=at)


def approved(given: Scope | None = None, *, key: str = "k1", at: datetime = LATER) -> queries.Run:
    return operations.approve(rerating_id=asked(given, key=key, at=at).rerating_id, by=BRUNO, at=at)


def cost(record: Record) -> int:
    found = charging_queries.corrections(record.account, record.cdr_id)
    return found[-1].charge_micros if found else record.charge_micros


# Claire called a mobile for 61 s at 0.12 a minute (122,000 micros) and a landline for 60 s at 0.012 (12,000).


@pytest.mark.clause("IPP-10.1-re-rating")
def test_a_preview_tells_all_and_writes_nothing(desk: Desk) -> None:
    claire, marc = desk.customer("claire"), desk.customer("marc")
    call, _, other = claire.call(61), claire.call(60, destination=LANDLINE, number_class="geographic"), marc.call(30)
    desk.deck("331,France fixe,0.018\n336,France mobile,0.06\n")
    before = (traffic.last_position(), Event.objects.count())
    steps = []
    found = weighing.preview(scope=scope(), at=LATER, progress=lambda done, total: steps.append((done, total)))
    tally = found.tally
    assert (tally.looked_at, tally.changed, len(tally.customers)) == (3, 3, 2)
    assert (tally.verdicts[Verdict.CHEAPER], tally.verdicts[Verdict.DEARER]) == (2, 1)
    assert (tally.down_micros, tally.up_micros) == (61_000 + 30_000, 6_000)
    first = tally.destinations()[0]
    assert (first.destination, first.calls, first.down_micros) == ("France mobile", 2, 91_000)
    largest = tally.largest()[0]
    assert (largest.call.cdr_id, largest.before_micros, largest.after_micros) == (call.cdr_id, 122_000, 61_000)
    assert steps[0] == (0, 3)
    assert steps[-1] == (3, 3)
    assert (traffic.last_position(), Event.objects.count()) == before
    assert cost(other) == 60_000


@pytest.mark.clause("IPP-10.1-re-rating")
def test_a_lower_price_is_given_back_and_told_with_the_arithmetic_of_both(desk: Desk) -> None:
    till = desk.customer("claire")
    call = till.call(61)
    desk.deck("336,France mobile,0.06\n")
    run = desk.run_to_the_end(approved().rerating_id)
    assert (run.state, run.corrected, run.down_micros, run.up_micros) == (RunState.DONE, 1, 61_000, 0)
    assert (cost(call), desk.ledger_sum()) == (61_000, 0)
    told = charging_queries.explanation(call.cdr_id)
    lines = "\n".join(told.lines("en"))
    assert "60 × 1 s × 0.12 / 60 s = 0.12" in lines
    assert "60 × 1 s × 0.06 / 60 s = 0.06" in lines
    assert "Clause IPP-10.1-re-rating; Terms accepted ippi/2018-04" in lines
    assert "Given back as credit: 0.061 EUR" in lines
    correction = told.corrections[0]
    assert (correction.reason, correction.clause) == (REASON, "IPP-10.1-re-rating")
    assert told.as_dict()["corrections"][0]["price"]["version"] == "fixed"  # type: ignore[index]
    assert charging_queries.cdr(call.cdr_id) == call


@pytest.mark.clause("IPP-10.1-re-rating")
def test_a_higher_price_on_an_empty_credit_becomes_a_receivable_and_no_bucket_is_negative(desk: Desk) -> None:
    till = desk.customer("claire", 130_000)
    call = till.call(61)
    desk.deck("336,France mobile,0.24\n")
    run = desk.run_to_the_end(approved().rerating_id)
    assert (run.corrected, run.up_micros, run.owed_micros) == (1, 122_000, 122_000 - 8_000)
    assert charging_queries.corrections(till.account, call.cdr_id)[0].owed_micros == 114_000
    with connections["charging"].cursor() as cursor:
        cursor.execute("SELECT sum(amount_micros) FROM ledger_posting WHERE account_name = 'receivable/EUR'")
        assert cursor.fetchone()[0] == -114_000
        cursor.execute("SELECT min(balance_micros) FROM ledger_account WHERE name LIKE 'credit/%%'")
        assert cursor.fetchone()[0] == 0
    assert desk.ledger_sum() == 0


@pytest.mark.clause("IPP-10.1-re-rating")
@pytest.mark.parametrize(
    ("later", "verdict"),
    [
        (timedelta(days=90), Verdict.CHEAPER),
        (timedelta(days=90, microseconds=1), Verdict.OUT_OF_TIME),
        (timedelta(days=91), Verdict.OUT_OF_TIME),
    ],
)
def test_ninety_days_after_the_call_it_is_over(desk: Desk, later: timedelta, verdict: Verdict) -> None:
    till = desk.customer("claire")
    call = till.call(61)
    desk.deck("336,France mobile,0.06\n")
    at = call.authorised_at + later
    found = weighing.preview(scope=scope(until=call.authorised_at + timedelta(hours=1)), at=at)
    assert found.tally.verdicts[verdict] == 1
    direct = desk.tills[till.account]
    rate = weighing.Scales(scope(), at=at).deck.find(MOBILE, call.authorised_at)
    request = CorrectCharge(
        key="k", account=till.account, cdr_id=call.cdr_id, charge_micros=61_000, reason=REASON, at=at, rate=rate
    )
    if verdict is Verdict.CHEAPER:
        assert desk.correct(request).returned_micros == 61_000
        return
    with pytest.raises(Exception, match="The 90 days of the terms are over"):
        desk.correct(request)
    assert charging_queries.corrections(direct.account, call.cdr_id) == ()
    with pytest.raises(operations.NothingToRerate):
        asked(scope(until=call.authorised_at + timedelta(hours=1)), at=at)


@pytest.mark.clause("IPP-10.1-re-rating")
def test_terms_that_do_not_provide_for_it_keep_every_price() -> None:
    terms = policy.terms("kryptoow/" + policy.brand("kryptoow").versions[-1].rpartition("/")[2])
    decision = policy_rerating.rerating_decision(terms, counted_from=AT, at=AT, cdr_id="cdr_1")
    assert (decision.allowed, decision.code) == (False, "re-rating-not-agreed")
    assert policy.terms(TERMS).integer("invoice.rerating_days") == 90


def test_only_calls_to_the_named_prefixes_and_of_the_period_change(desk: Desk) -> None:
    till = desk.customer("claire")
    mobile, landline = till.call(61), till.call(60, destination=LANDLINE, number_class="geographic")
    desk.deck("331,France fixe,0.006\n336,France mobile,0.06\n")
    run = desk.run_to_the_end(approved(scope(prefixes=("+3361", "33612"))).rerating_id)
    assert run.scope.prefixes == ("3361",)
    assert (cost(mobile), cost(landline)) == (61_000, 12_000)
    nothing = scope(since=mobile.authorised_at + timedelta(microseconds=1), until=landline.authorised_at)
    with pytest.raises(operations.NothingToRerate):
        asked(nothing, key="k2")
    after = desk.run_to_the_end(approved(scope(since=landline.authorised_at), key="k3").rerating_id)
    assert (after.corrected, cost(landline)) == (1, 6_000)


@pytest.mark.clause("IPP-10.1-re-rating")
def test_twice_for_the_same_cause_moves_nothing_the_second_time(desk: Desk) -> None:
    till = desk.customer("claire")
    call = till.call(61)
    desk.deck("336,France mobile,0.06\n")
    first = asked()
    assert asked().rerating_id == first.rerating_id
    with pytest.raises(operations.AlreadyAsked):
        asked(key="k2")
    operations.approve(rerating_id=first.rerating_id, by=BRUNO, at=LATER)
    desk.run_to_the_end(first.rerating_id)
    with pytest.raises(operations.NothingToRerate):
        asked(key="k3")
    assert len(charging_queries.corrections(till.account, call.cdr_id)) == 1


def test_two_people_decide_and_nobody_alone(desk: Desk) -> None:
    desk.customer("claire").call(61)
    desk.deck("336,France mobile,0.06\n")
    run = asked()
    assert run.proposal.state.value == "proposed"
    assert desk.run_to_the_end(run.rerating_id).corrected == 0
    with pytest.raises(proposals.SamePerson):
        operations.approve(rerating_id=run.rerating_id, by=ANNE, at=LATER)
    operations.refuse(rerating_id=run.rerating_id, by=BRUNO, reason="The deck is wrong as well", at=LATER)
    with pytest.raises(proposals.NotPending):
        operations.approve(rerating_id=run.rerating_id, by=BRUNO, at=LATER)
    assert desk.run_to_the_end(run.rerating_id).corrected == 0


@pytest.mark.clause("IPP-10.1-re-rating")
@pytest.mark.parametrize("dies_after", [1, 2, 3, 5])
def test_a_run_that_dies_between_a_correction_and_its_own_row_goes_on_and_counts_each_call_once(
    desk: Desk, dies_after: int
) -> None:
    till = desk.customer("claire", 5_000_000)
    calls = [till.call(61) for _ in range(5)]
    desk.deck("336,France mobile,0.06\n")
    run = approved()
    desk.dies_after = dies_after
    with pytest.raises(ChargingUnavailable):
        desk.run_to_the_end(run.rerating_id, limit=2)
    desk.dies_after = None
    done = desk.run_to_the_end(run.rerating_id, limit=2)
    assert (done.state, done.corrected, done.down_micros, done.looked_at, done.total) == (
        RunState.DONE,
        5,
        305_000,
        5,
        5,
    )
    assert [cost(one) for one in calls] == [61_000] * 5
    assert ReratedAccount.objects.get().calls == 5
    assert done.proposal.state.value == "done"


def test_calls_in_dispute_do_not_become_dearer_but_may_become_cheaper(desk: Desk) -> None:
    till = desk.customer("claire")
    mobile, landline = till.call(61), till.call(60, destination=LANDLINE, number_class="geographic")
    compliance.open_case(
        key="c1", kind=Kind.BILLING, account=till.account, brand="ippi", text="Too dear", at=LATER, channel="inside"
    )
    desk.deck("331,France fixe,0.12\n336,France mobile,0.06\n")
    run = desk.run_to_the_end(approved().rerating_id)
    assert (cost(mobile), cost(landline)) == (61_000, 12_000)
    assert run.left == {"disputed": 1}
    assert run.preview["left"] == {"disputed": {"up_micros": 108_000, "down_micros": 0}}


def test_calls_of_a_closed_account_keep_their_price(desk: Desk) -> None:
    till = desk.customer("claire")
    call = till.call(61)
    desk.deck("336,France mobile,0.06\n")
    run = approved()
    CustomerRow.objects.filter(accounts__number=till.account).update(state="ended")
    done = desk.run_to_the_end(run.rerating_id)
    assert (done.state, done.corrected, done.left, cost(call)) == (RunState.DONE, 0, {"closed": 1}, 122_000)


def test_a_run_stops_before_it_moves_more_than_was_approved(desk: Desk) -> None:
    till = desk.customer("claire")
    call = till.call(61)
    desk.deck("336,France mobile,0.06\n")
    run = approved()
    till.correct(call, 200_000, "By hand, meanwhile")
    done = desk.run_to_the_end(run.rerating_id)
    assert (done.state, done.corrected, cost(call)) == (RunState.STOPPED, 0, 200_000)
    assert done.proposal.state.value == "failed"


def test_calls_made_after_the_proposal_are_not_of_the_run(desk: Desk) -> None:
    till = desk.customer("claire")
    till.call(61)
    desk.deck("336,France mobile,0.06\n")
    run = approved()
    late = till.call(61)
    assert desk.run_to_the_end(run.rerating_id).corrected == 1
    assert cost(late) == 122_000


@pytest.mark.clause("IPP-10.1-re-rating")
def test_each_customer_is_told_once_by_mail_with_the_reason(desk: Desk) -> None:
    claire, marc = desk.customer("claire"), desk.customer("marc")
    claire.call(61), claire.call(61), marc.call(60, destination=LANDLINE, number_class="geographic")
    desk.deck("336,France mobile,0.06\n")
    run = desk.run_to_the_end(approved().rerating_id)
    for _ in range(3):
        while carry.pending(charging=desk, now=LATER):  # type: ignore[arg-type]
            pass
    written = [one for one in mails.mails(account=claire.account) if one.kind == "rerated"]
    assert [one.subject for one in written] == ["Le prix de 2 de vos appels est corrigé"]
    text = mails.content(written[0].mail_id).text
    assert REASON in text
    assert "Rendu sur votre crédit : 0,122\xa0€" in text
    assert not [one for one in mails.mails(account=marc.account) if one.kind == "rerated"]
    event = Event.objects.get(kind="journeys.rerated")
    assert (event.body["calls"], event.body["down_micros"]) == (2, 122_000)
    assert run.rerating_id in event.key


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"since": LATER}, "period"),
        ({"until": LATER + timedelta(seconds=1)}, "future"),
        ({"since": LATER - timedelta(days=401)}, "period"),
        ({"prefixes": ("0033",)}, "prefixes"),
        ({"prefixes": ("33; DROP TABLE",)}, "prefixes"),
        ({"prefixes": ("1" * 16,)}, "prefixes"),
        ({"prefixes": tuple(str(one) for one in range(1000, 1201))}, "prefixes"),
    ],
)
def test_a_scope_that_nobody_could_mean_is_refused(changes: dict[str, object], rule: str) -> None:
    with pytest.raises(rules.InvalidRerating) as refused:
        rules.checked_scope(scope(**changes), LATER)
    assert refused.value.details["rule"] == rule


def test_more_for_one_customer_than_may_be_moved_at_once_is_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.customer("claire").call(61)
    desk.deck("336,France mobile,0.06\n")
    monkeypatch.setattr(rules, "MAX_CALLS", 0)
    with pytest.raises(weighing.TooManyCalls):
        asked()
    monkeypatch.undo()
    limits = replace(policy.brand("ippi"), staff_most_micros=60_999)
    monkeypatch.setattr("cadran.journeys.proposals.queries.policy.brand", lambda key: limits)
    with pytest.raises(operations.TooMuch):
        asked()


@pytest.mark.clause("IPP-10.1-re-rating")
def test_a_price_that_the_rate_does_not_give_is_refused_by_the_charging_itself(desk: Desk) -> None:
    till = desk.customer("claire")
    call = till.call(61)
    desk.deck("336,France mobile,0.06\n")
    rate = weighing.Scales(scope(), at=LATER).deck.find(MOBILE, call.authorised_at)
    for micros in (60_999, 61_001):
        request = CorrectCharge(
            key="k", account=till.account, cdr_id=call.cdr_id, charge_micros=micros, reason=REASON, at=LATER, rate=rate
        )
        with pytest.raises(Exception, match="that rate gives 61000 micros"):
            desk.correct(request)
    assert charging_queries.corrections(till.account, call.cdr_id) == ()


@pytest.mark.clause("IPP-10.1-re-rating", "IPP-9.4-mobility")
def test_a_call_that_its_contract_counts_keeps_its_increments_whatever_the_corrected_line_says(desk: Desk) -> None:
    till = desk.customer("claire")
    mobility, phone = till.call(61, via="mobility", family="fam1"), till.call(61)
    desk.deck("336,France mobile,0.06,60,60\n", columns="prefix,destination,price,first_s,next_s")
    run = desk.run_to_the_end(approved().rerating_id)
    assert (run.corrected, cost(mobility), cost(phone)) == (2, 61_000, 120_000)
    (further,) = charging_queries.corrections(till.account, mobility.cdr_id)
    assert (further.rate.first_s, further.family, further.via) == (1, "fam1", "mobility")  # type: ignore[union-attr]
