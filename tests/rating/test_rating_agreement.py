"""The short form of `cadran bench rating --records`: random decks in the whole language, all engines beside the oracle."""

from __future__ import annotations

import numpy as np
import pytest

from cadran.commands import bench_rating_agreement as agreement
from cadran.commands import bench_rating_load as load
from cadran.commands import bench_rating_oracle as oracle
from cadran.rating import batch, keys, tables


def test_no_engine_rates_a_random_call_otherwise_than_the_oracle() -> None:
    assert agreement.run(400, processes=1) == 0


def test_a_wrong_micro_unit_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    right = oracle.rounded
    monkeypatch.setattr(oracle, "rounded", lambda micros, tariff: right(micros, tariff) + 1)
    assert agreement.run(100, processes=1) > 50


def test_the_yardstick_charges_as_the_engines_do() -> None:
    generator = np.random.default_rng(7)
    prefixes = load.prefixes(300, generator)
    made = load.make_decks(prefixes, generator)
    deck_of = generator.integers(0, len(made), load.ACCOUNTS).astype(np.uint8)
    calls = load.with_texts(load.make_calls(prefixes, 3000, generator), 3000)
    expected = load.loop(made, deck_of).run(calls)
    found = batch.rate_batch(
        tables.compile_decks(made), calls.keys, calls.at_s, calls.seconds, deck=deck_of[calls.account], engine="numpy"
    )
    assert np.where(found.status == 0, found.micros, -1).tolist() == expected
    assert keys.of_texts(calls.texts).tolist() == calls.keys.tolist()
    assert 0 < expected.count(-1) < 600
