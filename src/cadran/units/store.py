"""A unit of work in memory: what the requests of one transaction change, gathered as rows and written at its end.

`Memory` keeps the gathered rows and a list by which a request that failed is undone alone; a `Database` reads what memory does not
have and writes a whole unit in one durable transaction, with few statements for many rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from cadran.units.errors import CadranError

Row = tuple[Any, ...]


class Conflict(CadranError):
    """The database refused a row: a constraint, a key or a trigger, whose name is `name`. Nothing of the unit was kept."""

    error_id = "units-store-conflict"

    def __init__(self, name: str) -> None:
        super().__init__(f"the database refuses the row: {name}", name=name)
        self.name = name


class DatabaseLost(CadranError):
    """The database could not be reached or written; nothing of the unit was kept, as far as is known."""

    error_id = "units-store-lost"


class NoTables(CadranError):
    """The database has no tables yet."""

    error_id = "units-store-empty"


class Taken(CadranError):
    """Another process owns the database."""

    error_id = "units-store-taken"


@dataclass(frozen=True, slots=True, eq=False)
class Insert:
    """Rows added to a table, in order; the values of a row are in the order of `columns`. types: theirs, as PostgreSQL names them.

    once: several processes write such rows, and one that another has added meanwhile is left as it is.
    """

    table: str
    columns: tuple[str, ...]
    types: tuple[str, ...] = ()
    once: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """Columns changed in the rows found by `keys`: `sets` take the last value given in a unit, to `adds` all of them are added.

    types: of each column in the order sets, adds, keys, as PostgreSQL names them.
    """

    table: str
    keys: tuple[str, ...]
    sets: tuple[str, ...]
    adds: tuple[str, ...]
    types: tuple[str, ...]


@dataclass(slots=True)
class Unit:
    """What one transaction writes: rows by statement, in the order in which statements were declared to the database."""

    added: dict[Insert, list[Row]] = field(default_factory=dict)
    changed: dict[Change, dict[Row, Row]] = field(default_factory=dict)
    passing: list[tuple[dict[Any, Any], Any, Any]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(any(self.added.values()) or any(self.changed.values()))


class Database(Protocol):
    """Where the money's rows are kept. One owner at a time; placeholders are `?`."""

    far: bool
    """Whether a question costs a journey: then those of a batch are asked together."""

    def rows(self, statement: str, values: Row = ()) -> list[Row]:
        """What is committed. Raises DatabaseLost, NoTables."""
        ...

    def last_number(self, table: str, column: str) -> int:
        """The highest number that a table ever gave its rows, those removed counted."""
        ...

    def write(self, unit: Unit, order: Sequence[Insert | Change]) -> None:
        """The whole unit in one durable transaction. Raises Conflict, DatabaseLost."""
        ...

    def prepare(self, unit: Unit, order: Sequence[Insert | Change]) -> None:
        """The first half of `write`: nothing is kept before `commit`, which may be called on another thread. Raises the same."""
        ...

    def commit(self) -> None:
        """Keep what was prepared. Raises Conflict, DatabaseLost."""
        ...

    def run(self, statements: Sequence[tuple[str, Row]]) -> list[int]:
        """Statements of another kind in one durable transaction; returns how many rows each touched."""
        ...

    def close(self) -> None: ...


_ABSENT: Any = object()


class Memory:
    """Changes of dictionaries that are taken back when the request that made them fails.

    What a unit writes stays in memory under the key by which it is looked up until the unit is on disk, so that reading through to the
    database never finds less than was done; `pass_on` names what may be forgotten then.
    """

    def __init__(self) -> None:
        self.unit = Unit()
        self._log: list[tuple[Any, Any, Any]] = []

    def put(self, mapping: dict[Any, Any], key: Any, value: Any) -> None:
        """mapping[key] = value, until undone."""
        self._log.append((mapping, key, mapping.get(key, _ABSENT)))
        mapping[key] = value

    def insert(self, statement: Insert, row: Row) -> None:
        rows = self.unit.added.get(statement)
        if rows is None:
            rows = self.unit.added[statement] = []
        rows.append(row)
        self._log.append((rows, None, None))

    def change(self, statement: Change, key: Row, values: Row) -> None:
        """Columns that take these values; the last ones count."""
        self.put(self._changes(statement), key, values)

    def add(self, statement: Change, key: Row, values: Row) -> None:
        """Columns to which these values are added."""
        changes = self._changes(statement)
        if (before := changes.get(key)) is not None:
            values = tuple(one + other for one, other in zip(before, values, strict=True))
        self.put(changes, key, values)

    def pass_on(self, mapping: dict[Any, Any], key: Any) -> None:
        """What lies there now may be forgotten once the unit is on disk, unless something newer lies there then."""
        self.unit.passing.append((mapping, key, mapping[key]))
        self._log.append((self.unit.passing, None, None))

    def keep(self) -> None:
        """The request succeeded: nothing of it is undone any more."""
        self._log.clear()

    def undo(self) -> None:
        """The request failed: take back all that it changed."""
        for place, key, before in reversed(self._log):
            if isinstance(place, list):
                place.pop()
            elif before is _ABSENT:
                del place[key]
            else:
                place[key] = before
        self._log.clear()

    def take(self) -> Unit:
        """The unit gathered so far; another one begins."""
        unit, self.unit = self.unit, Unit()
        return unit

    def forget(self) -> None:
        """Drop what was gathered; whoever keeps dictionaries empties them."""
        self.unit = Unit()
        self._log.clear()

    def _changes(self, statement: Change) -> dict[Row, Row]:
        changes = self.unit.changed.get(statement)
        if changes is None:
            changes = self.unit.changed[statement] = {}
        return changes


def written(unit: Unit) -> None:
    """The unit is on disk: forget what was only kept for it. What a later unit put in its place stays."""
    for mapping, key, value in unit.passing:
        if mapping.get(key) is value:
            del mapping[key]


@contextmanager
def attempted(memory: Memory) -> Iterator[None]:
    """What fails inside is undone alone."""
    try:
        yield
    except BaseException:
        memory.undo()
        raise
    memory.keep()


_kept: dict[datetime, str] = {}


def text(at: datetime) -> str:
    """An instant as it is kept, in UTC, as Django reads it; sorts in order of time."""
    found = _kept.get(at)
    if found is None:
        if len(_kept) > 4096:
            _kept.clear()
        found = _kept[at] = at.astimezone(UTC).replace(tzinfo=None).isoformat(" ")
    return found


def instant(kept: str | datetime) -> datetime:
    """The reverse of `text`, from either database."""
    if isinstance(kept, datetime):
        return kept.astimezone(UTC)
    return datetime.fromisoformat(kept).replace(tzinfo=UTC)
