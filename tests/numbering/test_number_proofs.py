"""Proofs of calling numbers: the code, its bounds, who is recognised by a number, and how it moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cadran.numbering import operations as numbering
from cadran.numbering import queries as numbers
from cadran.numbering.proofs import models, operations, queries, rules
from cadran.policy import events
from cadran.units.e164 import E164

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NUMBER = E164("+33639980001")
S = timedelta(seconds=1)


def begin(
    account: str = "A000001",
    number: E164 = NUMBER,
    at: datetime = NOON,
    origin: str = "192.0.2.7",
    brand: str = "kryptoow",
) -> operations.Begun:
    return operations.begin(brand=brand, account=account, number=number, origin=origin, means="voice", at=at)


def give(begun: operations.Begun, account: str = "A000001", code: str = "", at: datetime = NOON) -> str:
    return operations.give_code(proof_id=begun.proof_id, account=account, code=code or begun.code, at=at)


def wrong(begun: operations.Begun) -> str:
    return f"{(int(begun.code) + 1) % 1_000_000:06}"


@pytest.mark.clause("KRY-4.4.1-caller-id")
def test_a_proved_number_is_how_its_account_is_recognised_within_its_brand_alone():
    assert numbers.verified_holder(NUMBER.digits, "kryptoow") is None
    assert give(begin()) == NUMBER.digits
    assert numbers.verified_holder(NUMBER.digits, "kryptoow") == "A000001"
    assert numbers.verified_holder(NUMBER.value, "kryptoow") == "A000001"
    assert numbers.verified_holder(NUMBER.digits, "ippi") is None
    assert numbers.verified_holder("", "kryptoow") is None
    assert numbers.verified_holder("", "") is None


@pytest.mark.clause("KRY-4.4.1-caller-id")
def test_a_number_that_may_be_shown_only_recognises_nobody():
    numbering.record_verified_number(e164=NUMBER, account="A000001", at=NOON)
    assert numbers.verified_holder(NUMBER.digits, "kryptoow") is None
    assert numbers.verified_holder(NUMBER.digits, "") is None
    give(begin())
    assert numbers.verified_holder(NUMBER.digits, "kryptoow") == "A000001"
    assert [one.digits for one in numbers.numbers_of("A000001")] == [NUMBER.digits]


def test_the_code_is_kept_nowhere_and_holds_ten_minutes():
    begun = begin()
    assert begun.code not in repr(begun)
    assert begun.code not in str(models.NumberProof.objects.values().get())
    with pytest.raises(operations.ProofUnknown):
        give(begun, at=NOON + timedelta(minutes=10))
    assert give(begun, at=NOON + timedelta(minutes=10) - S) == NUMBER.digits


def test_the_fifth_wrong_try_is_the_last():
    begun = begin()
    for left in (4, 3, 2, 1, 0):
        with pytest.raises(operations.WrongCode) as refused:
            give(begun, code=wrong(begun))
        assert refused.value.details["tries_left"] == left
    with pytest.raises(operations.ProofUnknown):
        give(begun)
    proof = queries.proof(proof_id=begun.proof_id, account="A000001", at=NOON)
    assert proof is not None
    assert proof.state == "tried-out"
    assert queries.waiting(account="A000001", at=NOON) is None


def test_another_account_cannot_give_the_code_nor_see_the_proof():
    begun = begin()
    with pytest.raises(operations.ProofUnknown):
        give(begun, account="A000002")
    assert queries.proof(proof_id=begun.proof_id, account="A000002", at=NOON) is None
    assert queries.waiting(account="A000001", at=NOON).tries_left == 5  # type: ignore[union-attr]


def test_a_new_code_ends_the_one_before():
    first = begin()
    second = begin(at=NOON + timedelta(minutes=1))
    with pytest.raises(operations.ProofUnknown):
        give(first, at=NOON + timedelta(minutes=1))
    assert give(second, at=NOON + timedelta(minutes=1)) == NUMBER.digits


@pytest.mark.parametrize("code", ["", "12345", "1234567", "12345a", "１２３４５６"])
def test_what_is_not_six_digits_is_no_try(code: str):
    begun = begin()
    with pytest.raises(rules.InvalidCode):
        operations.give_code(proof_id=begun.proof_id, account="A000001", code=code, at=NOON)
    assert models.NumberProof.objects.get().tries == 0


def test_codes_are_bounded_by_number_account_and_place():
    minute = timedelta(minutes=1)
    begin()
    with pytest.raises(rules.TooManyProofs) as refused:
        begin(at=NOON + minute - S)
    assert refused.value.details["again_at"] == (NOON + minute).isoformat()
    for count in (1, 2):
        begin(f"A00000{count + 1}", at=NOON + count * minute, origin=f"198.51.100.{count}")
    with pytest.raises(rules.TooManyProofs):
        begin("A000009", at=NOON + 9 * minute, origin="198.51.100.9")
    begin("A000009", at=NOON + timedelta(days=1), origin="198.51.100.9")


def test_an_account_asks_for_five_codes_a_day_and_a_place_for_ten():
    for count in range(5):
        begin(number=E164(f"+3363998001{count}"), at=NOON + count * timedelta(minutes=1))
    with pytest.raises(rules.TooManyProofs):
        begin(number=E164("+33639980019"), at=NOON + timedelta(hours=1))
    for count in range(5):
        begin(f"A00001{count}", number=E164(f"+3363998002{count}"), at=NOON + timedelta(hours=1))
    with pytest.raises(rules.TooManyProofs):
        begin("A000020", number=E164("+33639980030"), at=NOON + timedelta(hours=2))
    begin("A000020", number=E164("+33639980030"), at=NOON + timedelta(hours=2), origin="192.0.2.8")


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
    ],
)
def test_a_place_is_an_address_or_the_64_bits_that_one_subscriber_has(first: str, second: str, same: bool):
    begin(origin=first)
    begin("A000002", number=E164("+33639980002"), origin=second)
    assert (len(set(models.NumberProof.objects.values_list("origin", flat=True))) == 1) == same


def test_numbers_that_nobody_calls_from_are_refused_before_any_call():
    for number in ("+33899000001", "+881600000001", "+33938000001"):
        with pytest.raises(numbering.UnableToVerifyNumber):
            begin(number=E164(number))
    assert not models.NumberProof.objects.exists()


@pytest.mark.clause("KRY-4.4.1-caller-id")
def test_a_number_of_another_account_is_no_different_until_it_is_proved_and_then_moves_when_asked():
    give(begin("A000001"))
    other = begin("A000002", at=NOON + timedelta(minutes=1))
    with pytest.raises(operations.WrongCode):
        give(other, "A000002", wrong(other), NOON + timedelta(minutes=1))
    with pytest.raises(operations.HeldElsewhere):
        give(other, "A000002", at=NOON + timedelta(minutes=1))
    assert numbers.verified_holder(NUMBER.digits, "kryptoow") == "A000001"
    operations.claim(proof_id=other.proof_id, account="A000002", at=NOON + timedelta(minutes=2))
    assert numbers.verified_holder(NUMBER.digits, "kryptoow") == "A000002"
    assert numbers.calling_numbers("A000001") == ()
    told = {(one.kind, one.body["account"]) for one in events.pending_events(at=NOON + timedelta(hours=1), limit=9)}
    assert ("numbering.calling-number-lost", "A000001") in told
    assert ("numbering.calling-number-registered", "A000002") in told
    with pytest.raises(operations.ProofUnknown):
        operations.claim(proof_id=other.proof_id, account="A000002", at=NOON + timedelta(minutes=3))


def test_only_a_proved_number_is_claimed_and_one_that_is_left_stays():
    give(begin("A000001"))
    other = begin("A000002", at=NOON + timedelta(minutes=1))
    with pytest.raises(operations.ProofUnknown):
        operations.claim(proof_id=other.proof_id, account="A000002", at=NOON + timedelta(minutes=1))
    with pytest.raises(operations.HeldElsewhere):
        give(other, "A000002", at=NOON + timedelta(minutes=1))
    operations.leave(proof_id=other.proof_id, account="A000002", at=NOON + timedelta(minutes=1))
    with pytest.raises(operations.ProofUnknown):
        operations.claim(proof_id=other.proof_id, account="A000002", at=NOON + timedelta(minutes=1))
    assert numbers.verified_holder(NUMBER.digits, "kryptoow") == "A000001"


def test_an_account_has_ten_numbers_at_most_and_removes_one_for_another():
    for count in range(10):
        numbering.record_verified_number(e164=f"+3363998010{count}", account="A000001", at=NOON, brand="kryptoow")
    with pytest.raises(rules.TooManyNumbers):
        begin()
    operations.remove(account="A000001", digits="33639980100", by="claire", at=NOON)
    give(begin())
    assert len(numbers.calling_numbers("A000001")) == 10
    assert numbers.verified_holder("33639980100", "kryptoow") is None
    with pytest.raises(numbering.NumberNotHeld):
        operations.remove(account="A000002", digits=NUMBER.digits, by="max", at=NOON)


def test_proofs_are_deleted_after_31_days():
    begin()
    assert operations.next_deletion() == NOON + timedelta(days=31)
    assert operations.delete_old(at=NOON + timedelta(days=31) - S) == 0
    assert operations.delete_old(at=NOON + timedelta(days=31)) == 1
    assert operations.next_deletion() is None
