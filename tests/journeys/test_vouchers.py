"""Vouchers from the batch to the credit: once, whoever repeats, interrupts, guesses or tampers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction

from cadran import settings
from cadran.charging.ports import Bought, BuyCredit, ChargingRefused, ChargingUnavailable
from cadran.journeys import vouchers
from cadran.journeys.proposals import queries as proposals
from cadran.journeys.proposals.rules import Person, ProposalState, SamePerson
from cadran.payment.vouchers import operations, queries, redemption, rules, tries
from cadran.payment.vouchers.models import Voucher, VoucherBatch, VoucherRedemption, VoucherTry
from cadran.payment.vouchers.redemption import Origin
from cadran.payment.vouchers.rules import BatchState, Outcome, VoucherState, Wish
from cadran.policy.models import Event
from cadran.policy.proof import queries as proof
from charging.charging_rig import reading
from journeys.voucher_rig import ANNE, AT, BRUNO, CLAIRE, DENIS, EUR, REASON, Shop, make_customer, open_shop

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    yield from open_shop(tmp_path)


class Down:
    """Charging as it is when it does not answer, or dies right after the credit was given."""

    def __init__(self, shop: Shop, *, after: bool = False, refuses: str = "") -> None:
        self.shop, self.after, self.refuses = shop, after, refuses

    def buy_credit(self, request: BuyCredit) -> Bought:
        if self.refuses:
            raise ChargingRefused("no", reason=self.refuses)
        if self.after:
            self.shop.engine.buy_credit(request)
        raise ChargingUnavailable("down")


def redeem_by(shop: Shop, charging: Down, code: str, key: str = "k") -> redemption.Redeemed:
    return vouchers.redeem(
        account=CLAIRE,
        code=code,
        key=key,
        at=AT,
        origin=Origin(channel="portal"),
        charging=charging,  # type: ignore[arg-type]
    )


@pytest.mark.clause("KRY-2.4-coupons")
def test_a_code_becomes_credit_once_and_the_books_owe_no_more(shop: Shop) -> None:
    printed = shop.batch(3, 10)
    shop.carry()
    assert shop.owed_micros() == 30 * EUR
    serial, code = printed.codes[1]
    done = shop.redeem(rules.grouped(code))
    assert (done.outcome, done.serial) == (Outcome.OK, serial)
    assert (done.amount_micros, done.balance_micros) == (10_000_000, 10_000_000)
    assert queries.voucher(serial).state is VoucherState.REDEEMED
    shop.carry()
    assert (shop.credit_micros(), shop.owed_micros()) == (10 * EUR, 20 * EUR)
    assert shop.redeem(code).outcome is Outcome.USED
    assert shop.redeem(code, DENIS).outcome is Outcome.UNKNOWN
    assert (shop.credit_micros(), shop.credit_micros(DENIS)) == (10 * EUR, 0)
    figures = queries.figures("kryptoow")
    assert (figures.outstanding_micros, figures.redeemed_micros) == (20 * EUR, 10 * EUR)
    assert figures.ever_issued_micros == 30 * EUR
    shop.books.check()


def test_the_same_key_gives_the_same_answer_and_another_code_is_refused(shop: Shop) -> None:
    one, two = (code for _, code in shop.batch(2).codes)
    first = shop.redeem(one, key="once")
    assert shop.redeem(one, key="once") == first
    assert shop.credit_micros() == 10 * EUR
    with pytest.raises(redemption.KeyReused):
        shop.redeem(two, key="once")
    wrong = rules.code_of(123)
    assert shop.redeem(wrong, key="no").outcome is Outcome.UNKNOWN
    assert shop.redeem(wrong, key="no").outcome is Outcome.UNKNOWN
    assert VoucherTry.objects.filter(account=CLAIRE, outcome="unknown").count() == 1


@pytest.mark.clause("KRY-2.4-coupons")
@pytest.mark.parametrize("after", [False, True], ids=["before-the-credit", "after-the-credit"])
def test_a_claimed_voucher_whose_credit_was_not_heard_of_is_credited_once_by_the_due_act(
    shop: Shop, after: bool
) -> None:
    serial, code = shop.batch(1).codes[0]
    shop.carry()
    answer = redeem_by(shop, Down(shop, after=after), code)
    assert (answer.outcome, queries.voucher(serial).state) == (Outcome.PENDING, VoucherState.CLAIMED)
    assert shop.redeem(code).outcome is Outcome.USED
    assert shop.redeem(code, DENIS).outcome is Outcome.UNKNOWN
    due = redemption.next_resume()
    assert due == AT + timedelta(seconds=15)
    assert redemption.resume(at=due - timedelta(seconds=1), credits_=shop.credits) == 0
    assert redemption.resume(at=due, credits_=shop.credits) == 1
    assert redemption.next_resume() is None
    assert (shop.credit_micros(), queries.voucher(serial).state) == (10 * EUR, VoucherState.REDEEMED)
    again = redeem_by(shop, Down(shop), code)
    assert (again.outcome, again.balance_micros) == (Outcome.OK, 10 * EUR)
    shop.carry()
    assert shop.owed_micros() == 0
    shop.books.check()


def test_what_cannot_be_known_is_tried_again_each_time_later(shop: Shop) -> None:
    code = shop.batch(1).codes[0][1]
    redeem_by(shop, Down(shop), code)
    pauses, at = [], redemption.next_resume()
    for _ in range(8):
        assert at is not None
        vouchers.resume(at=at, charging=Down(shop))  # type: ignore[arg-type]
        later = redemption.next_resume()
        assert later is not None
        pauses.append((later - at).total_seconds())
        at = later
    assert pauses == [30, 60, 120, 240, 480, 900, 900, 900]


def test_an_account_that_cannot_have_the_credit_leaves_the_voucher_good(shop: Shop) -> None:
    serial, code = shop.batch(1).codes[0]
    with pytest.raises(redemption.NotCredited):
        redeem_by(shop, Down(shop, refuses="account-unknown"), code)
    assert queries.voucher(serial).state is VoucherState.ISSUED
    assert queries.redemptions(account=CLAIRE) == ()
    with pytest.raises(redemption.NotCredited):
        redeem_by(shop, Down(shop), code)
    assert shop.redeem(code, DENIS).outcome is Outcome.OK


@pytest.mark.parametrize("reason", ["internal", "busy"])
def test_a_failure_of_charging_itself_is_no_refusal(shop: Shop, reason: str) -> None:
    serial, code = shop.batch(1).codes[0]
    assert redeem_by(shop, Down(shop, refuses=reason), code).outcome is Outcome.PENDING
    assert queries.voucher(serial).state is VoucherState.CLAIMED


@pytest.mark.clause("KRY-2.4-coupons")
def test_five_guesses_lock_the_account_then_wait_by_wait_and_a_good_code_waits_too(shop: Shop) -> None:
    code = shop.batch(1).codes[0][1]
    for number in range(5):
        assert shop.redeem(rules.code_of(number)).outcome is Outcome.UNKNOWN
    locked = shop.redeem(code)
    assert (locked.outcome, locked.wait_until) == (Outcome.LOCKED, AT + timedelta(seconds=60))
    assert locked.decision.inputs["wait_s"] == 60
    assert shop.redeem(code, DENIS, at=AT, origin=Origin(channel="api", source="198.51.100.9")).outcome is Outcome.OK
    assert shop.redeem(rules.code_of(77), at=AT + timedelta(seconds=60)).outcome is Outcome.UNKNOWN
    assert shop.redeem(code, at=AT + timedelta(seconds=179)).outcome is Outcome.LOCKED
    assert shop.redeem(code, at=AT + timedelta(seconds=180)).outcome is Outcome.UNKNOWN  # denis has it


def test_a_locked_account_floods_nothing(shop: Shop) -> None:
    for number in range(5):
        shop.redeem(rules.code_of(number))
    rows = VoucherTry.objects.count()
    for number in range(40):
        assert shop.redeem(rules.code_of(1000 + number)).outcome is Outcome.LOCKED
    assert VoucherTry.objects.count() == rows
    assert VoucherTry.objects.order_by("-id").values_list("repeats", flat=True)[0] == 40


def test_the_same_wrong_code_typed_over_and_over_is_one_guess(shop: Shop) -> None:
    for _ in range(12):
        assert shop.redeem(rules.code_of(5)).outcome is Outcome.UNKNOWN
    assert shop.redeem(shop.batch(1).codes[0][1]).outcome is Outcome.OK


def test_slips_of_the_finger_are_no_guesses(shop: Shop) -> None:
    code = shop.batch(1).codes[0][1]
    for number in range(14):
        assert shop.redeem(f"{number:04d}").outcome is Outcome.MISTYPED
    assert shop.redeem(code).outcome is Outcome.OK
    assert shop.redeem("99").outcome is Outcome.MISTYPED
    assert shop.redeem("98").outcome is Outcome.LOCKED


@pytest.mark.clause("KRY-2.4-coupons")
def test_one_address_with_many_accounts_is_stopped_after_20(shop: Shop) -> None:
    for number in range(5):
        make_customer(f"mule{number}", f"A00010{number}")
    for number in range(20):
        answer = shop.redeem(rules.code_of(number), f"A00010{number // 4}")
        assert answer.outcome is Outcome.UNKNOWN
    assert shop.redeem(rules.code_of(99)).outcome is Outcome.LOCKED
    elsewhere = Origin(channel="phone", source="33612345678")
    assert shop.redeem(rules.code_of(99), origin=elsewhere).outcome is Outcome.UNKNOWN


def test_a_stranger_learns_nothing_from_used_unissued_and_foreign_vouchers(shop: Shop) -> None:
    used, unissued = shop.batch(1).codes[0][1], shop.batch(1, issued=False).codes[0][1]
    shop.redeem(used, DENIS)
    make_customer("ivan", "A000003", brand="ippi", terms="ippi/2018-04")
    answers = [shop.redeem(code) for code in (rules.code_of(1), used, unissued)]
    assert answers[0].outcome is Outcome.UNKNOWN
    assert all(one == answers[0] for one in answers)
    assert [row.because for row in queries.tries(account=CLAIRE)] == ["not-issued", "used-elsewhere", "no-voucher"]
    with pytest.raises(redemption.NoVouchers):
        shop.redeem(rules.code_of(1), "A000003")


def test_a_closed_account_redeems_nothing(shop: Shop) -> None:
    from cadran.party import models

    code = shop.batch(1).codes[0][1]
    models.Customer.objects.filter(name="Claire").update(state="blocked")
    with pytest.raises(vouchers.AccountClosed):
        shop.redeem(code)
    assert shop.redeem(code, DENIS).outcome is Outcome.OK


@pytest.mark.clause("KRY-2.4-coupons")
def test_the_last_day_is_over_for_codes_for_the_state_and_for_the_books(shop: Shop) -> None:
    printed = shop.batch(2, 10)
    over = datetime(2027, 3, 2, 23, tzinfo=UTC)
    assert printed.batch.expires_at == over
    assert shop.redeem(printed.codes[0][1], at=over - timedelta(microseconds=1)).outcome is Outcome.OK
    assert shop.redeem(printed.codes[1][1], at=over).outcome is Outcome.EXPIRED
    assert operations.next_expiry() == over
    assert operations.expire(at=over - timedelta(seconds=1)) == 0
    assert operations.expire(at=over) == 1
    assert operations.next_expiry() is None
    assert queries.voucher(printed.codes[1][0]).state is VoucherState.EXPIRED
    shop.carry(at=over)
    assert shop.owed_micros() == 0
    assert shop.books.one(
        "SELECT sum(amount_micros) FROM ledger_posting WHERE account_name='vouchers/expired/EUR'"
    ) == (10 * EUR)
    shop.books.check()


def test_a_range_is_blocked_what_was_redeemed_stays_and_the_sale_is_undone(shop: Shop) -> None:
    printed = shop.batch(5, 10)
    shop.redeem(printed.codes[2][1])
    done = block(printed.batch, 2, 4)
    assert (done.count, done.micros) == (2, 20 * EUR)
    assert block(printed.batch, 2, 4) == done
    assert shop.redeem(printed.codes[1][1]).outcome is Outcome.BLOCKED
    assert shop.redeem(printed.codes[4][1]).outcome is Outcome.OK
    shop.carry()
    assert shop.owed_micros() == 10 * EUR
    assert shop.books.one("SELECT sum(amount_micros) FROM ledger_posting WHERE account_name='vouchers/sold/EUR'") == (
        -30 * EUR
    )
    with pytest.raises(operations.NothingDone):
        block(printed.batch, 2, 4, key="again")
    with pytest.raises(rules.InvalidBatch):
        block(printed.batch, 1, 6, key="beyond")
    shop.books.check()


def block(batch: queries.Batch, first: int, last: int, key: str = "stolen") -> queries.Deed:
    return operations.block(batch_id=batch.batch_id, first=first, last=last, reason=REASON, key=key, by=BRUNO, at=AT)


def test_sheets_leave_once_and_nothing_is_left_to_make_the_codes_from(shop: Shop) -> None:
    printed = shop.batch(3, issued=False)
    row = VoucherBatch.objects.get()
    assert (row.sealed, row.taken_by_name, row.state) == ("", "anne", "taken")
    for again in (operations.read_sheets, lambda **asked: operations.take_sheets(**asked, form="csv", by=BRUNO, at=AT)):
        with pytest.raises(operations.SheetsTaken):
            again(batch_id=row.batch_id)
    kept = repr([list(model.objects.values()) for model in (VoucherBatch, Voucher, VoucherTry, Event)])
    assert not [code for _, code in printed.codes if code in kept or rules.grouped(code) in kept]
    assert "codes=" not in repr(printed)
    assert len({code for _, code in printed.codes}) == 3


def test_whoever_took_the_sheets_does_not_issue_beyond_what_one_may_alone(shop: Shop) -> None:
    printed = shop.batch(3, 10, issued=False)
    asked = {"batch_id": printed.batch.batch_id, "reason": REASON, "alone_micros": 20 * EUR, "at": AT}
    with pytest.raises(operations.SameTwoHands):
        operations.issue(**asked, first=1, last=3, key="a", by=ANNE)  # type: ignore[arg-type]
    assert operations.issue(**asked, first=1, last=1, key="b1", by=ANNE).count == 1  # type: ignore[arg-type]
    assert operations.issue(**asked, first=2, last=2, key="b2", by=ANNE).count == 1  # type: ignore[arg-type]
    with pytest.raises(operations.SameTwoHands):  # piece by piece is no way around it
        operations.issue(**asked, first=3, last=3, key="b3", by=ANNE)  # type: ignore[arg-type]
    assert operations.issue(**asked, first=1, last=3, key="c", by=BRUNO).count == 1  # type: ignore[arg-type]


def test_a_key_of_another_installation_opens_no_voucher(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = (code for _, code in shop.batch(2).codes)
    own = settings.secret("vouchers")
    monkeypatch.setenv("CADRAN_SECRET_VOUCHERS", "somebody-elses")
    assert shop.redeem(one).outcome is Outcome.UNKNOWN
    monkeypatch.setenv("CADRAN_SECRET_VOUCHERS", f"a-newer-one {own}")
    assert shop.redeem(two).outcome is Outcome.OK


def test_a_row_written_by_hand_is_no_second_credit(shop: Shop) -> None:
    """Whoever can write the table makes a used voucher good again: the account's second claim finds the first."""
    code = shop.batch(1).codes[0][1]
    shop.redeem(code)
    Voucher.objects.update(state="issued", account="")
    with pytest.raises(IntegrityError), transaction.atomic():
        shop.redeem(code, DENIS)
    assert (shop.credit_micros(), shop.credit_micros(DENIS)) == (10 * EUR, 0)


@pytest.mark.clause("KRY-2.4-coupons")
def test_a_batch_beyond_20_euros_waits_for_a_second_person(shop: Shop) -> None:
    anne, bruno = (Person(user_id=one.user_id, name=one.name, email=f"{one.name}@x.example") for one in (ANNE, BRUNO))

    def ask(count: int, key: str) -> proposals.Shown:
        wish = Wish(series="KRY", face_micros=10_000_000, count=count)
        return vouchers.propose_batch(key=key, brand="kryptoow", wish=wish, reason=REASON, by=anne, at=AT)

    small, large = ask(2, "small"), ask(3, "large")
    assert ask(3, "large") == large
    assert (small.state, large.state) == (ProposalState.APPROVED, ProposalState.PROPOSED)
    assert queries.batch(small.subject).state is BatchState.MAKING
    assert vouchers.make(at=AT) == 2
    assert vouchers.make(at=AT) == 0
    with pytest.raises(SamePerson):
        vouchers.approve(proposal_id=large.proposal_id, by=anne, at=AT)
    assert queries.batch(large.subject).state is BatchState.PROPOSED
    vouchers.approve(proposal_id=large.proposal_id, by=bruno, at=AT)
    assert vouchers.make(at=AT) == 3
    assert queries.batch(large.subject).state is BatchState.READY
    shop.carry()
    assert {proposals.proposal(one.proposal_id).state for one in (small, large)} == {ProposalState.DONE}


def test_a_lost_sheet_is_blocked_and_made_anew_with_other_codes(shop: Shop) -> None:
    printed = shop.batch(4, 5)
    shop.redeem(printed.codes[0][1])
    anne = Person(user_id=9001, name="anne")
    made = vouchers.replace_lost(batch_id=printed.batch.batch_id, key="lost", reason=REASON, by=anne, at=AT)
    fresh = queries.batch(made.subject)
    assert (fresh.count, fresh.face_micros, fresh.replaces) == (3, 5 * EUR, printed.batch.batch_id)
    assert (made.state, made.alone) == (ProposalState.APPROVED, True)
    assert {queries.voucher(serial).state for serial, _ in printed.codes[1:]} == {VoucherState.BLOCKED}
    assert vouchers.replace_lost(batch_id=printed.batch.batch_id, key="lost", reason=REASON, by=anne, at=AT) == made
    shop.carry()
    operations.make(at=AT)
    again = operations.read_sheets(batch_id=fresh.batch_id)
    assert not {code for _, code in again.codes} & {code for _, code in printed.codes}


def test_making_goes_on_where_it_stopped_and_two_of_one_code_never_are(shop: Shop) -> None:
    wish = Wish(series="KRY", face_micros=10_000_000, count=7)
    drafted = operations.draft(
        brand="kryptoow", currency="EUR", terms=shop.terms, wish=wish, reason=REASON, by=ANNE, at=AT
    )
    operations.approved(batch_id=drafted.batch_id, at=AT)
    assert [operations.make(at=AT, most=3) for _ in range(4)] == [3, 3, 1, 0]
    codes = [code for _, code in operations.read_sheets(batch_id=drafted.batch_id).codes]
    assert len(set(codes)) == 7
    assert queries.states(drafted.batch_id) == {VoucherState.MADE: 7}


@pytest.mark.django_db(databases="__all__")
@pytest.mark.clause("KRY-2.4-evidence")
def test_what_happened_to_a_voucher_is_on_record_under_the_account(shop: Shop) -> None:
    done = shop.redeem(shop.batch(1).codes[0][1])
    kinds = list(Event.objects.filter(key=done.redemption_id).order_by("id").values_list("kind", flat=True))
    assert kinds == ["payment.voucher-claimed", "payment.voucher-redeemed"]
    found = [one.kind for one in proof.entries(subject=CLAIRE)]
    assert {"payment.voucher-claimed", "payment.voucher-redeemed"} <= set(found)


def test_tries_are_forgotten_after_a_year(shop: Shop) -> None:
    shop.redeem(rules.code_of(1))
    assert tries.forget(at=AT + timedelta(days=365)) == 0
    assert tries.forget(at=AT + timedelta(days=365, seconds=1)) == 1
    assert VoucherRedemption.objects.count() == 0


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_the_books_and_the_vouchers_say_the_same_of_what_is_owed(shop: Shop) -> None:
    printed = shop.batch(6, 10)
    shop.redeem(printed.codes[0][1])
    block(printed.batch, 2, 3)
    shop.carry()
    with reading(shop.books.path):
        assert vouchers.booked_micros("kryptoow") == 30 * EUR
    assert queries.figures("kryptoow").outstanding_micros == 30 * EUR
    assert queries.figures("ippi").outstanding_micros == 0


def test_closing_forgets_from_where_codes_came_and_waits_for_a_credit_on_its_way(shop: Shop) -> None:
    code = shop.batch(1).codes[0][1]
    shop.redeem(rules.code_of(1))
    redeem_by(shop, Down(shop), code)
    assert queries.waiting(CLAIRE)
    assert not queries.waiting(DENIS)
    tries.forget_sources(account=CLAIRE)
    assert set(VoucherTry.objects.filter(account=CLAIRE).values_list("source", flat=True)) == {""}


def test_a_mail_proves_what_became_credit_with_before_and_after(shop: Shop) -> None:
    from cadran.messaging import queries as messaging

    serial, code = shop.batch(1).codes[0]
    shop.redeem(code)
    shop.carry()
    shop.carry()
    (mail,) = [one for one in messaging.mails(account=CLAIRE) if one.kind == "voucher-redeemed"]
    text = messaging.content(mail.mail_id, account=CLAIRE).text.replace("\u00a0", " ")
    for words in (rules.shown_serial(serial), "0,00 €", "10,00 €", "jusqu’au"):
        assert words in text, words
    assert code not in text
    assert rules.grouped(code) not in text
