"""Money that staff move: reasons, limits, a second person, once, and what the charging really does with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.db import IntegrityError, connection, transaction

from cadran.charging.engine import Engine
from cadran.charging.ports import BuyCredit, ChargingUnavailable
from cadran.journeys import adjustments, carry, refunds
from cadran.journeys.proposals import operations, queries, rules
from cadran.journeys.proposals.queries import Shown
from cadran.journeys.proposals.rules import Person, ProposalKind, ProposalState
from cadran.party import operations as party
from cadran.party.queries import Customer
from cadran.payment import operations as payment_operations
from cadran.payment import queries as payment
from cadran.payment.ports import Receipt
from cadran.payment.rules import RefundState
from cadran.policy import queries as policy
from cadran.policy.models import Event
from charging.charging_rig import Books, fresh_file, open_engine
from party.conftest import registration

pytestmark = pytest.mark.django_db
EUR = 1_000_000
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
GIVE, TAKE, REFUND = ProposalKind.GIVE_CREDIT, ProposalKind.TAKE_CREDIT, ProposalKind.REFUND
ANNE = Person(user_id=9001, name="anne", email="anne@operator.example")
BRUNO = Person(user_id=9002, name="bruno", email="bruno@operator.example")
REASON = "Line down for two days, ticket 4711"


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same hasher with the least work."""
    for name, least in (("time_cost", 1), ("memory_cost", 8), ("parallelism", 1)):
        monkeypatch.setattr(Argon2PasswordHasher, name, least)


@dataclass
class Desk:
    """A customer with EUR 1 of credit, and the charging engine that holds it."""

    customer: Customer
    engine: Engine
    books: Books

    def propose(
        self, kind: ProposalKind, euros: int, *, key: str = "k1", by: Person = ANNE, at: datetime = AT
    ) -> Shown:
        return adjustments.propose(
            key=key,
            kind=kind,
            account=self.customer.account,
            amount_micros=euros * EUR,
            reason=REASON,
            by=by,
            at=at,
        )

    def carry_out(self, found: Shown, at: datetime = AT) -> Shown:
        return adjustments.carry_out(proposal_id=found.proposal_id, till=self.engine, at=at)

    @property
    def balance_micros(self) -> int:
        return self.books.balance(self.customer.account)[0]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    claire = party.register_customer(registration=registration(), at=AT)
    customer = party.validate_email(user_id=claire.user_id, email=claire.email, at=AT)
    engine = open_engine(fresh_file(tmp_path / "charging.db"))
    engine.open_wallet(account=customer.account, brand="ippi", currency="EUR", at=AT)
    engine.buy_credit(
        BuyCredit(key="pay1", account=customer.account, terms="ippi/2018-04", amount_micros=EUR, currency="EUR", at=AT)
    )
    yield Desk(customer, engine, Books(tmp_path / "charging.db"))
    engine.close()


def test_up_to_the_limit_one_person_is_enough_and_the_books_say_goodwill(desk: Desk) -> None:
    found = desk.propose(GIVE, 20)
    assert (found.state, found.alone) == (ProposalState.APPROVED, True)
    done = desk.carry_out(found)
    assert done.state is ProposalState.DONE
    assert desk.balance_micros == 21 * EUR
    assert (
        desk.books.one("SELECT sum(amount_micros) FROM ledger_posting WHERE account_name = 'goodwill/EUR'") == -20 * EUR
    )
    assert [step.state for step in done.steps] == ["proposed", "approved", "done"]
    desk.books.check()


def test_one_cent_above_the_limit_waits_for_a_second_person(desk: Desk) -> None:
    found = adjustments.propose(
        key="k1",
        kind=GIVE,
        account=desk.customer.account,
        amount_micros=20 * EUR + 10_000,
        reason=REASON,
        by=ANNE,
        at=AT,
    )
    assert (found.state, found.alone) == (ProposalState.PROPOSED, False)
    assert desk.carry_out(found).state is ProposalState.PROPOSED
    assert desk.balance_micros == EUR
    approved = adjustments.approve(proposal_id=found.proposal_id, by=BRUNO, at=AT)
    assert approved.state is ProposalState.APPROVED
    assert desk.carry_out(approved).state is ProposalState.DONE
    assert desk.balance_micros == 21 * EUR + 10_000


def test_many_small_gifts_in_a_day_reach_the_limit_together(desk: Desk) -> None:
    assert desk.propose(GIVE, 15, key="k1").alone
    assert desk.propose(GIVE, 5, key="k2").alone
    assert not desk.propose(GIVE, 1, key="k3").alone
    assert not desk.propose(TAKE, 1, key="k4").alone
    assert desk.propose(GIVE, 20, key="k5", by=BRUNO).alone
    assert not desk.propose(GIVE, 20, key="k6", at=AT + timedelta(hours=24, seconds=-1)).alone
    assert desk.propose(GIVE, 20, key="k7", at=AT + timedelta(hours=24)).alone


@pytest.mark.parametrize(
    "other",
    [
        ANNE,
        Person(user_id=9001, name="anne-billing", email="other@operator.example"),
        Person(user_id=9003, name="anne2", email="Anne+second@Operator.example"),
    ],
)
def test_nobody_approves_or_refuses_what_they_proposed_by_whichever_account(desk: Desk, other: Person) -> None:
    found = adjustments.propose(
        key="k1", kind=GIVE, account=desk.customer.account, amount_micros=30 * EUR, reason=REASON, by=ANNE, at=AT
    )
    with pytest.raises(rules.SamePerson):
        operations.approve(proposal_id=found.proposal_id, by=other, proposer=ANNE, at=AT)
    with pytest.raises(rules.SamePerson):
        operations.refuse(proposal_id=found.proposal_id, by=other, proposer=ANNE, reason=REASON, at=AT)
    assert queries.proposal(found.proposal_id).state is ProposalState.PROPOSED


def test_nobody_gives_to_or_approves_for_an_account_of_their_own(desk: Desk) -> None:
    claire = Person(user_id=desk.customer.user_id, name="claire", email="claire@example.org")
    elsewhere = Person(user_id=9009, name="claire-staff", email="claire+staff@example.org")
    for one in (claire, elsewhere):
        with pytest.raises(rules.SamePerson):
            desk.propose(GIVE, 1, by=one)
    found = desk.propose(GIVE, 30)
    for one in (claire, elsewhere):
        with pytest.raises(rules.SamePerson):
            adjustments.approve(proposal_id=found.proposal_id, by=one, at=AT)


def test_of_two_who_approve_at_once_one_does_and_the_other_hears_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, check = desk.propose(GIVE, 30), rules.check_pending

    def overtaken(*args: object, **kwargs: object) -> None:
        """Between what Bruno reads and what he writes, Carla approves."""
        monkeypatch.setattr(rules, "check_pending", check)
        check(*args, **kwargs)  # type: ignore[arg-type]
        carla = Person(user_id=9004, name="carla", email="carla@operator.example")
        adjustments.approve(proposal_id=found.proposal_id, by=carla, at=AT)

    monkeypatch.setattr(rules, "check_pending", overtaken)
    with transaction.atomic(), pytest.raises(rules.NotPending), transaction.atomic():
        adjustments.approve(proposal_id=found.proposal_id, by=BRUNO, at=AT)
    assert queries.proposal(found.proposal_id).state is ProposalState.PROPOSED  # one transaction here: both went back
    adjustments.approve(proposal_id=found.proposal_id, by=BRUNO, at=AT)
    assert Event.objects.filter(kind="journeys.proposal-approved").count() == 1


def test_an_approval_sent_again_and_an_event_carried_again_move_nothing(desk: Desk) -> None:
    found = desk.propose(GIVE, 30)
    adjustments.approve(proposal_id=found.proposal_id, by=BRUNO, at=AT)
    desk.carry_out(found)
    with pytest.raises(rules.NotPending):
        adjustments.approve(proposal_id=found.proposal_id, by=BRUNO, at=AT)
    assert desk.carry_out(found).state is ProposalState.DONE
    assert carry.pending(charging=desk.engine, now=AT) > 0
    assert carry.pending(charging=desk.engine, now=AT) == 0
    assert desk.balance_micros == 31 * EUR


def test_the_jobs_finish_what_a_dead_charging_process_left(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    found = desk.propose(GIVE, 10)
    good = desk.engine.give_credit

    def down(_request: object) -> None:
        raise ChargingUnavailable("down")

    monkeypatch.setattr(desk.engine, "give_credit", down)
    with pytest.raises(ChargingUnavailable):
        desk.carry_out(found)
    carry.pending(charging=desk.engine, now=AT)
    assert queries.proposal(found.proposal_id).state is ProposalState.APPROVED
    monkeypatch.setattr(desk.engine, "give_credit", good)
    carry.pending(charging=desk.engine, now=AT + timedelta(minutes=10))
    assert queries.proposal(found.proposal_id).state is ProposalState.DONE
    assert desk.balance_micros == 11 * EUR


def test_taking_back_more_than_there_is_fails_and_takes_nothing(desk: Desk) -> None:
    failed = desk.carry_out(desk.propose(TAKE, 2))
    assert failed.state is ProposalState.FAILED
    assert "free" in failed.last.note
    assert desk.balance_micros == EUR
    done = desk.carry_out(desk.propose(TAKE, 1, key="k2"))
    assert done.state is ProposalState.DONE
    assert desk.balance_micros == 0
    desk.books.check()


def test_a_proposal_expires_on_its_day_and_not_a_moment_before(desk: Desk) -> None:
    found = desk.propose(GIVE, 30)
    assert found.expires_at == datetime(2026, 3, 9, 9, tzinfo=UTC)
    assert queries.next_expiry() == found.expires_at
    assert operations.expire(at=found.expires_at - timedelta(seconds=1)) == 0
    with pytest.raises(rules.NotPending):
        adjustments.approve(proposal_id=found.proposal_id, by=BRUNO, at=found.expires_at)
    assert operations.expire(at=found.expires_at) == 1
    assert queries.proposal(found.proposal_id).last.by_name == "cadran"
    assert queries.next_expiry() is None


@pytest.mark.parametrize("reason", ["", "   ", "no", "x" * 401, "shown\x00hidden", "a\u202eb reversed"])
def test_a_reason_that_says_nothing_or_hides_something_is_refused(desk: Desk, reason: str) -> None:
    with pytest.raises(rules.InvalidProposal):
        adjustments.propose(
            key="k1", kind=GIVE, account=desk.customer.account, amount_micros=EUR, reason=reason, by=ANNE, at=AT
        )
    assert not queries.proposals()


@pytest.mark.parametrize(
    ("micros", "good"), [(0, False), (-1, False), (1, True), (500 * EUR, True), (500 * EUR + 1, False)]
)
def test_an_amount_lies_between_nothing_and_what_may_be_moved_at_once(desk: Desk, micros: int, good: bool) -> None:
    def ask() -> Shown:
        return adjustments.propose(
            key="k1", kind=GIVE, account=desk.customer.account, amount_micros=micros, reason=REASON, by=ANNE, at=AT
        )

    if good:
        assert ask().amount_micros == micros
    else:
        with pytest.raises(rules.InvalidProposal):
            ask()


def test_a_form_sent_twice_proposes_once_and_another_content_is_refused(desk: Desk) -> None:
    assert desk.propose(GIVE, 5).proposal_id == desk.propose(GIVE, 5).proposal_id
    with pytest.raises(operations.ProposalConflict):
        desk.propose(GIVE, 6)
    with pytest.raises(operations.ProposalConflict):
        desk.propose(GIVE, 5, by=BRUNO)
    assert len(queries.proposals()) == 1


def test_only_who_proposed_withdraws_and_then_nobody_approves(desk: Desk) -> None:
    found = desk.propose(GIVE, 30)
    with pytest.raises(rules.SamePerson):
        operations.withdraw(proposal_id=found.proposal_id, by=BRUNO, at=AT)
    assert operations.withdraw(proposal_id=found.proposal_id, by=ANNE, at=AT).state is ProposalState.WITHDRAWN
    with pytest.raises(rules.NotPending):
        adjustments.approve(proposal_id=found.proposal_id, by=BRUNO, at=AT)


def test_every_step_is_recorded_with_who_and_why(desk: Desk) -> None:
    found = desk.propose(GIVE, 30)
    adjustments.refuse(proposal_id=found.proposal_id, by=BRUNO, reason="The outage was one hour long", at=AT)
    told = {event.kind: event.body for event in Event.objects.filter(key=found.proposal_id)}
    assert set(told) == {"journeys.proposal-proposed", "journeys.proposal-refused"}
    assert told["journeys.proposal-proposed"]["by"] == 9001
    assert told["journeys.proposal-refused"] | {} == told["journeys.proposal-refused"]
    assert (told["journeys.proposal-refused"]["by"], told["journeys.proposal-refused"]["note"]) == (
        9002,
        "The outage was one hour long",
    )


def test_the_database_itself_keeps_what_was_proposed_and_each_step(desk: Desk) -> None:
    desk.propose(GIVE, 30)
    for table, column in (("journeys_proposal", "amount_micros"), ("journeys_proposalstep", "by")):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f'UPDATE {table} SET "{column}" = 1')


def paid_order(desk: Desk) -> str:
    """EUR 200 by bank transfer, received."""
    order = payment_operations.place_top_up(
        key="t1",
        account=desk.customer.account,
        brand="ippi",
        terms=policy.terms("ippi/2018-04"),
        opened_at=AT - timedelta(days=400),
        amount_micros=200 * EUR,
        currency="EUR",
        at=AT,
    )
    receipt = Receipt(
        bank_reference="b1",
        amount_micros=200 * EUR,
        currency="EUR",
        remittance=order.reference,
        debtor="C",
        booked_at=AT,
    )
    assert payment_operations.receive_transfer(receipt=receipt, recorded_by="statement", at=AT) is not None
    return order.order_id


def ask_refund(desk: Desk, order_id: str, euros: int = 30, account: str = "") -> Shown:
    return adjustments.propose(
        key=f"r{euros}",
        kind=REFUND,
        account=account or desk.customer.account,
        amount_micros=euros * EUR,
        reason=REASON,
        by=ANNE,
        at=AT,
        order_id=order_id,
    )


def test_a_refund_is_of_a_payment_of_that_account_and_of_its_amount_at_most(desk: Desk) -> None:
    order_id = paid_order(desk)
    with pytest.raises(rules.InvalidProposal):
        ask_refund(desk, order_id, 201)
    with pytest.raises(payment.UnknownOrder):
        ask_refund(desk, "ord_of_somebody_else")
    assert not queries.proposals()


def test_a_refund_that_cannot_be_made_ends_with_its_reason(desk: Desk) -> None:
    found = ask_refund(desk, paid_order(desk))
    adjustments.approve(proposal_id=found.proposal_id, by=BRUNO, at=AT)
    failed = desk.carry_out(found)
    assert failed.state is ProposalState.FAILED
    assert failed.last.note
    assert desk.balance_micros == EUR


def test_a_refund_is_asked_for_once_under_the_proposal_s_own_key(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []

    def refund(**given: object) -> SimpleNamespace:
        asked.append(given)
        return SimpleNamespace(state=RefundState.HELD, refund_id="ref1", note="")

    monkeypatch.setattr(refunds, "refund_payment", refund)
    found = ask_refund(desk, paid_order(desk))
    assert found.state is ProposalState.PROPOSED
    adjustments.approve(proposal_id=found.proposal_id, by=BRUNO, at=AT)
    assert desk.carry_out(found).state is ProposalState.DONE
    desk.carry_out(found)
    assert [(one["key"], one["amount_micros"], one["by"]) for one in asked] == [(found.proposal_id, 30 * EUR, "anne")]
