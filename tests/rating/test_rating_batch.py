"""Batches of calls through the compiled tables, record by record against the exact oracle."""

from __future__ import annotations

import pytest
import tariffs
from hypothesis import given, settings
from hypothesis import strategies as st

from cadran.rating import batch

ENGINES = [
    "numpy",
    pytest.param("numba", marks=pytest.mark.skipif(not batch.compiled_available(), reason="numba is not installed")),
]


@pytest.fixture(autouse=True, params=["as they come", "dealt"])
def _dealing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiled engine deals large batches over large tables into piles: here any batch."""
    if "numba" in request.node.name and request.param == "dealt":
        monkeypatch.setattr("cadran.rating.compiled.WORTH_DEALING", 0)


calls = st.lists(st.tuples(tariffs.numbers, tariffs.instants, tariffs.durations), min_size=1, max_size=12)


@pytest.mark.parametrize("engine", ENGINES)
@given(found=tariffs.nested(plain=True), load=calls)
@settings(max_examples=25, deadline=None)
def test_plain_rates_agree_with_the_oracle(engine: str, found: list, load: list) -> None:
    tariffs.agree(found, load, engine)


@pytest.mark.parametrize("engine", ENGINES)
@given(found=st.lists(tariffs.rates(dated=False), min_size=1, max_size=1), load=calls)
@settings(max_examples=25, deadline=None)
def test_the_whole_language_agrees_with_the_oracle(engine: str, found: list, load: list) -> None:
    tariffs.agree(found, load, engine)
