"""What was used and why it cost what it cost: the call list with its filters and download, each call's why, the statement."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from cadran.balance import queries as balance
from cadran.charging import queries as charging
from cadran.charging import usage
from cadran.charging.records import Record
from cadran.ledger import queries as ledger
from cadran.ledger import statement as books
from cadran.party import queries as party
from cadran.party.calling import queries as contacts
from cadran.payment import queries as payment
from cadran.payment.vouchers import queries as vouchers
from cadran.policy import queries as policy
from cadran.units import ids, period
from cadran.units.clause import carries
from cadran.units.money import decimal_text
from cadran.web import wording
from cadran.web.views.customer import for_customers

CALLS_ON_PAGE = 50
CALLS_IN_FILE = 100_000
MONTHS = 14
CREDIT = "credit/"
USES = ("call", "event")
DIRECTIONS = ("outbound", "inbound")


@carries("IPP-10.1-consumption", "IPP-10.1-cdr")
@require_safe
@for_customers
def calls(request: HttpRequest, customer: party.Customer) -> HttpResponse:
    """The call list with charges, newest first, as it was filtered."""
    wanted, chosen = _wanted(request, customer)
    try:
        page = usage.page(
            account=customer.account, wanted=wanted, after=request.GET.get("after", "")[:60], limit=CALLS_ON_PAGE
        )
    except usage.InvalidCursor as error:
        raise Http404 from error
    context = {
        "customer": customer,
        "calls": page.calls,
        "page": page,
        "names": contacts.contact_names(customer.account, _others(page.calls)),
        "chosen": chosen,
        "months": _months(customer),
        "totals": usage.totals(account=customer.account, wanted=wanted),
        "callees": usage.callees(account=customer.account, wanted=wanted, limit=5) if not chosen["after"] else (),
        "query": _query(chosen),
    }
    return render(request, "web/calls.html", context)


@carries("IPP-10.1-consumption", "IPP-10.1-cdr")
@require_safe
@for_customers
def calls_csv(request: HttpRequest, customer: party.Customer) -> StreamingHttpResponse:
    """The same calls as a file for a spreadsheet, in the language of the page, sent as it is read."""
    wanted, chosen = _wanted(request, customer)
    zone, language = policy.brand(customer.brand).zone, get_language() or "fr"
    lines = _lines(customer.account, wanted, zone, language)
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    name = "-".join(filter(None, (_("appels"), customer.account, str(chosen["month"]))))
    response.headers["Content-Disposition"] = f'attachment; filename="{_safe_name(name)}.csv"'
    response.headers["X-Accel-Buffering"] = "no"
    return response


@carries("IPP-10.1-cdr")
@require_safe
@for_customers
def why(request: HttpRequest, customer: party.Customer, cdr_id: str) -> HttpResponse:
    """Why a call was allowed, refused, cut and charged as it was: decision, rate, arithmetic, clause and version of the terms."""
    try:
        found = charging.cdr(cdr_id, account=customer.account)
    except charging.UnknownCdr as error:
        raise Http404 from error
    return render(request, "web/why.html", {"customer": customer, **_told(found)})


@carries("IPP-10.1-consumption", "IPP-1d-dashboard")
@require_safe
@for_customers
def statement(request: HttpRequest, customer: party.Customer) -> HttpResponse:
    """Every movement of the credit in a month, between two balances."""
    months = _months(customer)
    chosen = request.GET.get("month", "")
    month = next((one for one in months if one.strftime("%Y-%m") == chosen), months[0])
    span = _span(month, policy.brand(customer.brand).zone)
    assert span.end is not None
    found = books.statement(owner=customer.account, prefix=CREDIT, since=span.start, until=span.end)
    calls_of = charging.of_sessions(customer.account, [one.movement for one in found.movements if one.reason in USES])
    context = {
        "customer": customer,
        "statement": found,
        "lines": [(one, calls_of.get(one.movement)) for one in found.movements],
        "months": months,
        "month": month,
        "came": sum(one.micros for one in found.movements if one.micros > 0),
        "went": -sum(one.micros for one in found.movements if one.micros < 0),
    }
    return render(request, "web/statement.html", context)


@carries("IPP-10.1-consumption")
@require_safe
@for_customers
def movement(request: HttpRequest, customer: party.Customer, movement: str) -> HttpResponse:
    """Why a movement of the credit took place: the call, purchase, end of validity or correction behind it, and its two legs."""
    try:
        found = books.movement(owner=customer.account, prefix=CREDIT, movement=movement)
    except books.UnknownMovement as error:
        raise Http404 from error
    key = found.movement.partition("/")[2]
    context: dict[str, object] = {
        "customer": customer,
        "movement": found,
        "legs": ledger.legs(customer.account, found.transfers),
        "name": wording.movement(found.reason),
    }
    purchase = balance.purchase(customer.account, key or _bucket_of(customer.account, found))
    if purchase is not None:
        context |= {"purchase": purchase, "terms": policy.terms(purchase.terms)}
    if found.reason == "purchase":
        try:
            context["order"] = payment.order(key, account=customer.account)
        except payment.UnknownOrder:
            context["order"] = None
    if found.reason == "voucher":
        context["voucher"] = vouchers.redemption(key.removeprefix("voucher-"))
    if found.reason in USES and (record := charging.of_session(found.movement)) is not None:
        context |= _told(record)
    if found.reason == "correction":
        context["correction"] = _record_of(key.partition(".")[0], customer.account)
    return render(request, "web/movement.html", context)


def _told(found: Record) -> dict[str, object]:
    """What the why of a call is made of."""
    corrections = charging.corrections(found.account, found.corrects or found.cdr_id)
    family = usage.legs(found.account, found.family)
    return {
        "call": found,
        "terms": policy.terms(found.terms),
        "charge": dict(found.charge),
        "corrections": [one for one in corrections if one.cdr_id != found.cdr_id],
        "price": corrections[-1].charge_micros if corrections and not found.corrects else found.charge_micros,
        "family": family,
        "family_micros": sum(leg.micros for leg in family),
        "key": ids.new_id("ask"),
    }


def _record_of(cdr_id: str, account: str) -> Record | None:
    try:
        return charging.cdr(cdr_id, account=account)
    except charging.UnknownCdr:
        return None


def _bucket_of(account: str, found: books.Movement) -> str:
    """The bucket that an expiry at the end of a call took from: its debit leg names it."""
    legs = ledger.legs(account, found.transfers)
    mark = f"{account}:{CREDIT}"
    return next((leg.account.removeprefix(mark) for leg in legs if leg.account.startswith(mark)), "")


def _wanted(request: HttpRequest, customer: party.Customer) -> tuple[usage.Wanted, dict[str, str]]:
    """The filter that the address asks for, and what was chosen, for the form."""
    direction, outcome = request.GET.get("direction", ""), request.GET.get("outcome", "")
    month = next(
        (one for one in _months(customer) if one.strftime("%Y-%m") == request.GET.get("month", "")),
        None,
    )
    typed = "".join(mark for mark in request.GET.get("number", "")[:40] if mark.isprintable()).strip()
    number = "".join(mark for mark in typed if mark not in " .-()\u00a0\u202f").lstrip("+")
    if number.isascii() and number.isdigit() and number.startswith("0"):
        number = number.lstrip("0")
    span = _span(month, policy.brand(customer.brand).zone) if month else None
    chosen = {
        "month": month.strftime("%Y-%m") if month else "",
        "direction": direction if direction in DIRECTIONS else "",
        "outcome": outcome if outcome in usage.OUTCOMES else "",
        "number": typed,
        "after": request.GET.get("after", ""),
    }
    wanted = usage.Wanted(
        since=span.start if span else None,
        until=span.end if span else None,
        direction=chosen["direction"],
        outcome=chosen["outcome"],
        number=number,
    )
    return wanted, chosen


def _others(found: Iterable[usage.Call]) -> tuple[str, ...]:
    """The numbers on the other side of calls."""
    return tuple({one.record.destination for one in found})


def _query(chosen: dict[str, str]) -> str:
    """The filter as the end of an address, without the place in the list."""
    return urlencode({name: value for name, value in chosen.items() if value and name != "after"})


def _months(customer: party.Customer) -> list[datetime]:
    """The first instants of the civil months of the account, newest first, in the brand's zone; at most MONTHS."""
    zone = timezone.get_current_timezone()
    day = settings.CIVIL_CLOCK.now().astimezone(zone).replace(day=1, hour=12, minute=0, second=0, microsecond=0)
    first = customer.created_at.astimezone(zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    found: list[datetime] = []
    while len(found) < MONTHS and (day >= first or not found):
        found.append(day)
        day = (day - timedelta(days=1)).replace(day=1)
    return found


def _span(month: datetime, zone: str) -> period.Period:
    return period.civil_month(month, zone)


class _Echo:
    """A file whose write gives back what was written, for csv."""

    def write(self, line: str) -> str:
        return line


def _lines(account: str, wanted: usage.Wanted, zone: str, language: str) -> Iterator[bytes]:
    """The file's lines. It is read after the view is over, so zone and language are set anew."""
    writer = csv.writer(_Echo(), delimiter=";" if language == "fr" else ",", lineterminator="\r\n")
    with override(language), timezone.override(zone):
        head = (_("Date"), _("Sens"), _("Numéro"), _("Type"), _("Issue"), _("Secondes"), _("Prix"), _("Monnaie"))
        rest = (_("Clause"), _("Conditions"), _("Ticket"), _("Façon d’appeler"), _("Famille"))
        yield ("\ufeff" + str(writer.writerow([*head, *rest]))).encode()
        for call in usage.each(account=account, wanted=wanted, most=CALLS_IN_FILE):
            yield str(writer.writerow([_neutral(cell) for cell in _cells(call, language)])).encode()


def _cells(call: usage.Call, language: str) -> tuple[str, ...]:
    record = call.record
    price = decimal_text(call.micros)
    return (
        timezone.localtime(record.authorised_at).strftime("%Y-%m-%d %H:%M:%S"),
        _("reçu") if record.direction == "inbound" else _("émis"),
        record.caller if record.direction == "inbound" else record.destination,
        wording.named(wording.NUMBER_CLASSES, record.number_class),
        wording.named(wording.DISPOSITIONS, record.disposition),
        str(record.charged_s),
        price.replace(".", ",") if language == "fr" else price,
        record.currency,
        record.clause,
        record.terms,
        record.cdr_id,
        wording.named(wording.VIAS, record.via) if record.via else "",
        record.family,
    )


def _neutral(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: one that begins like one gets an apostrophe before it."""
    text = "".join(mark if mark.isprintable() else " " for mark in cell)
    return f"'{text}" if text.lstrip()[:1] in {"=", "+", "-", "@", "|", "%"} else text


def _safe_name(text: str) -> str:
    """Letters, digits and dashes of ASCII: nothing that a header could end at."""
    return "".join(mark if mark.isascii() and (mark.isalnum() or mark == "-") else "-" for mark in text)[:80]
