"""Credit given or taken back and refunds: asked for with a reason, approved by a second person above the limit."""

from __future__ import annotations

import re
from decimal import Decimal

import structlog
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cadran.balance import queries as balance
from cadran.charging.adapters.client import SocketCharging
from cadran.journeys import adjustments
from cadran.journeys.proposals import operations, queries, rules
from cadran.journeys.proposals.queries import Shown
from cadran.journeys.proposals.rules import ProposalKind, ProposalState
from cadran.party import queries as party
from cadran.party.queries import Staff
from cadran.party.staff import Permission
from cadran.payment import queries as payment
from cadran.payment.rules import Means, OrderState
from cadran.units import ids
from cadran.units.errors import CadranError
from cadran.web.office.desk.speech import person, sentence
from cadran.web.office.gate import for_staff
from cadran.web.office.pages import page, refused, seen

log = structlog.get_logger()
_AMOUNT = re.compile(r"[0-9]{1,9}([.,][0-9]{1,2})?")
ROWS = 50
DEEDS = ("approve", "refuse", "withdraw")


@require_safe
@for_staff(Permission.SEE_MONEY)
def listed(request: HttpRequest, staff: Staff) -> HttpResponse:
    """What waits for a second person, and what was decided lately."""
    found = [one for one in queries.proposals(kinds=adjustments.MONEY, limit=4 * ROWS) if staff.serves(one.brand)]
    context = {
        "waiting": [one for one in found if one.state is ProposalState.PROPOSED],
        "decided": [one for one in found if one.state is not ProposalState.PROPOSED][:ROWS],
        "may_ask": staff.may(Permission.ADJUST_CREDIT) or staff.may(Permission.REFUND),
    }
    return page(request, staff, "desk_money.html", context, crumbs=(("", _("Crédits et remboursements")),))


@require_http_methods(["GET", "HEAD", "POST"])
@for_staff(Permission.SEE_MONEY)
def ask(request: HttpRequest, staff: Staff) -> HttpResponse:
    """The form of a request, for the account that the address names."""
    kinds = [kind for kind, permission in adjustments.ASKS.items() if staff.may(permission)]
    if not kinds:
        return refused(request, staff)
    asked = request.POST if request.method == "POST" else request.GET
    typed = {
        name: asked.get(name, "").strip()[:500] for name in ("account", "kind", "amount", "reason", "order", "key")
    }
    holder = _holder(staff, typed["account"])
    problem = "" if holder or not typed["account"] else _("Aucun client sous ce compte.")
    if request.method == "POST" and holder is not None:
        if typed["kind"] not in kinds:
            return refused(request, staff)
        try:
            return _asked(request, staff, holder, typed)
        except CadranError as error:
            problem = _why_not(error, holder)
    at = settings.CIVIL_CLOCK.now()
    context: dict[str, object] = {
        "kinds": kinds,
        "typed": typed | {"key": typed["key"] if request.method == "POST" and problem else ids.new_id("ask")},
        "problem": problem,
        "holder": holder,
    }
    if holder is not None:
        seen(request, staff, page="desk-money-ask", account=holder.account)
        limits = queries.limits(holder.brand)
        spent = queries.alone_today_micros(user_id=staff.user_id, currency=holder.currency, at=at)
        context |= {
            "limits": limits,
            "left_micros": max(0, limits.alone_micros - spent),
            "balance": balance.balance(holder.account, at),
            "orders": [one for one in payment.orders(holder.account, limit=20) if _refundable(one)],
        }
    status = 422 if problem else 200
    crumbs = ((reverse("office:money"), _("Crédits et remboursements")), ("", _("Nouvelle demande")))
    return page(request, staff, "desk_money_ask.html", context, crumbs=crumbs, status=status)


@require_safe
@for_staff(Permission.SEE_MONEY)
def shown(request: HttpRequest, staff: Staff, proposal_id: str) -> HttpResponse:
    """One request with all its steps, and what may be done with it."""
    found = _found(staff, proposal_id)
    seen(request, staff, page="desk-money", account=found.account, subject=found.proposal_id)
    mine = found.proposed_by == staff.user_id
    waits = found.state is ProposalState.PROPOSED
    context = {
        "one": found,
        "holder": party.customer_of_account(found.account),
        "may_decide": waits and not mine and staff.may(Permission.APPROVE_ADJUSTMENTS),
        "may_withdraw": waits and mine,
    }
    crumbs = ((reverse("office:money"), _("Crédits et remboursements")), ("", found.proposal_id[-8:]))
    return page(request, staff, "desk_money_one.html", context, crumbs=crumbs)


@require_POST
@for_staff(Permission.SEE_MONEY)
def decide(request: HttpRequest, staff: Staff, proposal_id: str) -> HttpResponse:
    """Approve, refuse or withdraw a request. Sent again, it says that the request was dealt with."""
    found = _found(staff, proposal_id)
    deed, at = request.POST.get("deed", ""), settings.CIVIL_CLOCK.now()
    if deed not in DEEDS:
        raise Http404
    if deed != "withdraw" and not staff.may(Permission.APPROVE_ADJUSTMENTS):
        return refused(request, staff)
    seen(request, staff, page="desk-money", account=found.account, subject=found.proposal_id, kind=f"money-{deed}")
    try:
        if deed == "approve":
            _carried_out(request, adjustments.approve(proposal_id=proposal_id, by=person(staff), at=at))
        elif deed == "refuse":
            reason = request.POST.get("reason", "")
            adjustments.refuse(proposal_id=proposal_id, by=person(staff), reason=reason, at=at)
            messages.success(request, _("Demande refusée."))
        else:
            operations.withdraw(proposal_id=proposal_id, by=person(staff), at=at)
            messages.success(request, _("Demande retirée."))
    except rules.InvalidProposal:
        messages.error(request, _("Donnez la raison, en 8 à 400 caractères : elle reste comme preuve."))
    except CadranError as error:
        messages.error(request, sentence(error))
    return redirect("office:money_one", proposal_id=proposal_id)


def _asked(request: HttpRequest, staff: Staff, holder: party.Customer, typed: dict[str, str]) -> HttpResponse:
    seen(
        request,
        staff,
        page="desk-money-ask",
        account=holder.account,
        subject=typed["order"][:64],
        reason=typed["reason"][:200],
        kind=f"ask-{typed['kind']}",
    )
    made = adjustments.propose(
        key=typed["key"],
        kind=ProposalKind(typed["kind"]),
        account=holder.account,
        amount_micros=_micros(typed["amount"]),
        reason=typed["reason"],
        by=person(staff),
        at=settings.CIVIL_CLOCK.now(),
        order_id=typed["order"],
    )
    if made.state is ProposalState.PROPOSED:
        messages.success(request, _("Demande enregistrée : une seconde personne doit l’approuver."))
    else:
        _carried_out(request, made)
    return redirect("office:money_one", proposal_id=made.proposal_id)


def _carried_out(request: HttpRequest, found: Shown) -> None:
    """Do at once what was approved; what cannot be done now, the jobs process does."""
    till = SocketCharging(settings.CHARGING_SOCKET, timeout_s=3)
    try:
        done = adjustments.carry_out(proposal_id=found.proposal_id, till=till, at=settings.CIVIL_CLOCK.now())
    except CadranError as error:
        log.warning("proposal-waits", proposal=found.proposal_id, error=error.error_id)
        messages.warning(request, _("Approuvé. L’exécution attend un partenaire et se fera d’elle-même."))
        return
    finally:
        till.close()
    if done.state is ProposalState.FAILED:
        messages.error(request, _("Approuvé, mais impossible à exécuter : voyez la dernière étape."))
    else:
        messages.success(request, _("Fait."))


def _found(staff: Staff, proposal_id: str) -> Shown:
    try:
        found = queries.proposal(proposal_id)
    except queries.UnknownProposal:
        raise Http404 from None
    if found.kind not in adjustments.MONEY or not staff.serves(found.brand):
        raise Http404
    return found


def _holder(staff: Staff, account: str) -> party.Customer | None:
    try:
        found = party.customer_of_account(account)
    except party.UnknownCustomer:
        return None
    return found if staff.serves(found.brand) else None


def _refundable(order: payment.Order) -> bool:
    """Paid by card: a transfer is paid back at the bank."""
    return order.state is OrderState.PAID and order.means == Means.CARD


def _micros(text: str) -> int:
    return int(Decimal(text.replace(",", ".")) * 1_000_000) if _AMOUNT.fullmatch(text) else 0


def _why_not(error: CadranError, holder: party.Customer) -> str:
    if isinstance(error, rules.InvalidProposal):
        most = queries.limits(holder.brand).most_micros // 1_000_000
        amount = _("Donnez un montant au-dessus de zéro, jusqu’à %(most)s %(currency)s, et du paiement au plus.")
        reason = _("Donnez la raison, en 8 à 400 caractères : elle reste comme preuve.")
        return f"{amount % {'most': most, 'currency': holder.currency}} {reason}"
    return sentence(error)
