"""Files rated by a brand's own decks: each record by the version that was in force at its instant."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cadran.catalog import operations
from cadran.rating import tables
from cadran.rating.files import engine, prices, run

FIRST, SECOND = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


def activate(price: str, since: datetime) -> None:
    text = f"prefix,destination,price\n33,France,{price}\n"
    report = operations.import_deck(brand="ippi", source=text.encode(), at=FIRST, version=f"v{since.month}")
    assert report.deck is not None
    operations.activate_deck(deck=report.deck, effective_from=since, at=FIRST)


@pytest.mark.django_db
def test_records_are_priced_by_the_version_of_their_day(tmp_path: Path) -> None:
    with pytest.raises(run.CannotRate, match="no activated deck"):
        prices.of_brand("ippi")
    activate("0.0120", FIRST)
    alone = prices.of_brand("ippi")
    activate("0.0240", SECOND)
    both = prices.of_brand("ippi")
    assert alone.mark != both.mark
    lines = "2025-12-31T23:59:59Z,60\n33142,2026-01-31T23:59:59Z,60\n33142,2026-02-01T00:00:00Z,60\n"
    (tmp_path / "a.csv").write_text("number,at,seconds\n33142," + lines)
    job = run.Job(inputs=(tmp_path / "a.csv",), out=tmp_path / "b.csv", prices=both.mark)
    sums = run.run(job, engine.Batch(tables.compile_deck(both.deck), "numpy")).sums
    assert dict(sums.rejects) == {"no-price": 1}
    rated = [line.replace('"', "").split(",") for line in (tmp_path / "b.csv").read_text().splitlines()[1:]]
    assert [(row[4], row[-2]) for row in rated] == [("0.012000", "v1"), ("0.024000", "v2")]
