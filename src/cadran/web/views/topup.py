"""Buying credit: choose an amount, pay on the provider's page or by transfer, come back, see it credited."""

from __future__ import annotations

import structlog
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cadran.balance import queries as balance
from cadran.invoicing import pdf
from cadran.invoicing import queries as invoicing
from cadran.journeys import credit, mails
from cadran.party import queries as party
from cadran.payment import automatic, rules
from cadran.payment import queries as payment
from cadran.payment.operations import KeyReused, TopUpRefused
from cadran.payment.ports import ForgedNotice, ProviderRefused, ProviderUncertain
from cadran.payment.vouchers import rules as vouchers
from cadran.policy import queries as policy
from cadran.policy.rules import Decision
from cadran.policy.terms import Terms
from cadran.units import clause, ids
from cadran.web import topups
from cadran.web.views.customer import for_customers

log = structlog.get_logger()
MAX_NOTICE_BYTES = 100_000
SHOWN = 50


@clause.carries("IPP-9.2-top-up-amounts", "IPP-9.2-100-a-month")
@require_http_methods(["GET", "HEAD", "POST"])
@for_customers
def choose(request: HttpRequest, customer: party.Customer) -> HttpResponse:
    """The amounts offered; a choice places the order and leads to the card page or to the transfer's reference."""
    terms = policy.governing_terms(customer.terms, settings.CIVIL_CLOCK.now())
    problem, status = "", 200
    if request.method == "POST":
        try:
            order = _order(request, customer, terms)
            if order.state is rules.OrderState.AT_PROVIDER and order.checkout_url:
                return redirect(order.checkout_url)
            return redirect("topup_order", order_id=order.order_id)
        except TopUpRefused as refused:
            decision = refused.details["decision"]
            assert isinstance(decision, Decision)
            problem, status = (decision.fr if get_language() == "fr" else decision.en), 422
        except (ProviderUncertain, ProviderRefused) as error:
            log.warning("checkout-not-opened", account=customer.account, error=error.error_id)
            problem, status = (
                _("Le prestataire de paiement ne répond pas. Rien n’a été débité : réessayez dans un instant."),
                503,
            )
        except (KeyReused, ids.InvalidKey):
            problem, status = _("Cette page a déjà servi : choisissez à nouveau le montant."), 409
    at = settings.CIVIL_CLOCK.now()
    context = {
        "customer": customer,
        "problem": problem,
        "key": request.POST.get("key", "") if status == 503 else ids.new_id("topup"),
        "choices": topups.choices(customer, terms, at),
        "limit_micros": terms.integer("topup.monthly_card_limit_micros"),
        "validity_days": terms.integer("credit.validity_days"),
        "orders": payment.orders(customer.account, limit=10),
        "terms": terms,
        "vouchers": vouchers.offers_vouchers(terms),
    }
    return render(request, "web/topup.html", context, status=status)


def _order(request: HttpRequest, customer: party.Customer, terms: Terms) -> payment.Order:
    typed = request.POST.get("amount", "")
    amount = int(typed) if typed.isascii() and typed.isdigit() and len(typed) <= 15 else 0
    return credit.order_top_up(
        key=request.POST.get("key", ""),
        account=customer.account,
        brand=customer.brand,
        terms=terms,
        opened_at=customer.created_at,
        amount_micros=amount,
        currency=customer.currency,
        description=_("Crédit %(brand)s") % {"brand": policy.brand(customer.brand).name},
        return_url=lambda order_id: mails.site_url(customer.brand) + reverse("topup_order", args=[order_id]),
        provider=credit.card_provider(),
        at=settings.CIVIL_CLOCK.now(),
    )


@require_safe
@for_customers
def payments(request: HttpRequest, customer: party.Customer) -> HttpResponse:
    """Credit, orders and receipts of the account, and the way to everything that concerns money."""
    receipts = invoicing.receipts(account=customer.account, limit=SHOWN)
    wish = automatic.wish(customer.account)
    terms = policy.governing_terms(customer.terms, settings.CIVIL_CLOCK.now())
    context = {
        "customer": customer,
        "vouchers": vouchers.offers_vouchers(terms),
        "balance": balance.balance(customer.account, settings.CIVIL_CLOCK.now()),
        "orders": payment.orders(customer.account, limit=SHOWN),
        "receipts": receipts,
        "wish": wish if wish is not None and wish.state is not automatic.State.ENDED else None,
        "state": wish.state.value if wish is not None else "",
        "receipt_of": {one.order: one.number for one in receipts if one.amount_micros > 0},
    }
    return render(request, "web/payments.html", context)


@require_safe
@for_customers
def receipt(request: HttpRequest, customer: party.Customer, number: str) -> HttpResponse:
    """A receipt as PDF; another customer's does not exist here."""
    try:
        found = invoicing.receipt(number, account=customer.account)
    except invoicing.UnknownReceipt:
        raise Http404 from None
    response = HttpResponse(pdf.receipt_pdf(found), content_type="application/pdf")
    response.headers["Content-Disposition"] = f'attachment; filename="{_safe_name(found.number)}.pdf"'
    return response


@require_safe
@for_customers
def order(request: HttpRequest, customer: party.Customer, order_id: str) -> HttpResponse:
    """How an order stands. Coming back from the card page asks the provider, so that nobody waits for its notice."""
    try:
        found = payment.order(order_id, account=customer.account)
    except payment.UnknownOrder:
        raise Http404 from None
    if found.state is rules.OrderState.AT_PROVIDER:
        found = credit.refresh(order_id=order_id, provider=credit.card_provider(), at=settings.CIVIL_CLOCK.now())
    context = {
        "customer": customer,
        "order": found,
        "movement": f"purchase/{found.order_id}",
        "receipt": invoicing.receipt_of_order(found.order_id),
        "bank": settings.BANK_ACCOUNT,
        "sandbox_bank": settings.SANDBOX_BANK_URL,
    }
    return render(request, "web/topup_order.html", context)


@csrf_exempt
@require_POST
def card_notice(request: HttpRequest) -> HttpResponse:
    """A signed notice of the card provider. 4xx: forged or too large; 503: send it again later."""
    if int(request.headers.get("content-length") or 0) > MAX_NOTICE_BYTES:
        return HttpResponse(status=413)
    try:
        done = credit.card_notice(
            payload=request.body,
            signature=request.headers.get("stripe-signature", ""),
            provider=credit.card_provider(),
            at=settings.CIVIL_CLOCK.now(),
        )
    except ForgedNotice:
        log.warning("notice-forged", source=request.META.get("REMOTE_ADDR"))
        return HttpResponse(status=400)
    except (ProviderUncertain, ProviderRefused):
        return HttpResponse(status=503)
    return HttpResponse(done, content_type="text/plain")


def _safe_name(text: str) -> str:
    """Letters, digits and dashes of ASCII: nothing that a header could end at."""
    return "".join(mark if mark.isascii() and (mark.isalnum() or mark == "-") else "-" for mark in text)[:80]
