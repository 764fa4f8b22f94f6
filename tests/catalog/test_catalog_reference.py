"""The decks that the brands ship: read from their list, loaded once, complete enough for the world."""

from __future__ import annotations

import gzip
import importlib.util
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings

from cadran.catalog import operations, queries, rules
from cadran.catalog.adapters import deck_csv, deck_lines, reference

BRANDS = Path(__file__).parents[2] / "brands"
LIST = '[[deck]]\nfile = "d.csv"\nversion = "1"\neffective_from = 2018-04-01\n'


@pytest.fixture
def shop(tmp_path: Path, settings: LazySettings) -> Path:
    """A brands folder of one brand, with a small deck."""
    brand = tmp_path / "ippi"
    brand.mkdir()
    for name in ("brand.toml", "terms"):
        (brand / name).symlink_to(BRANDS / "ippi" / name)
    (brand / "rates").mkdir()
    (brand / "rates" / "decks.toml").write_text(LIST)
    (brand / "rates" / "d.csv").write_text("prefix,destination,price\n33,France,0.012\n")
    settings.BRANDS = tmp_path
    return brand / "rates"


@pytest.mark.django_db
def test_reference_decks_are_loaded_once(shop: Path, at: datetime) -> None:
    first = operations.load_reference(at=at)
    assert [(deck.brand, deck.version, deck.state) for deck in first] == [("ippi", "1", "activated")]
    assert first[0].effective_from == datetime(2018, 3, 31, 22, tzinfo=UTC)
    assert operations.load_reference(at=at + timedelta(days=1)) == ()
    assert len(queries.decks()) == 1


@pytest.mark.django_db
def test_a_new_reference_deck_does_not_change_past_prices(shop: Path, at: datetime) -> None:
    operations.load_reference(at=at)
    (shop / "decks.toml").write_text(LIST + LIST.replace('"1"', '"2"').replace("d.csv", "e.csv"))
    (shop / "e.csv").write_text("prefix,destination,price\n33,France,0.02\n")
    later = at + timedelta(days=30)
    assert [deck.effective_from for deck in operations.load_reference(at=later)] == [later]


@pytest.mark.django_db
def test_a_changed_file_under_an_old_version_is_refused(shop: Path, at: datetime) -> None:
    operations.load_reference(at=at)
    (shop / "d.csv").write_text("prefix,destination,price\n33,France,0.02\n")
    with pytest.raises(operations.DeckVersionTaken):
        operations.load_reference(at=at)


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "[deck]\n",
        "deck = 3\n",
        LIST + "colour = 1\n",
        LIST.replace("2018-04-01", '"2018-04-01"'),
        LIST.replace("2018-04-01", "2018-04-01T00:00:00"),
        LIST.replace("d.csv", "../d.csv"),
        LIST.replace('"d.csv"', "3"),
        LIST.replace('file = "d.csv"\n', ""),
        LIST * 101,
    ],
)
def test_a_wrong_list_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "decks.toml").write_text(text)
    with pytest.raises(reference.BadReference):
        reference.read(tmp_path, "Europe/Paris")


@pytest.mark.parametrize(("brand", "least"), [("ippi", 100_000), ("kryptoow", 20_000)])
def test_the_shipped_world_decks_are_whole(brand: str, least: int) -> None:
    (shipped,) = reference.read(BRANDS / brand / "rates", "Europe/Paris")
    blanks = deck_lines.Blanks(zone="Europe/Paris", currency="EUR", first_s=1, next_s=1)
    reading = deck_csv.read(gzip.decompress(shipped.path.read_bytes()), blanks)
    assert (reading.problem_count, shipped.tax) == (0, rules.TaxBasis.INCLUDED)
    assert len(reading.rates) >= least
    prefixes = {rate.prefix: rate for rate in reading.rates}
    for prefix in ("331", "335", "339", "336", "337"):
        assert prefix in prefixes
    # Premium, shared-cost and satellite numbers have no price of their own.
    assert not [prefix for prefix in prefixes if prefix.startswith(("338", "870", "881", "882", "883", "979", "800"))]
    assert {(rate.first_s, rate.next_s) for rate in reading.rates} == {(60, 60) if brand == "kryptoow" else (1, 1)}
    if brand == "ippi":
        assert {rate.price_nanos for rate in reading.rates if rate.prefix.startswith(("336", "337"))} == {90_000_000}
        assert {rate.price_nanos for rate in reading.rates if rate.prefix.startswith(("331", "339"))} == {12_000_000}


def test_the_maker_of_the_world_deck_gives_the_same_lines_each_time() -> None:
    path = BRANDS.parent / "scripts" / "make_world_deck.py"
    spec = importlib.util.spec_from_file_location("make_world_deck", path)
    assert spec is not None
    assert spec.loader is not None
    maker = importlib.util.module_from_spec(spec)

    sys.modules["make_world_deck"] = maker
    spec.loader.exec_module(maker)
    shipped = gzip.decompress((BRANDS / "ippi" / "rates" / "world.csv.gz").read_bytes()).decode().splitlines()
    for line in maker.plan(33):
        assert maker.row(line, maker.price(line)) in shipped or line.prefix in maker.CARRIER_DATA
