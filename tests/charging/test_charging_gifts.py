"""Credit given without a payment: legs of its own, once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from charging_rig import AT, TERMS, Books, open_account

from cadran.charging.adapters.client import SocketCharging
from cadran.charging.engine import Engine
from cadran.charging.ports import ChargingRefused, GiveCredit


def gift(micros: int, key: str = "adj1") -> GiveCredit:
    return GiveCredit(key=key, account="acc1", terms=TERMS, amount_micros=micros, currency="EUR", at=AT)


def test_credit_given_is_goodwill_and_not_cash_and_extends_nothing(engine: Engine, books: Books) -> None:
    open_account(engine, 20_000)
    ends = books.rows("SELECT expires_at FROM balance_bucket WHERE bucket = 'pay1'")
    done = engine.give_credit(gift(5_000_000))
    assert done.balance_micros == 5_020_000
    assert done.expires_at == datetime(2026, 8, 29, 22, tzinfo=UTC)  # 24:00 in Paris, 180 days after 2 March
    assert books.balance() == (5_020_000, 0)
    assert books.one("SELECT sum(amount_micros) FROM ledger_posting WHERE account_name = 'goodwill/EUR'") == -5_000_000
    assert books.one("SELECT sum(amount_micros) FROM ledger_posting WHERE account_name LIKE 'payments/%'") == -20_000
    assert books.rows("SELECT expires_at FROM balance_bucket WHERE bucket = 'pay1'") == ends
    assert not books.rows("SELECT * FROM balance_validity")
    books.check()


def test_the_same_key_moves_nothing_twice(client: SocketCharging, books: Books) -> None:
    open_account(client, 20_000)
    assert client.give_credit(gift(1_000)) == client.give_credit(gift(1_000))
    for other in (gift(1_001), gift(999), gift(1_000, "pay1")):
        with pytest.raises(ChargingRefused) as refused:
            client.give_credit(other)
        assert refused.value.details["reason"] == "key-reused"
    assert books.balance() == (21_000, 0)
    books.check()


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("invalid", {"amount_micros": 0}),
        ("invalid", {"amount_micros": 10**12 + 1}),
        ("invalid", {"amount_micros": -1}),
        ("invalid", {"key": "a b"}),
        ("account-unknown", {"account": "stranger"}),
        ("currency-differs", {"currency": "USD"}),
        ("terms-unknown", {"terms": "ippi/none"}),
    ],
)
def test_what_cannot_be_given_says_why(
    client: SocketCharging, books: Books, reason: str, changes: dict[str, object]
) -> None:
    open_account(client, 20_000)
    with pytest.raises(ChargingRefused) as refused:
        client.give_credit(replace(gift(1_000), **changes))  # type: ignore[arg-type]
    assert refused.value.details["reason"] == reason
    assert books.balance() == (20_000, 0)
