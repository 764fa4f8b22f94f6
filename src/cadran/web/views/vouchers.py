"""Topping up by voucher: type the code of a printed voucher, see the credit before and after."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from cadran.balance import queries as balance
from cadran.charging.adapters.client import SocketCharging
from cadran.journeys import vouchers as journey
from cadran.journeys.vouchers import Origin, Redeemed
from cadran.party import queries as party
from cadran.payment.vouchers import queries, redemption, rules
from cadran.payment.vouchers.rules import Outcome
from cadran.policy import queries as policy
from cadran.units import clause, ids
from cadran.units.errors import CadranError
from cadran.web.forms import client_ip
from cadran.web.views.customer import for_customers

SHOWN = 20
CHARGING_TIMEOUT_S = 3


@clause.carries("KRY-2.4-coupons")
@require_http_methods(["GET", "HEAD", "POST"])
@for_customers
def redeem(request: HttpRequest, customer: party.Customer) -> HttpResponse:
    """The form for a code, and what became of the one sent. A good one leads to its own page, so that a reload sends nothing."""
    at = settings.CIVIL_CLOCK.now()
    terms = policy.governing_terms(customer.terms, at)
    if not rules.offers_vouchers(terms):
        raise Http404
    problem, kind, status, until = "", "", 200, None
    if request.method == "POST":
        try:
            answer = _redeemed(request, customer)
        except CadranError as error:
            problem, kind, status = _why(error), "error", 409
        else:
            if answer.outcome in (Outcome.OK, Outcome.PENDING):
                return redirect("voucher", redemption_id=answer.redemption_id)
            said = answer.decision
            problem = said.fr if get_language() == "fr" else said.en
            kind, until = str(answer.outcome), answer.wait_until
            status = 429 if answer.outcome is Outcome.LOCKED else 422
    context = {
        "customer": customer,
        "problem": problem,
        "kind": kind,
        "until": until,
        "key": ids.new_id("redeem"),
        "code": request.POST.get("code", "")[: rules.MOST_TYPED] if kind == Outcome.MISTYPED else "",
        "redemptions": queries.redemptions(account=customer.account, limit=SHOWN),
        "validity_days": terms.integer("credit.validity_days"),
        "terms": terms,
    }
    response = render(request, "web/voucher.html", context, status=status)
    if until is not None:
        response.headers["Retry-After"] = str(max(1, int((until - at).total_seconds())))
    return response


@require_safe
@for_customers
def shown(request: HttpRequest, customer: party.Customer, redemption_id: str) -> HttpResponse:
    """A voucher redeemed: the credit before and after, until when it is valid. Another customer's does not exist here."""
    try:
        found = queries.redemption(redemption_id)
    except queries.UnknownVoucher:
        raise Http404 from None
    if found.account != customer.account:
        raise Http404
    if found.state == redemption.RELEASED:
        messages.error(request, _("Ce ticket n’a pas pu être crédité : il reste valable. Réessayez, ou écrivez-nous."))
        return redirect("voucher_redeem")
    after = found.balance_micros
    context = {
        "customer": customer,
        "one": found,
        "before_micros": None if after is None else after - found.amount_micros,
        "after_micros": after,
        "balance": balance.balance(customer.account, settings.CIVIL_CLOCK.now()),
        "movement": f"purchase/voucher-{found.redemption_id}",
    }
    return render(request, "web/voucher_redeemed.html", context)


def _redeemed(request: HttpRequest, customer: party.Customer) -> Redeemed:
    charging = SocketCharging(settings.CHARGING_SOCKET, timeout_s=CHARGING_TIMEOUT_S)
    try:
        return journey.redeem(
            account=customer.account,
            code=request.POST.get("code", ""),
            key=request.POST.get("key", ""),
            at=settings.CIVIL_CLOCK.now(),
            origin=Origin(channel="portal", source=client_ip(request)),
            charging=charging,
        )
    finally:
        charging.close()


def _why(error: CadranError) -> str:
    sentences = {
        "vouchers-key-reused": _("Cette page a déjà servi : saisissez le code à nouveau."),
        "units-key-invalid": _("Cette page est incomplète : saisissez le code à nouveau."),
        "vouchers-not-credited": _("Ce ticket n’a pas pu être crédité : il reste valable. Réessayez, ou écrivez-nous."),
    }
    return sentences.get(error.error_id, error.message)
