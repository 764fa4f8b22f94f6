"""Vouchers: batches asked for and approved, their sheets taken once, issued, searched by serial, blocked, and their figures."""

from __future__ import annotations

import structlog
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cadran.journeys import vouchers as journey
from cadran.journeys.proposals import operations as proposals
from cadran.journeys.proposals import queries as proposal_queries
from cadran.journeys.proposals.queries import Shown
from cadran.journeys.proposals.rules import InvalidProposal, ProposalKind, ProposalState, checked_reason
from cadran.party.queries import Staff
from cadran.party.staff import Permission
from cadran.payment.vouchers import operations, queries, rules
from cadran.payment.vouchers.operations import Hand
from cadran.payment.vouchers.queries import Batch
from cadran.payment.vouchers.rules import BatchState, VoucherState, Wish
from cadran.policy import queries as policy
from cadran.policy.terms import Terms
from cadran.units import ids
from cadran.units.errors import CadranError
from cadran.web.office import listing
from cadran.web.office.desk.speech import person, sentence
from cadran.web.office.gate import for_staff
from cadran.web.office.pages import page, refused, seen

log = structlog.get_logger()
ROWS = 50
DEEDS = ("approve", "refuse", "withdraw")
FORMS = {"pdf": "application/pdf", "csv": "text/csv; charset=utf-8"}


@require_safe
@for_staff(Permission.SEE_VOUCHERS)
def listed(request: HttpRequest, staff: Staff) -> HttpResponse:
    """The figures of each brand, what waits for a second person, the batches; a serial typed leads to its voucher."""
    brands = listing.brands(request, staff)
    typed, problem = listing.typed(request, "q", 40), ""
    found: tuple[queries.Shown, ...] = ()
    if typed:
        try:
            serial = rules.read_serial(typed)
        except rules.InvalidSerial:
            found = queries.search(typed, brands=brands)
            problem = "" if found else _("Ce n’est pas un numéro de série : deux à six lettres et onze chiffres.")
        else:
            return redirect("office:voucher", serial=serial)
    where = listing.place(request, int)
    rows = queries.batches(brands=brands, before=int(where[0]) if where else 0, limit=ROWS + 1)
    sellers = [one for one in _sellers(staff) if not brands or one in brands]
    context = {
        "brand_choices": listing.brand_choices(staff),
        "figures": [(policy.brand(one), queries.figures(one), journey.booked_micros(one)) for one in sellers],
        "waiting": [one for one in _proposals(staff, ProposalState.PROPOSED) if not brands or one.brand in brands],
        "batches": [one for _, one in rows[:ROWS]],
        "further": listing.address(request, after=rows[ROWS - 1][0]) if len(rows) > ROWS else "",
        "typed": typed,
        "problem": problem,
        "found": found,
        "may_ask": staff.may(Permission.MAKE_VOUCHERS) and bool(sellers),
    }
    return page(request, staff, "desk_vouchers.html", context, crumbs=(("", _("Tickets")),))


@require_http_methods(["GET", "HEAD", "POST"])
@for_staff(Permission.MAKE_VOUCHERS)
def ask(request: HttpRequest, staff: Staff) -> HttpResponse:
    """The form of a new batch."""
    sellers = _sellers(staff)
    chosen = request.POST.get("brand") or request.GET.get("brand", "")
    brand = chosen if chosen in sellers else (sellers[0] if sellers else "")
    if not brand:
        raise Http404
    at = settings.CIVIL_CLOCK.now()
    terms, house = journey.terms_of(brand, at), policy.brand(brand)
    typed = {
        name: request.POST.get(name, "").strip()[:500] for name in ("series", "face", "count", "days", "reason", "key")
    }
    problem = ""
    if request.method == "POST":
        seen(request, staff, page="desk-vouchers", kind="voucher-ask", reason=typed["reason"][:200])
        try:
            made = journey.propose_batch(
                key=typed["key"],
                brand=brand,
                wish=_wish(typed),
                reason=typed["reason"],
                by=person(staff),
                at=at,
            )
        except (InvalidProposal, rules.InvalidBatch, CadranError) as error:
            problem = _why_not(error, terms)
        else:
            waits = made.state is ProposalState.PROPOSED
            told = _("Lot demandé : une seconde personne doit l’approuver.")
            messages.success(request, told if waits else _("Lot demandé : ses tickets se font."))
            return redirect("office:voucher_batch", batch_id=made.subject)
    limits = proposal_queries.limits(brand)
    spent = proposal_queries.alone_today_micros(user_id=staff.user_id, currency=house.currency, at=at)
    context = {
        "brand": house,
        "brands": [policy.brand(one) for one in sellers],
        "faces": terms.integers("voucher.face_micros"),
        "most": terms.integer("voucher.batch_most"),
        "longest": terms.integer("voucher.validity_days"),
        "typed": typed | {"key": typed["key"] if problem else ids.new_id("batch")},
        "left_micros": max(0, limits.alone_micros - spent),
        "limits": limits,
        "terms": terms,
        "problem": problem,
    }
    crumbs = ((reverse("office:vouchers"), _("Tickets")), ("", _("Nouveau lot")))
    return page(request, staff, "desk_voucher_ask.html", context, crumbs=crumbs, status=422 if problem else 200)


@require_safe
@for_staff(Permission.SEE_VOUCHERS)
def batch(request: HttpRequest, staff: Staff, batch_id: str) -> HttpResponse:
    """One batch: how it was decided, how far it is made, how its vouchers stand, and what may be done with it."""
    found = _batch(staff, batch_id)
    proposal = _proposal(found)
    counts = queries.states(found.batch_id)
    state = listing.choice(request, "state", {one.value for one in VoucherState})
    where = listing.place(request, int)
    rows = queries.vouchers(
        found.batch_id,
        after=int(where[0]) if where else 0,
        state=VoucherState(state) if state else None,
        limit=ROWS + 1,
    )
    mine = proposal is not None and proposal.proposed_by == staff.user_id
    waits = proposal is not None and proposal.state is ProposalState.PROPOSED
    context = {
        "one": found,
        "proposal": proposal,
        "counts": [(one, counts[one]) for one in VoucherState if one in counts],
        "issuable": counts.get(VoucherState.MADE, 0) if found.state is BatchState.TAKEN else 0,
        "blockable": counts.get(VoucherState.MADE, 0) + counts.get(VoucherState.ISSUED, 0),
        "vouchers": rows[:ROWS],
        "states": list(VoucherState),
        "further": listing.address(request, after=rows[ROWS - 1].index) if len(rows) > ROWS else "",
        "deeds": queries.deeds(found.batch_id),
        "may_decide": waits and not mine and staff.may(Permission.APPROVE_ADJUSTMENTS),
        "may_withdraw": waits and mine,
        "key": ids.new_id("deed"),
    }
    crumbs = ((reverse("office:vouchers"), _("Tickets")), ("", found.name))
    return page(request, staff, "desk_voucher_batch.html", context, crumbs=crumbs)


@require_safe
@for_staff(Permission.SEE_VOUCHERS)
def voucher(request: HttpRequest, staff: Staff, serial: str) -> HttpResponse:
    """One voucher by its serial: its states, who redeemed it, and who tried its code in vain."""
    try:
        found = queries.voucher(serial)
    except (queries.UnknownVoucher, rules.InvalidSerial):
        raise Http404 from None
    if not staff.serves(found.batch.brand):
        raise Http404
    seen(request, staff, page="desk-voucher", account=found.account, subject=found.serial)
    context = {
        "one": found,
        "tries": queries.tries(serial=found.serial),
        "blockable": found.state in (VoucherState.MADE, VoucherState.ISSUED),
        "key": ids.new_id("deed"),
    }
    crumbs = (
        (reverse("office:vouchers"), _("Tickets")),
        (reverse("office:voucher_batch", args=[found.batch.batch_id]), found.batch.name),
        ("", rules.shown_serial(found.serial)),
    )
    return page(request, staff, "desk_voucher.html", context, crumbs=crumbs)


@require_safe
@for_staff(Permission.SEE_VOUCHERS)
def tries(request: HttpRequest, staff: Staff) -> HttpResponse:
    """Codes that were given and were not good, newest first."""
    account = listing.typed(request, "account", 16)
    if staff.may(Permission.SEE_PERSONAL_DATA):
        seen(request, staff, page="desk-voucher-tries", account=account, kind="list")
    rows = queries.tries(brands=listing.brands(request, staff), account=account, limit=4 * ROWS)
    context = {"tries": rows, "brand_choices": listing.brand_choices(staff)}
    crumbs = ((reverse("office:vouchers"), _("Tickets")), ("", _("Codes refusés")))
    return page(request, staff, "desk_voucher_tries.html", context, crumbs=crumbs)


@require_POST
@for_staff(Permission.SEE_VOUCHERS)
def decide(request: HttpRequest, staff: Staff, batch_id: str) -> HttpResponse:
    """Approve, refuse or withdraw a batch that was asked for."""
    found, at = _batch(staff, batch_id), settings.CIVIL_CLOCK.now()
    deed, proposal = request.POST.get("deed", ""), _proposal(found)
    if deed not in DEEDS or proposal is None:
        raise Http404
    if deed != "withdraw" and not staff.may(Permission.APPROVE_ADJUSTMENTS):
        return refused(request, staff)
    seen(request, staff, page="desk-vouchers", subject=found.batch_id, kind=f"voucher-{deed}")
    try:
        if deed == "approve":
            journey.approve(proposal_id=proposal.proposal_id, by=person(staff), at=at)
            messages.success(request, _("Lot approuvé : ses tickets se font."))
        elif deed == "refuse":
            reason = request.POST.get("reason", "")
            journey.refuse(proposal_id=proposal.proposal_id, by=person(staff), reason=reason, at=at)
            messages.success(request, _("Demande refusée."))
        else:
            proposals.withdraw(proposal_id=proposal.proposal_id, by=person(staff), at=at)
            operations.dropped(batch_id=batch_id, at=at)
            messages.success(request, _("Demande retirée."))
    except CadranError as error:
        messages.error(request, _why_not(error))
    return redirect("office:voucher_batch", batch_id=batch_id)


@require_POST
@for_staff(Permission.PRINT_VOUCHERS)
def sheets(request: HttpRequest, staff: Staff, batch_id: str) -> HttpResponse:
    """The sheets of a batch, once; whoever comes second finds them gone."""
    found = _batch(staff, batch_id)
    form = request.POST.get("form", "")
    if form not in FORMS:
        raise Http404
    seen(request, staff, page="desk-vouchers", subject=found.batch_id, reason=form, kind="voucher-sheets")
    try:
        name, file = journey.print_sheets(batch_id=batch_id, form=form, by=_hand(staff), at=settings.CIVIL_CLOCK.now())
    except CadranError as error:
        messages.error(request, _why_not(error))
        return redirect("office:voucher_batch", batch_id=batch_id)
    response = HttpResponse(file, content_type=FORMS[form])
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


@require_POST
@for_staff(Permission.MAKE_VOUCHERS)
def issue(request: HttpRequest, staff: Staff, batch_id: str) -> HttpResponse:
    """Vouchers are handed out: good from now on."""
    found = _batch(staff, batch_id)
    seen(request, staff, page="desk-vouchers", subject=found.batch_id, kind="voucher-issue")
    alone = policy.brand(found.brand).staff_alone_micros
    try:
        first, last = _range(request, found)
        done = operations.issue(
            batch_id=batch_id,
            first=first,
            last=last,
            alone_micros=alone,
            reason=checked_reason(request.POST.get("reason", "")),
            key=request.POST.get("key", ""),
            by=_hand(staff),
            at=settings.CIVIL_CLOCK.now(),
        )
    except CadranError as error:
        messages.error(request, _why_not(error))
    else:
        messages.success(request, _("%(count)s tickets mis en circulation.") % {"count": done.count})
    return redirect("office:voucher_batch", batch_id=batch_id)


@require_POST
@for_staff(Permission.BLOCK_VOUCHERS)
def block(request: HttpRequest, staff: Staff, batch_id: str) -> HttpResponse:
    """Vouchers are blocked for good; those of a lost sheet may be asked for anew at once."""
    found, anew = _batch(staff, batch_id), "anew" in request.POST
    if anew and not staff.may(Permission.MAKE_VOUCHERS):
        return refused(request, staff)
    reason, key, at = request.POST.get("reason", ""), request.POST.get("key", ""), settings.CIVIL_CLOCK.now()
    seen(request, staff, page="desk-vouchers", subject=found.batch_id, reason=reason[:200], kind="voucher-block")
    try:
        if anew:
            made = journey.replace_lost(batch_id=batch_id, key=key, reason=reason, by=person(staff), at=at)
            messages.success(request, _("Lot bloqué ; un nouveau est demandé, avec d’autres codes."))
            return redirect("office:voucher_batch", batch_id=made.subject)
        first, last = _range(request, found)
        done = operations.block(
            batch_id=batch_id,
            first=first,
            last=last,
            reason=checked_reason(reason),
            key=key,
            by=_hand(staff),
            at=at,
        )
    except CadranError as error:
        messages.error(request, _why_not(error))
    else:
        messages.success(request, _("%(count)s tickets bloqués.") % {"count": done.count})
    return redirect("office:voucher_batch", batch_id=batch_id)


def _batch(staff: Staff, batch_id: str) -> Batch:
    try:
        found = queries.batch(batch_id)
    except queries.UnknownBatch:
        raise Http404 from None
    if not staff.serves(found.brand):
        raise Http404
    return found


def _proposal(found: Batch) -> Shown | None:
    rows = proposal_queries.proposals(kinds=(ProposalKind.VOUCHERS,), subject=found.batch_id, limit=1)
    return rows[0] if rows else None


def _proposals(staff: Staff, state: ProposalState) -> list[Shown]:
    rows = proposal_queries.proposals(kinds=(ProposalKind.VOUCHERS,), state=state, limit=2 * ROWS)
    return [one for one in rows if staff.serves(one.brand)]


def _sellers(staff: Staff) -> list[str]:
    """The brands within reach whose terms know vouchers."""
    at = settings.CIVIL_CLOCK.now()
    return [one for one in listing.brand_choices(staff) if rules.offers_vouchers(journey.terms_of(one, at))]


def _hand(staff: Staff) -> Hand:
    return Hand(user_id=staff.user_id, name=staff.user_name)


def _range(request: HttpRequest, found: Batch) -> tuple[int, int]:
    """The places typed, as numbers or as serials of this batch; all of it where none is."""
    first, last = (request.POST.get(name, "").strip() for name in ("first", "last"))
    return _place(first, found, 1), _place(last, found, found.count)


def _place(text: str, found: Batch, otherwise: int) -> int:
    if not text:
        return otherwise
    if text.isascii() and text.isdigit() and len(text) <= rules.INDEX_DIGITS:
        return int(text)
    serial = rules.read_serial(text)
    if not serial.startswith(found.first_serial[: -rules.INDEX_DIGITS - 1]):
        raise rules.InvalidSerial("this serial is of another batch")
    return rules.index_of(serial)


def _wish(typed: dict[str, str]) -> Wish:
    def whole(name: str) -> int:
        text = typed[name]
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else 0

    days = whole("days") if typed["days"] else 0
    if typed["days"] and not days:
        days = -1
    return Wish(series=typed["series"].upper(), face_micros=whole("face"), count=whole("count"), valid_days=days)


def _why_not(error: CadranError, terms: Terms | None = None) -> str:
    if isinstance(error, InvalidProposal):
        return _("Donnez la raison, en 8 à 400 caractères : elle reste comme preuve.")
    if isinstance(error, rules.InvalidBatch) and terms is not None:
        return _(
            "Choisissez une série de deux à six lettres qui n’est pas d’une autre marque, une valeur proposée, 1 à %(most)s "
            "tickets, et 1 à %(days)s jours."
        ) % {"most": terms.integer("voucher.batch_most"), "days": terms.integer("voucher.validity_days")}
    return sentence(error)
