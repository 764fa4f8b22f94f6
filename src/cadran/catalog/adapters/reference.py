"""`rates/decks.toml` of a brand's folder: which decks the brand ships, and what their files do not say themselves."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from cadran.catalog import rules
from cadran.units import period
from cadran.units.errors import InvalidInput

_KEYS = {"name", "file", "version", "currency", "tax", "effective_from"}
MAX_DECKS = 100


class BadReference(InvalidInput):
    """The list of shipped decks cannot be read."""

    error_id = "catalog-reference-invalid"


@dataclass(frozen=True, slots=True)
class ShippedDeck:
    """One entry. effective_from: midnight of the stated day in the brand's zone, UTC. An empty currency is the brand's."""

    name: str
    path: Path
    version: str
    currency: str
    tax: str
    effective_from: datetime


def read(folder: Path, zone: str) -> tuple[ShippedDeck, ...]:
    """The decks of a brand's `rates` folder; none where it has no decks.toml. Raises BadReference."""
    path = folder / "decks.toml"
    if not path.is_file():
        return ()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise BadReference(f"{_told(path)}: {error}") from None
    entries = content.get("deck")
    if set(content) != {"deck"} or not isinstance(entries, list) or len(entries) > MAX_DECKS:
        raise BadReference(f"{_told(path)}: write [[deck]] sections, at most {MAX_DECKS}, and nothing else")
    return tuple(_shipped(path, index, entry, zone) for index, entry in enumerate(entries, 1))


def _shipped(path: Path, index: int, entry: object, zone: str) -> ShippedDeck:
    where = f"{_told(path)}, deck {index}"
    if not isinstance(entry, Mapping) or not set(entry) <= _KEYS:
        raise BadReference(f"{where}: the keys are {', '.join(sorted(_KEYS))}")
    day = entry.get("effective_from")
    if type(day) is not date:
        raise BadReference(f"{where}: effective_from is a day such as 2018-04-01, without quotation marks")
    texts = {key: entry.get(key, "") for key in _KEYS - {"effective_from"}}
    for key, text in texts.items():
        if not isinstance(text, str):
            raise BadReference(f"{where}: {key} is a text")
    file = texts["file"]
    if not file or Path(file).name != file:
        raise BadReference(f"{where}: file is the name of a file beside decks.toml")
    return ShippedDeck(
        name=texts["name"] or rules.STANDARD_DECK,
        path=path.with_name(file),
        version=texts["version"],
        currency=texts["currency"],
        tax=texts["tax"] or rules.TaxBasis.NOT_STATED,
        effective_from=period.midnight(day, zone),
    )


def _told(path: Path) -> str:
    """Enough of a path to find the file: brands/ippi/rates/decks.toml."""
    return "/".join(path.parts[-4:])
