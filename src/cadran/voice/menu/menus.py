"""Tables of states ready for calls: read, checked against the recordings there are."""

from __future__ import annotations

import re
from pathlib import Path

from django.conf import settings

from cadran.voice.media import prompts
from cadran.voice.menu import checking, reading
from cadran.voice.menu.table import HasPrompt, Table, TableUnknown

_BRAND = re.compile(r"[a-z][a-z0-9-]{0,29}")
CALLING_CARD, MOBILITY = "calling-card", "mobility"


def load(name: str, *, brand_folder: Path | None = None, recorded: Path | None = None) -> Table:
    """The table of that name: the brand's own (`menus/<name>.toml` of its folder), else the one shipped. recorded: where more of the
    brand's recordings lie (`prompts/` of it). Raises TableUnknown, and TableWrong with everything that is wrong."""
    table = reading.read(name, brand_folder)
    found = checking.problems(table, recordings(*(folder / "prompts" for folder in (brand_folder, recorded) if folder)))
    if found:
        raise reading.wrong(table.source[0], found)
    return table


def of_brand(name: str, brand: str) -> Table:
    """The table that calls of a brand use. Raises as `load`, and TableUnknown for a brand that does not exist."""
    folder = Path(settings.BRANDS) / brand
    if not _BRAND.fullmatch(brand) or not folder.is_dir():
        raise TableUnknown(f"there is no brand {brand[:40]!r}")
    return load(name, brand_folder=folder, recorded=Path(settings.PUBLISHED) / brand)


def recordings(*folders: Path) -> HasPrompt:
    """Whether `<language>/<name>.wav` lies in one of the folders or among the recordings that Cadran ships."""

    def has(language: str, name: str) -> bool:
        return any((folder / language / f"{name}.wav").is_file() for folder in (*folders, prompts.RECORDINGS))

    return has
