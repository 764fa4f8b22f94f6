"""Calls that were charged by a rate, in the order in which they ended: what re-rating and the reports on decks go through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from django.db.models import Count, Q, Sum

from cadran.charging import models, queries
from cadran.charging.adapters.sqlite import decode_record
from cadran.charging.records import Record
from cadran.rating.counting import Counting

BATCH = 1000
CORRECTIONS = "corrects <> ''"  # in these very words, by which a database finds its index of corrections
LONGEST = timedelta(days=10)  # no call lasts longer: what began in a period ended at most this long after it


class _Rate(msgspec.Struct):
    """What is read of the rate in a record's text."""

    prefix: str
    destination: str
    destination_en: str = ""
    first_s: int = 1
    next_s: int = 1
    connection_micros: int = 0


class _Decision(msgspec.Struct):
    inputs: dict[str, msgspec.Raw] = {}


class _Body(msgspec.Struct):
    rate: _Rate | None = None
    decision: _Decision | None = None

    @property
    def counting(self) -> Counting | None:
        """The increments that the contract or the law gave the call, as `basis.counting_of` reads them."""
        rate, decision = self.rate, self.decision
        if rate is None or decision is None or "increments" not in decision.inputs:
            return None
        return Counting(rate.first_s, rate.next_s, rate.connection_micros)


_read = msgspec.json.Decoder(_Body).decode


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reading stands: the end of the last call seen, and its record's position."""

    ended_at: datetime
    position: int


@dataclass(frozen=True, slots=True)
class Correction:
    """A further record of a call: its id and what the call costs from then on."""

    cdr_id: str
    micros: int


@dataclass(frozen=True, slots=True)
class Charged:
    """A call that a rate priced. at: the instant of its price; first_micros: what it was charged at first; corrections in order.
    prefix, destination: of the rate that priced it. counting: the increments that the contract or the law gave it, None where they
    are those of the line."""

    place: Place
    account: str
    cdr_id: str
    number: str
    at: datetime
    seconds: int
    first_micros: int
    currency: str
    terms: str
    prefix: str
    destination: str
    destination_en: str
    corrections: tuple[Correction, ...] = ()
    counting: Counting | None = None

    @property
    def micros(self) -> int:
        """What the call costs now."""
        return self.corrections[-1].micros if self.corrections else self.first_micros

    def micros_before(self, cdr_id: str) -> int:
        """What it cost before the correction of that id; what it costs now where there is none."""
        return _before(cdr_id, self.first_micros, self.corrections)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Which calls: a brand's that began in [since, until), to numbers that begin with one of `prefixes` (none: all), with records
    up to `last_position` (None: all)."""

    brand: str
    since: datetime
    until: datetime
    prefixes: tuple[str, ...] = ()
    last_position: int | None = None


def last_position() -> int:
    """The position of the newest record before which none is still to come, 0 before the first."""
    return queries.last_position()


def count(span: Span) -> int:
    """How many calls of the span were answered and lasted: as many as `calls` looks at."""
    return models.Cdr.objects.filter(_wanted(span)).count()


def calls(span: Span, *, after: Place | None = None) -> Iterator[tuple[Charged, ...]]:
    """The calls of the span from `after` on, in batches of at most BATCH; those that no rate priced are left out, so that a batch
    may be empty. Each batch is one reading: calls that end meanwhile are seen, none is seen twice."""
    while batch := page(span, after=after, limit=BATCH):
        found, after = batch
        yield found


def page(span: Span, *, after: Place | None, limit: int) -> tuple[tuple[Charged, ...], Place] | None:
    """The next calls of the span and where they end; None where there are no more."""
    wanted = _wanted(span)
    if after is not None:
        wanted &= Q(ended_at__gte=after.ended_at) & (Q(ended_at__gt=after.ended_at) | Q(position__gt=after.position))
    rows = list(
        models.Cdr.objects.filter(wanted)
        .order_by("ended_at", "position")
        .values_list(
            *("ended_at", "position", "account", "cdr_id", "destination", "authorised_at", "charged_s"),
            *("charge_micros", "currency", "terms", "body"),
        )[:limit]
    )
    if not rows:
        return None
    later = _corrections([row[2] for row in rows], [row[3] for row in rows])
    found = []
    for ended_at, position, account, cdr_id, number, at, seconds, micros, currency, terms, body in rows:
        said = _read(body)
        rate = said.rate
        if rate is not None:
            found.append(
                Charged(
                    Place(ended_at, position),
                    account,
                    cdr_id,
                    number,
                    at,
                    seconds,
                    micros,
                    currency,
                    terms,
                    rate.prefix,
                    rate.destination,
                    rate.destination_en or rate.destination,
                    tuple(later.get((account, cdr_id), ())),
                    said.counting,
                )
            )
    return tuple(found), Place(rows[-1][0], rows[-1][1])


@dataclass(frozen=True, slots=True)
class Talked:
    """Answered calls that were set up one way: how many, the seconds charged, and what they came to."""

    calls: int
    seconds: int
    micros: int


def talked(*, brand: str, via: Sequence[str], since: datetime, until: datetime) -> Talked:
    """The answered calls of a brand that ended in [since, until), set up in one of those ways, as first recorded."""
    rows = models.Cdr.objects.filter(brand=brand, via__in=list(via), corrects="", answered_at__isnull=False)
    found = rows.filter(ended_at__gte=since, ended_at__lt=until).aggregate(
        calls=Count("cdr_id"), seconds=Sum("charged_s"), micros=Sum("charge_micros")
    )
    return Talked(found["calls"] or 0, found["seconds"] or 0, found["micros"] or 0)


def corrected(*, account: str, key_begins: str, limit: int = BATCH) -> tuple[tuple[Record, int], ...]:
    """An account's corrections whose keys begin so, the newest call first, each with what the call cost before it (micros)."""
    first = f"cor_{key_begins}"
    rows = models.Cdr.objects.filter(account=account, cdr_id__gte=first, cdr_id__lt=first + "\U0010ffff").exclude(
        corrects=""
    )
    found = [
        decode_record(body) for body in rows.order_by("-ended_at", "-position").values_list("body", flat=True)[:limit]
    ]
    ids = [one.corrects for one in found]
    firsts = models.Cdr.objects.filter(account=account, cdr_id__in=ids).values_list("cdr_id", "charge_micros")
    costs, later = dict(firsts), _corrections([account], ids)
    return tuple(
        (one, _before(one.cdr_id, costs.get(one.corrects, 0), later.get((account, one.corrects), ()))) for one in found
    )


def _before(cdr_id: str, first_micros: int, later: Sequence[Correction]) -> int:
    """What a call cost before the correction of that id; what it costs now where there is none."""
    before = first_micros
    for one in later:
        if one.cdr_id == cdr_id:
            break
        before = one.micros
    return before


def _corrections(accounts: Sequence[str], ids: Sequence[str]) -> dict[tuple[str, str], list[Correction]]:
    rows = models.Cdr.objects.filter(account__in=set(accounts), corrects__in=list(ids)).extra(  # noqa: S610 - words of our own
        where=[CORRECTIONS]
    )
    found: dict[tuple[str, str], list[Correction]] = {}
    for account, corrects, cdr_id, micros in rows.order_by("position").values_list(
        "account", "corrects", "cdr_id", "charge_micros"
    ):
        found.setdefault((account, corrects), []).append(Correction(cdr_id, micros))
    return found


def _wanted(span: Span) -> Q:
    wanted = Q(
        ended_at__gte=span.since,
        ended_at__lt=span.until + LONGEST,
        authorised_at__gte=span.since,
        authorised_at__lt=span.until,
        brand=span.brand,
        corrects="",
        direction="outbound",
        disposition="answered",
        charged_s__gt=0,
    )
    if span.last_position is not None:
        wanted &= Q(position__lte=span.last_position)
    if span.prefixes:
        towards = Q()
        for prefix in span.prefixes:
            towards |= Q(destination__gte=prefix, destination__lt=prefix + "\U0010ffff")
        wanted &= towards
    return wanted
