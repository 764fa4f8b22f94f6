"""Credit is taken back in two steps, so that no call spends what is being refunded, and nothing is refunded that a call spends."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from charging_rig import AT, TERMS, Books, call, ended, open_account

from cadran.charging.engine import Engine
from cadran.charging.ports import BuyCredit, ChargingRefused, WithdrawCredit


def back(step: str, micros: int = 4_000, **changes: object) -> WithdrawCredit:
    made = WithdrawCredit(key="w1", account="acc1", step=step, at=AT, amount_micros=micros, towards="payments/card")
    return replace(made, **changes)  # type: ignore[arg-type]


def reason(error: pytest.ExceptionInfo[ChargingRefused]) -> object:
    return error.value.details["reason"]


def test_what_is_held_is_taken_towards_the_account_named(charging: Engine, books: Books) -> None:
    open_account(charging, 10_000)
    assert charging.withdraw(back("hold")).state == "held"
    assert books.balance() == (10_000, 4_000)
    assert charging.withdraw(back("take")) == charging.withdraw(back("take"))
    assert books.balance() == (6_000, 0)
    paid = "SELECT sum(amount_micros) FROM ledger_posting WHERE account_name = 'payments/card/EUR'"
    assert books.one(paid) == -10_000 + 4_000
    assert books.one("SELECT sum(amount_micros) FROM ledger_posting") == 0


def test_what_is_released_is_the_customers_again(charging: Engine, books: Books) -> None:
    open_account(charging, 10_000)
    charging.withdraw(back("hold"))
    assert charging.withdraw(back("release")).state == "released"
    assert charging.withdraw(back("release")).amount_micros == 4_000
    assert books.balance() == (10_000, 0)


def test_no_call_spends_what_is_held_and_no_withdrawal_takes_what_a_call_holds(engine: Engine, books: Books) -> None:
    open_account(engine, 5_000)
    engine.withdraw(back("hold", 4_000))
    assert not engine.authorise(call("s1")).decision.allowed  # a first grant is 2,000
    engine.withdraw(back("release"))
    assert engine.authorise(call("s2")).decision.allowed
    with pytest.raises(ChargingRefused) as error:
        engine.withdraw(back("hold", 4_000, key="w2"))
    assert reason(error) == "balance-credit-not-free"
    engine.settle(ended("s2", 1))
    books.check()


@pytest.mark.parametrize("micros", [10_000, 10_001])
def test_a_withdrawal_is_whole_or_nothing(charging: Engine, books: Books, micros: int) -> None:
    open_account(charging, 10_000)
    if micros == 10_000:
        assert charging.withdraw(back("hold", micros)).state == "held"
        return
    with pytest.raises(ChargingRefused) as error:
        charging.withdraw(back("hold", micros))
    assert reason(error) == "balance-credit-not-free"
    assert books.balance() == (10_000, 0)


def test_only_the_bucket_named_pays(engine: Engine, books: Books) -> None:
    open_account(engine, 3_000)
    engine.buy_credit(BuyCredit(key="pay2", account="acc1", terms=TERMS, amount_micros=9_000, currency="EUR", at=AT))
    with pytest.raises(ChargingRefused):
        engine.withdraw(back("hold", 3_001, bucket="pay1"))
    engine.withdraw(back("hold", 9_000, bucket="pay2"))
    engine.withdraw(back("take"))
    assert books.one("SELECT balance_micros FROM ledger_account WHERE name = 'credit/pay1'") == 3_000
    assert books.one("SELECT balance_micros FROM ledger_account WHERE name = 'credit/pay2'") == 0


def test_credit_released_after_its_end_expires(engine: Engine, books: Books) -> None:
    open_account(engine, 10_000)
    engine.withdraw(back("hold"))
    later = AT + timedelta(days=200)
    engine.expire_credit(at=later)
    assert books.balance() == (4_000, 4_000)
    engine.withdraw(back("release", at=later))
    assert books.balance() == (0, 0)
    books.check()


def test_a_key_is_one_amount_and_one_end(charging: Engine) -> None:
    open_account(charging, 10_000)
    for step in ("take", "release"):
        with pytest.raises(ChargingRefused) as error:
            charging.withdraw(back(step))
        assert reason(error) == "balance-withdrawal-unknown"
    charging.withdraw(back("hold"))
    assert charging.withdraw(back("hold")).state == "held"
    with pytest.raises(ChargingRefused) as error:
        charging.withdraw(back("hold", 4_001))
    assert reason(error) == "balance-withdrawal-differs"
    charging.withdraw(back("take"))
    assert charging.withdraw(back("hold")).state == "taken"
    with pytest.raises(ChargingRefused) as error:
        charging.withdraw(back("release"))
    assert reason(error) == "balance-withdrawal-differs"


@pytest.mark.parametrize(
    "changes",
    [
        {"step": "steal"},
        {"amount_micros": 0},
        {"amount_micros": -1},
        {"key": "k" * 101},
        {"towards": ""},
        {"bucket": "a b"},
        {"account": ""},
    ],
)
def test_a_request_that_makes_no_sense_is_refused(charging: Engine, changes: dict[str, object]) -> None:
    open_account(charging, 10_000)
    with pytest.raises(ChargingRefused) as error:
        charging.withdraw(replace(back("hold"), **changes))  # type: ignore[arg-type]
    assert reason(error) == "invalid"


def test_a_stranger_has_nothing_to_withdraw(charging: Engine) -> None:
    with pytest.raises(ChargingRefused) as error:
        charging.withdraw(back("hold"))
    assert reason(error) == "account-unknown"
