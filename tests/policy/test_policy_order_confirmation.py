"""How the terms say that an order is confirmed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cadran.policy import accounts, queries


@pytest.mark.clause("KRY-4.1-order-confirmation")
@pytest.mark.parametrize("ref", ["izikall/2018-01", "kryptoow/2018-01", "ippi/2018-04"])
def test_a_validated_order_is_confirmed_by_e_mail(ref: str) -> None:
    assert accounts.confirmation_channel(queries.terms(ref)) == "email"


@pytest.mark.clause("KRY-4.1-order-confirmation")
def test_a_way_that_there_is_not_is_refused_rather_than_passed_over() -> None:
    terms = queries.terms("izikall/2018-01")
    value = replace(terms.values["order.confirmation_by"], content="pigeon")
    with pytest.raises(accounts.UnknownChannel, match="pigeon"):
        accounts.confirmation_channel(replace(terms, values={**terms.values, "order.confirmation_by": value}))
