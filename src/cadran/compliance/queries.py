"""Reads of the compliance room: cases, and what is kept of closed accounts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cadran.compliance import models, rules
from cadran.units.errors import CadranError


class UnknownCase(CadranError):
    """No case under that number, or none of that account."""

    error_id = "compliance-case-unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing said in a case. `author`: customer, operator, system; `by`: the operator's person, never shown to customers."""

    author: str
    by: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case. `number` tracks it, `due_at` is when the operator must have answered, under `clause`; `blocked` says what was."""

    number: str
    kind: rules.Kind
    state: rules.State
    account: str
    brand: str
    channel: str
    blocked: tuple[str, ...]
    clause: str
    opened_at: datetime
    due_at: datetime
    closed_at: datetime | None

    def late(self, at: datetime) -> bool:
        """Whether it waits for the operator past its deadline."""
        return self.state is rules.State.OPEN and at >= self.due_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is still kept of a closed account for a purpose, and until when; the content is opened by `operations.open_retained`."""

    account: str
    purpose: str
    clause: str
    source: str
    kept_at: datetime
    delete_at: datetime


def case(number: str, *, account: str | None = None) -> Case:
    """The case of that tracking number; of that account only, where one is named. Raises UnknownCase, InvalidCase."""
    where = {"number": rules.checked_number(number)} | ({} if account is None else {"account": account})
    row = models.Case.objects.filter(**where).first()
    if row is None:
        raise UnknownCase("no case has that tracking number: check it in our e-mail")
    return as_case(row)


def cases(
    *,
    account: str | None = None,
    state: rules.State | None = None,
    due_before: datetime | None = None,
    brand: str | None = None,
    limit: int = 100,
) -> tuple[Case, ...]:
    """Cases by account, state, deadline and brand: an account's newest first, else the most urgent first."""
    found = models.Case.objects.all()
    if account is not None:
        found = found.filter(account=account)
    if state is not None:
        found = found.filter(state=state.value)
    if due_before is not None:
        found = found.filter(due_at__lt=due_before)
    if brand is not None:
        found = found.filter(brand=brand)
    order = ("-opened_at", "-id") if account is not None else ("due_at", "id")
    return tuple(as_case(row) for row in found.order_by(*order)[:limit])


def entries(number: str) -> tuple[Entry, ...]:
    """All that was said in a case, oldest first."""
    rows = models.CaseEntry.objects.filter(case__number=rules.checked_number(number)).order_by("at", "id")
    return tuple(Entry(author=row.author, by=row.by, text=row.text, at=row.at) for row in rows)


def accounts_in_dispute(*, brand: str) -> frozenset[str]:
    """The accounts of a brand that question what was charged: a case about it is not closed."""
    rows = models.Case.objects.filter(brand=brand, kind=rules.Kind.BILLING.value).exclude(account="")
    return frozenset(rows.exclude(state=rules.State.CLOSED.value).values_list("account", flat=True))


def opened_since(*, account: str, channel: str, since: datetime) -> int:
    """How many cases that blocked something were opened for an account by that channel at `since` or later."""
    found = models.Case.objects.filter(account=account, channel=channel, opened_at__gte=since)
    return found.exclude(blocked=[]).count()


def retained(*, account: str) -> tuple[Kept, ...]:
    """What is kept of a closed account, the first to be deleted first."""
    return tuple(
        Kept(
            account=row.account,
            purpose=row.purpose,
            clause=row.clause,
            source=row.source,
            kept_at=row.kept_at,
            delete_at=row.delete_at,
        )
        for row in models.Retained.objects.filter(account=account).order_by("delete_at", "id")
    )


def next_deletion() -> datetime | None:
    """When the next kept thing must be deleted; None when nothing is kept."""
    return models.Retained.objects.order_by("delete_at").values_list("delete_at", flat=True).first()


def as_case(row: models.Case) -> Case:
    return Case(
        number=row.number,
        kind=rules.Kind(row.kind),
        state=rules.State(row.state),
        account=row.account,
        brand=row.brand,
        channel=row.channel,
        blocked=tuple(row.blocked),
        clause=row.clause,
        opened_at=row.opened_at,
        due_at=row.due_at,
        closed_at=row.closed_at,
    )
