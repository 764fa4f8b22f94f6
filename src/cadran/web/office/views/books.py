"""The books as staff reads them: orders, receipts, accounts and the journal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from cadran.invoicing import pdf
from cadran.invoicing import queries as invoicing
from cadran.ledger import queries as ledger_queries
from cadran.ledger import search as ledger
from cadran.party import search as customers
from cadran.party.queries import Staff
from cadran.party.staff import Permission
from cadran.payment import queries as payment
from cadran.payment import search as orders_search
from cadran.payment.rules import Means, OrderState
from cadran.policy import queries as policy
from cadran.web.office import listing, words
from cadran.web.office.gate import for_staff
from cadran.web.office.pages import page, seen


@require_safe
@for_staff(Permission.SEE_MONEY)
def orders(request: HttpRequest, staff: Staff) -> HttpResponse:
    """Orders to pay, newest first."""
    account = listing.typed(request, "account", 16).upper()
    if account:
        listing.reach(staff, account)
    since, until = listing.between(request)
    before = listing.place(request, int)
    found = orders_search.orders(
        brands=listing.brands(request, staff),
        account=account,
        state=listing.choice(request, "state", {one.value for one in OrderState}),
        means=listing.choice(request, "means", {one.value for one in Means}),
        since=since,
        until=until,
        before=int(before[0]) if before else None,
        limit=10_000 if listing.wants_download(request, staff) else listing.ON_PAGE + 1,
    )
    if listing.wants_download(request, staff):
        rows = [
            (
                o.order_id,
                o.account,
                o.brand,
                o.amount_micros,
                o.currency,
                o.means,
                o.state.value,
                o.placed_at,
                o.paid_at,
            )
            for _place, o in found
        ]
        names = ("order", "account", "brand", "amount_micros", "currency", "means", "state", "placed_at", "paid_at")
        return listing.download(request, staff, name="orders", columns=names, rows=rows)
    rows_shown = found[: listing.ON_PAGE]
    context = {
        "orders": [one for _place, one in rows_shown],
        "known": customers.of_accounts([one.account for _place, one in rows_shown]),
        "further": listing.address(request, after=rows_shown[-1][0]) if len(found) > len(rows_shown) else "",
        "first": listing.address(request, after=None) if before else "",
        "states": [one.value for one in OrderState],
        "means": [one.value for one in Means],
        "brand_choices": listing.brand_choices(staff),
        "downloads": [(form, listing.address(request, **{"as": form, "after": None})) for form in ("csv", "json")],
    }
    return page(request, staff, "orders.html", context, crumbs=[("", _("Commandes"))])


@require_safe
@for_staff(Permission.SEE_MONEY)
def order(request: HttpRequest, staff: Staff, order_id: str) -> HttpResponse:
    """One order: amount, state, decision and clause."""
    try:
        found = payment.order(order_id)
    except payment.UnknownOrder:
        raise Http404 from None
    customer = listing.reach(staff, found.account)
    if staff.may(Permission.SEE_PERSONAL_DATA):
        seen(request, staff, page="order", account=found.account, subject=order_id)
    context = {
        "order": found,
        "customer": customer,
        "decision": found.decision.as_dict(),
        "receipt": invoicing.receipt_of_order(order_id),
    }
    return page(
        request, staff, "order.html", context, crumbs=[(reverse("office:orders"), _("Commandes")), ("", order_id)]
    )


@require_safe
@for_staff(Permission.SEE_MONEY)
def receipt(request: HttpRequest, staff: Staff, number: str) -> HttpResponse:
    """A receipt as the customer has it, in PDF."""
    try:
        found = invoicing.receipt(number)
    except invoicing.UnknownReceipt:
        raise Http404 from None
    if not staff.serves(found.brand) or not staff.may(Permission.SEE_PERSONAL_DATA):
        raise Http404
    seen(request, staff, page="receipt", account=found.account, subject=number)
    response = HttpResponse(pdf.receipt_pdf(found), content_type="application/pdf")
    response.headers["Content-Disposition"] = f'inline; filename="{found.number}.pdf"'
    return response


@require_safe
@for_staff(Permission.SEE_MONEY)
def journal(request: HttpRequest, staff: Staff) -> HttpResponse:
    """The journal of the ledger, newest first; of one owner with its accounts. Staff of some brands names a customer's account."""
    owner = listing.typed(request, "owner", 64)
    customer = None
    if owner.startswith("house/"):
        if not staff.serves(owner.removeprefix("house/")) or owner.removeprefix("house/") not in policy.brand_keys():
            raise Http404
    elif owner:
        owner = owner.upper()
        customer = listing.reach(staff, owner)
    needs_owner = bool(staff.brands) and not owner
    since, until = listing.between(request)
    parts = listing.place(request, datetime, str, str)
    after = ledger.Place(datetime.fromisoformat(parts[0]), parts[1], parts[2]) if parts else None
    size = ledger.MAX_ROWS if listing.wants_download(request, staff) else listing.ON_PAGE
    kind = listing.choice(request, "kind", words.TRANSFERS)

    def read(from_: ledger.Place | None) -> ledger.Journal:
        if needs_owner:
            return ledger.Journal(transfers=(), further=None)
        return ledger.journal(owner=owner, kind=kind, since=since, until=until, after=from_, limit=size)

    if listing.wants_download(request, staff):
        return listing.download(request, staff, name="journal", columns=_COLUMNS, rows=_downloaded(read))
    found = read(after)
    further = found.further and f"{found.further.at.isoformat()}~{found.further.owner}~{found.further.transfer}"
    context = {
        "found": found,
        "owner": owner,
        "customer": customer,
        "needs_owner": needs_owner,
        "accounts": ledger.accounts(owner) if owner else (),
        "kinds": list(words.TRANSFERS),
        "houses": [f"house/{key}" for key in listing.brand_choices(staff)],
        "further": listing.address(request, after=further) if further else "",
        "first": listing.address(request, after=None) if parts else "",
        "downloads": [(form, listing.address(request, **{"as": form, "after": None})) for form in ("csv", "json")],
    }
    return page(request, staff, "journal.html", context, crumbs=[("", _("Grand livre"))])


_COLUMNS = (
    "at",
    "owner",
    "transfer",
    "kind",
    "debit",
    "credit",
    "amount_micros",
    "released_micros",
    "currency",
    "reason",
)


def _downloaded(read: Callable[[ledger.Place | None], ledger.Journal]) -> list[tuple[object, ...]]:
    """The lines of a download, page after page, as far as one may go."""
    rows = list[tuple[object, ...]]()
    place: ledger.Place | None = None
    while len(rows) < listing.MOST_DOWNLOADED:
        got = read(place)
        rows += [tuple(getattr(one, name) for name in _COLUMNS) for one in got.transfers]
        place = got.further
        if place is None:
            break
    return rows


@require_safe
@for_staff(Permission.SEE_MONEY)
def transfer(request: HttpRequest, staff: Staff, owner: str, transfer_id: str) -> HttpResponse:
    """One line of the journal with its two legs, and where it comes from."""
    customer = listing.reach(staff, owner)
    found = ledger.transfer(owner, transfer_id)
    if found is None:
        raise Http404
    context = {
        "transfer": found,
        "customer": customer,
        "legs": ledger_queries.legs(owner, [transfer_id]),
        "cause": _cause(found),
    }
    crumbs = [(f"{reverse('office:journal')}?owner={owner}", _("Grand livre")), ("", transfer_id)]
    return page(request, staff, "transfer.html", context, crumbs=crumbs)


def _cause(found: ledger.Transfer) -> tuple[str, str]:
    """Address and words of what this line follows from: a call or an order, where its id says so."""
    from cadran.charging import search as calls

    for part in (found.reservation, found.transfer, found.reason):
        for word in part.replace(":", " ").replace("/", " ").split():
            if word.startswith("call_") and (records := calls.sought(word, limit=1)):
                return reverse("office:call", args=[records[0].cdr_id]), records[0].cdr_id
            if word.startswith("cdr_"):
                return reverse("office:call", args=[word]), word
            if word.startswith("pay_"):
                return reverse("office:order", args=[word]), word
    return "", ""
