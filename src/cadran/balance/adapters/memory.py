"""Wallets and buckets in memory, read through from the database; what changes is gathered in a unit of work.

The process that holds them is the database's only writer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from cadran.balance import ports
from cadran.units.store import Change, Database, Insert, Memory, Row, instant, text

_DATES = (
    "owner",
    "bucket",
    "currency",
    "brand",
    "terms",
    "bought_micros",
    "balance_after_micros",
    "available_from",
    "first_expires_at",
    "expires_at",
    "expired_at",
)
INSERT_WALLET = Insert(
    "balance_wallet",
    ("owner", "brand", "currency", "opened_at"),
    ("text", "text", "text", "timestamptz"),
)
INSERT_BUCKET = Insert(
    "balance_bucket",
    _DATES,
    (
        "text",
        "text",
        "text",
        "text",
        "text",
        "bigint",
        "bigint",
        "timestamptz",
        "timestamptz",
        "timestamptz",
        "timestamptz",
    ),
)
INSERT_VALIDITY = Insert(
    "balance_validity",
    ("owner", "bucket", "purchase", "expires_at", "clause", "terms", "at"),
    ("text", "text", "text", "timestamptz", "text", "text", "timestamptz"),
)
EXTEND = Change(
    "balance_bucket",
    keys=("owner", "bucket"),
    sets=("expires_at",),
    adds=(),
    types=("timestamptz", "text", "text"),
)
EXPIRE = Change(
    "balance_bucket",
    keys=("owner", "bucket"),
    sets=("expired_at",),
    adds=(),
    types=("timestamptz", "text", "text"),
)
ORDER = (INSERT_WALLET, INSERT_BUCKET, EXTEND, INSERT_VALIDITY, EXPIRE)

_COLUMNS = ", ".join(_DATES)
_WALLET = "SELECT owner, brand, currency FROM balance_wallet WHERE owner = ?"
_BUCKET = f"SELECT {_COLUMNS} FROM balance_bucket WHERE owner = ? AND bucket = ?"  # noqa: S608
_EVER = "SELECT 1 FROM balance_bucket WHERE owner = ? LIMIT 1"
_OF = f"SELECT {_COLUMNS} FROM balance_bucket WHERE owner = ? AND expired_at IS NULL ORDER BY expires_at"  # noqa: S608
_DUE = (
    f"SELECT {_COLUMNS} FROM balance_bucket WHERE expired_at IS NULL AND expires_at <= ?"  # noqa: S608
    " AND (expires_at, owner, bucket) > (?, ?, ?) ORDER BY expires_at, owner, bucket LIMIT ?"
)
_FROM_THE_START = ("0001-01-01 00:00:00", "", "")


class MemoryBuckets:
    """`balance.ports.Buckets`. Changes are undone and taken with `memory`. owns: which accounts' buckets this process looks after."""

    def __init__(self, memory: Memory, database: Database, owns: Callable[[str], bool] = lambda owner: True) -> None:
        self._memory = memory
        self._owns = owns
        self._rows = database.rows
        self._wallets: dict[str, ports.Wallet] = {}
        self._of: dict[str, tuple[ports.BucketDates, ...]] = {}
        self._buckets: dict[tuple[str, str], ports.BucketDates] = {}
        self._ever: dict[str, bool] = {}

    def size(self) -> int:
        """How many owners and buckets are kept."""
        return len(self._wallets) + len(self._buckets) + len(self._of)

    def forget(self) -> None:
        """Read everything afresh. Nothing may wait to be written."""
        for known in (self._wallets, self._of, self._buckets, self._ever):
            known.clear()

    def wallet(self, owner: str) -> ports.Wallet | None:
        known = self._wallets.get(owner)
        if known is None and (rows := self._rows(_WALLET, (owner,))):
            known = self._wallets[owner] = ports.Wallet(owner=rows[0][0], brand=rows[0][1], currency=rows[0][2])
        return known

    def insert_wallet(self, wallet: ports.Wallet, at: datetime) -> None:
        self._memory.put(self._wallets, wallet.owner, wallet)
        self._memory.insert(INSERT_WALLET, (wallet.owner, wallet.brand, wallet.currency, text(at)))

    def bucket(self, owner: str, bucket: str) -> ports.BucketDates | None:
        known = self._buckets.get((owner, bucket))
        if known is None and (rows := self._rows(_BUCKET, (owner, bucket))):
            known = self._buckets[owner, bucket] = _dates(rows[0])
        return known

    def ever_bought(self, owner: str) -> bool:
        if owner not in self._ever:
            if not self.of(owner) and not self._rows(_EVER, (owner,)):
                return False
            self._ever[owner] = True
        return True

    def of(self, owner: str) -> tuple[ports.BucketDates, ...]:
        known = self._of.get(owner)
        if known is None:
            found = []
            for row in self._rows(_OF, (owner,)):
                dates = self._buckets.setdefault((owner, row[1]), _dates(row))
                if dates.expired_at is None:
                    found.append(dates)
            known = self._of[owner] = tuple(sorted(found, key=_end))
        return known

    def due(self, at: datetime, limit: int) -> tuple[ports.BucketDates, ...]:
        changed = self._memory.unit.changed
        away = len(changed.get(EXPIRE, ())) + len(changed.get(EXTEND, ()))
        found: dict[tuple[str, str], ports.BucketDates] = {}
        place, most = _FROM_THE_START, limit + away
        while len(found) < most:
            rows = self._rows(_DUE, (text(at), *place, most))
            for row in rows:
                if self._owns(row[0]):
                    found[row[0], row[1]] = self._buckets.get((row[0], row[1])) or _dates(row)
            if len(rows) < most:
                break
            place = text(instant(rows[-1][9])), rows[-1][0], rows[-1][1]
        for row in self._memory.unit.added.get(INSERT_BUCKET, ()):
            found[row[0], row[1]] = self._buckets[row[0], row[1]]
        due = [dates for dates in found.values() if dates.expired_at is None and dates.expires_at <= at]
        return tuple(sorted(due, key=_end)[:limit])

    def insert_bucket(self, dates: ports.BucketDates) -> None:
        others = self.of(dates.owner)
        self._memory.put(self._buckets, (dates.owner, dates.bucket), dates)
        self._memory.put(self._of, dates.owner, tuple(sorted((*others, dates), key=_end)))
        self._memory.put(self._ever, dates.owner, True)
        self._memory.insert(INSERT_BUCKET, _row(dates))

    def extend(
        self, owner: str, bucket: str, *, expires_at: datetime, purchase: str, clause: str, terms: str, at: datetime
    ) -> None:
        self._change(owner, bucket, expires_at=expires_at)
        self._memory.change(EXTEND, (owner, bucket), (text(expires_at),))
        self._memory.insert(INSERT_VALIDITY, (owner, bucket, purchase, text(expires_at), clause, terms, text(at)))

    def mark_expired(self, owner: str, bucket: str, at: datetime) -> None:
        self._change(owner, bucket, expired_at=at)
        self._memory.change(EXPIRE, (owner, bucket), (text(at),))

    def _change(self, owner: str, bucket: str, **changes: datetime) -> None:
        before, others = self.bucket(owner, bucket), self.of(owner)
        assert before is not None, f"no bucket {bucket} of {owner}"
        dates = replace(before, **changes)  # type: ignore[arg-type]
        kept = [one for one in others if one.bucket != bucket]
        if dates.expired_at is None:
            kept.append(dates)
        self._memory.put(self._buckets, (owner, bucket), dates)
        self._memory.put(self._of, owner, tuple(sorted(kept, key=_end)))


def _end(dates: ports.BucketDates) -> tuple[datetime, str, str]:
    return dates.expires_at, dates.owner, dates.bucket


def _row(dates: ports.BucketDates) -> Row:
    return (
        dates.owner,
        dates.bucket,
        dates.currency,
        dates.brand,
        dates.terms,
        dates.bought_micros,
        dates.balance_after_micros,
        text(dates.available_from),
        text(dates.first_expires_at),
        text(dates.expires_at),
        None if dates.expired_at is None else text(dates.expired_at),
    )


def _dates(row: Row) -> ports.BucketDates:
    return ports.BucketDates(
        owner=row[0],
        bucket=row[1],
        currency=row[2],
        brand=row[3],
        terms=row[4],
        bought_micros=row[5],
        balance_after_micros=row[6],
        available_from=instant(row[7]),
        first_expires_at=instant(row[8]),
        expires_at=instant(row[9]),
        expired_at=None if row[10] is None else instant(row[10]),
    )
