"""Batches of calls through the compiled tables, record by record against the exact oracle."""

from __future__ import annotations

from datetime import datetime

import pytest
import tariffs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cadran.catalog import rules
from cadran.rating import batch

Call = tuple[str, int, int]
Version = tuple[datetime, list[rules.Rate]]
NEEDS_NUMBA = pytest.mark.skipif(not batch.compiled_available(), reason="numba is not installed")


@pytest.fixture(params=["numpy", pytest.param("numba", marks=NEEDS_NUMBA), pytest.param("dealt", marks=NEEDS_NUMBA)])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """dealt: numba, which deals large batches over large tables into piles, does so with any batch."""
    if request.param != "dealt":
        return str(request.param)
    monkeypatch.setattr("cadran.rating.compiled.WORTH_DEALING", 0)
    return "numba"


LOAD = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
calls = st.lists(st.tuples(tariffs.numbers, tariffs.instants, tariffs.durations), min_size=1, max_size=12)


@given(found=tariffs.nested(plain=True), load=calls)
@LOAD
def test_plain_rates_agree_with_the_oracle(engine: str, found: list[rules.Rate], load: list[Call]) -> None:
    tariffs.agree([(rules.ALWAYS_FROM, found)], load, engine)


@given(rate=tariffs.rates(dated=False), load=calls)
@LOAD
def test_the_whole_language_agrees_with_the_oracle(engine: str, rate: rules.Rate, load: list[Call]) -> None:
    tariffs.agree([(rules.ALWAYS_FROM, [rate])], load, engine)


@given(of=tariffs.versions(), load=calls)
@LOAD
def test_calls_split_over_dates_and_versions_agree_with_the_oracle(
    engine: str, of: list[Version], load: list[Call]
) -> None:
    tariffs.agree(of, load, engine)
