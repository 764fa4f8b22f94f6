"""`python -m cadran.commands.chaos.founding FOLDER`: the tables, the brands' decks and the secrets of a run's state folder."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

from cadran.commands import main, migrate

DECKS = "decks"


def found(folder: Path, at: datetime) -> None:
    """Make everything that `cadran charging` needs; the deck files lie in `folder`/decks, named by their brands."""
    migrate.migrate_all()
    from cadran.catalog import operations

    for file in sorted((folder / DECKS).glob("*.csv")):
        report = operations.import_deck(brand=file.stem, source=file, at=at, version="chaos")
        assert report.created, report
        from cadran.catalog import queries

        operations.activate_deck(deck=queries.deck(file.stem, "world", "chaos"), effective_from=at, at=at)


if __name__ == "__main__":
    main.django_ready()
    found(Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2]))
