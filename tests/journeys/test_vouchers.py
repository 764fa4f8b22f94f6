"""Vouchers from the batch to the credit: once, whoever repeats, interrupts, guesses or tampers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cadran.payment.vouchers import queries, redemption, rules
from cadran.payment.vouchers.models import VoucherTry
from cadran.payment.vouchers.rules import Outcome, VoucherState
from journeys.voucher_rig import CLAIRE, DENIS, EUR, Shop, open_shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    yield from open_shop(tmp_path)


@pytest.mark.clause("KRY-2.4-coupons")
def test_a_code_becomes_credit_once_and_the_books_owe_no_more(shop: Shop) -> None:
    printed = shop.batch(3, 10)
    shop.carry()
    assert shop.owed_micros() == 30 * EUR
    serial, code = printed.codes[1]
    done = shop.redeem(rules.grouped(code))
    assert (done.outcome, done.serial, done.amount_micros, done.balance_micros) == (
        Outcome.OK,
        serial,
        10_000_000,
        10_000_000,
    )
    assert queries.voucher(serial).state is VoucherState.REDEEMED
    shop.carry()
    assert (shop.credit_micros(), shop.owed_micros()) == (10 * EUR, 20 * EUR)
    assert shop.redeem(code).outcome is Outcome.USED
    assert shop.redeem(code, DENIS).outcome is Outcome.UNKNOWN
    assert (shop.credit_micros(), shop.credit_micros(DENIS)) == (10 * EUR, 0)
    figures = queries.figures("kryptoow")
    assert (figures.outstanding_micros, figures.redeemed_micros, figures.ever_issued_micros) == (
        20 * EUR,
        10 * EUR,
        30 * EUR,
    )
    shop.books.check()


def test_the_same_key_gives_the_same_answer_and_another_code_is_refused(shop: Shop) -> None:
    printed = shop.batch(2)
    one, two = (code for _, code in printed.codes)
    first = shop.redeem(one, key="once")
    assert shop.redeem(one, key="once") == first
    assert shop.credit_micros() == 10 * EUR
    with pytest.raises(redemption.KeyReused):
        shop.redeem(two, key="once")
    wrong = rules.code_of(123)
    assert shop.redeem(wrong, key="no").outcome is Outcome.UNKNOWN
    assert shop.redeem(wrong, key="no").outcome is Outcome.UNKNOWN
    assert VoucherTry.objects.filter(account=CLAIRE, outcome="unknown").count() == 1
