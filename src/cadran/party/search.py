"""Customers for staff: found by name, address, user name or account, and listed with filters; each page bounded and by an index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from cadran.party import models, queries, staff
from cadran.party.queries import Customer

MAX_ROWS = 500
_END = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Hit:
    """A customer that fits what was typed: how (`account`, `user-name`, `email`, `name`, `sip-user`), and whether exactly."""

    customer: Customer
    how: str
    exact: bool


def customers(
    *,
    brands: Sequence[str] = (),
    state: str = "",
    kind: str = "",
    country: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    name: str = "",
    before: int | None = None,
    limit: int = 50,
) -> tuple[Customer, ...]:
    """The newest customers first that fit; `before` is the id of the last one already shown. Empty values do not filter."""
    found = Q()
    for field, value in (("state", state), ("kind", kind), ("country", country)):
        found &= Q(**{field: value}) if value else Q()
    found &= Q(brand__in=list(brands)) if brands else Q()
    found &= Q(created_at__gte=since) if since else Q()
    found &= Q(created_at__lt=until) if until else Q()
    found &= Q(id__lt=before) if before else Q()
    rows = _rows().filter(found)
    for word in staff.words(name)[:4]:
        rows = rows.filter(pk__in=_with_word(word))
    return tuple(queries._customer(row) for row in rows.order_by("-id")[: min(limit, MAX_ROWS)])


def find(text: str, *, brands: Sequence[str] = (), limit: int = 10) -> tuple[Hit, ...]:
    """Customers by account, user name, e-mail, SIP user or name: exact ones first, then those that begin so. At most `limit`."""
    typed = text.strip()[:80]
    lower = typed.lower()
    if len(typed) < 2:
        return ()
    tries: list[tuple[str, Q]] = []
    if typed[:1] in "aA" and typed[1:].isdigit():
        number = typed.upper()
        tries.append(("account", Q(accounts__number__gte=number, accounts__number__lt=number + _END)))
    if "@" in lower:
        tries.append(("email", Q(user__email__gte=lower, user__email__lt=lower + _END)))
    else:
        tries.append(("user-name", Q(user__username__gte=lower, user__username__lt=lower + _END)))
        tries.append(("email", Q(user__email__gte=lower, user__email__lt=lower + _END)))
        sip = models.SipUser.objects.filter(username__gte=lower, username__lt=lower + _END)
        accounts = list(sip.order_by("username").values_list("account__customer_id", flat=True)[:limit])
        tries.append(("sip-user", Q(pk__in=accounts)))
    hits: dict[int, Hit] = {}
    for how, condition in tries:
        for row in _within(_rows().filter(condition), brands)[:limit]:
            customer = queries._customer(row)
            exact = lower in {customer.username, customer.email, customer.account.lower()}
            hits.setdefault(customer.id, Hit(customer, how, exact))
    for row in _by_words(typed, brands, limit):
        customer = queries._customer(row)
        exact = set(staff.words(typed)) == set(staff.words(customer.display_name))
        hits.setdefault(customer.id, Hit(customer, "name", exact))
    ranked = sorted(hits.values(), key=lambda hit: (not hit.exact, -hit.customer.id))
    return tuple(ranked[:limit])


def of_accounts(accounts: Sequence[str]) -> dict[str, Customer]:
    """The customers of those billing accounts, by account; unknown ones are left out."""
    wanted = list(dict.fromkeys(accounts))[:MAX_ROWS]
    rows = _rows().filter(accounts__number__in=wanted)
    return {customer.account: customer for customer in (queries._customer(row) for row in rows)}


def by_id(customer_id: int) -> Customer | None:
    """The customer of that id, or None."""
    row = _rows().filter(pk=customer_id).first()
    return None if row is None else queries._customer(row)


def _by_words(typed: str, brands: Sequence[str], limit: int) -> QuerySet[models.Customer]:
    rows = _rows()
    wanted = staff.words(typed)[:4]
    for word in wanted:
        rows = rows.filter(pk__in=_with_word(word))
    return _within(rows, brands).order_by("-id")[:limit] if wanted else rows.none()


def _with_word(word: str) -> QuerySet[models.CustomerWord, int]:
    found = models.CustomerWord.objects.filter(word__gte=word, word__lt=word + _END)
    return found.values_list("customer_id", flat=True)


def _within(rows: QuerySet[models.Customer], brands: Sequence[str]) -> QuerySet[models.Customer]:
    return rows.filter(brand__in=list(brands)) if brands else rows


def _rows() -> QuerySet[models.Customer]:
    return models.Customer.objects.select_related("user").prefetch_related("accounts")
