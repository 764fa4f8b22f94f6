"""Emergency routing: off in every reference brand, said at each start, and silent only where it is switched on."""

from __future__ import annotations

import dataclasses

import pytest

from cadran.policy import queries
from cadran.policy.rules import emergency_warnings

pytestmark = pytest.mark.clause("LAW-emergency")


@pytest.mark.parametrize("ref", ["ippi/2018-04", "kryptoow/2018-01", "izikall/2018-01", "kavkom/2023-03"])
def test_no_reference_brand_routes_emergency_calls_anywhere(ref):
    assert queries.terms(ref).texts("emergency.routed_countries") == ()
    assert queries.brand(ref.partition("/")[0]).emergency_routed == ()


def test_start_up_warns_for_each_brand_that_serves_callers_in_france():
    warnings = emergency_warnings(queries.brands())
    assert [warning.partition(":")[0] for warning in warnings] == ["IPPI", "KAVKOM", "KRYPTOOW"]
    assert all("emergency calls from FR are not routed" in warning for warning in warnings)


def test_a_brand_that_routes_them_gives_no_warning_for_that_country():
    brand = dataclasses.replace(queries.brand("ippi"), emergency_countries=("BE", "FR"), emergency_routed=("FR",))
    (warning,) = emergency_warnings([brand])
    assert "emergency calls from BE are not routed" in warning
