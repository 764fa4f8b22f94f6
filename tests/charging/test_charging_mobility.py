"""IPPI's mobility: by the second, at the standard rate, off every package whatever the subscriber has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from access_rig import (
    IPPI,
    access,
    cost,
    fund,
    kept,
    opened,
)

from cadran.charging import basis
from cadran.policy import calls as call_rules
from cadran.policy import queries as policy


@pytest.mark.clause("IPP-9.4-mobility")
@pytest.mark.parametrize(("seconds", "micros"), [(1, 1_000), (59, 59_000), (60, 60_000), (61, 61_000)])
def test_mobility_is_by_the_second_at_the_standard_rate(file: Path, seconds: int, micros: int) -> None:
    engine = opened(file)
    fund(engine, 1_000_000, "ippi")
    assert cost(engine, "s1", seconds, terms=IPPI, via="mobility") == micros
    record = kept(engine, "s1")
    assert (record.clause, record.decision["code"]) == ("IPP-9.4-mobility", "call-off-package")
    assert record.decision["inputs"]["off_package"] is True  # type: ignore[index]
    engine.close()


@pytest.mark.clause("IPP-9.4-mobility")
def test_mobility_knows_no_free_call_and_no_package(file: Path) -> None:
    engine = opened(file)
    fund(engine, 1_000_000, "ippi")
    asked = access("s1", "33187654321", terms=IPPI, via="mobility", number_class="on_net")
    mobility = engine.authorise(asked).decision
    ordinary = engine.authorise(replace(asked, session="s2", via="", family="")).decision
    assert (mobility.code, ordinary.code) == ("call-off-package", "call-free-on-net")
    charged = engine.authorise(access("s3", terms=IPPI, via="", family="")).decision
    assert call_rules.package_may_pay(charged)
    assert not call_rules.package_may_pay(mobility)
    assert not call_rules.package_may_pay(ordinary)
    assert (
        engine.authorise(access("s4", "883510012345678", terms=IPPI, via="mobility", number_class="inum")).decision.code
        == "call-no-price"
    )
    engine.close()


@pytest.mark.clause("IPP-9.4-mobility")
def test_the_values_of_mobility() -> None:
    terms = basis.product_terms(policy.terms(IPPI), "mobility")
    assert terms.flag("calls.off_package") is True
    assert terms.texts("calls.free_classes") == terms.texts("account.free_classes") == ()
    names = ("calls.first_increment_s", "calls.next_increment_s", "calls.connection_fee_micros")
    assert [(terms.integer(name), terms.clause(name)) for name in names] == [
        (1, "IPP-9.4-mobility"),
        (1, "IPP-9.4-mobility"),
        (0, "IPP-9.4-mobility"),
    ]
    assert terms.flag("mobility.announce_access_cost") is True
    assert policy.terms(IPPI).flag("calls.off_package") is False
