"""The prices that files of records are rated by: those of the installation, or of a deck file that it knows nothing of."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from cadran.catalog import operations, price_files, queries, rules
from cadran.rating import decks
from cadran.rating.files.run import CannotRate


@dataclass(frozen=True, slots=True)
class Prices:
    """A deck, and a text that changes when anything of it does. told: what it is, for people."""

    deck: decks.Deck
    mark: str
    told: str


def of_brand(brand: str, name: str = rules.STANDARD_DECK) -> Prices:
    """All activated versions of a brand's deck: each record is priced by the version in force at its instant. Raises CannotRate."""
    versions = queries.activated(brand, name)
    if not versions:
        raise CannotRate(
            f"{brand} has no activated deck {name}: cadran deck load-reference, or cadran deck import FILE"
        )
    mark = hashlib.sha256(repr([(one.sha256, one.effective_from, one.activation) for one in versions]).encode())
    return Prices(decks.load(brand, name), mark.hexdigest(), f"{brand} {name}, {len(versions)} versions")


def of_file(path: Path, *, currency: str, zone: str, delimiter: str = ",") -> Prices:
    """A deck file as cadran deck import reads it; the installation is not touched. Raises UnreadableDeckFile, DeckRefused."""
    found, sha256 = operations.read_deck(source=path, currency=currency, zone=zone, delimiter=delimiter)
    return Prices(
        decks.of_rates(found, brand=path.stem), f"{sha256} {currency} {zone}", f"{path.name}, {len(found)} rates"
    )


def of_plan(path: Path, form: str, profile: price_files.PlanProfile, *, currency: str) -> Prices:
    """A price list of another program (see catalog.price_files), of which every line must be readable. Raises UnreadableDeckFile,
    BadMapping, DeckRefused."""
    translation = price_files.translate(path, form or price_files.form_of(path), profile=profile)
    found, sha256 = operations.read_deck(source=translation, currency=currency, zone=profile.zone)
    mark = f"{sha256} {currency} {profile.zone}"
    return Prices(decks.of_rates(found, brand=path.stem), mark, f"{path.name}, {len(found)} rates")
