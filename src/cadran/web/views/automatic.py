"""Automatic top-up: what it does and may cost in a month, the card on the provider's page, and how to end it."""

from __future__ import annotations

import structlog
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from cadran.journeys import automatic as journey
from cadran.journeys import credit, mails
from cadran.party import queries as party
from cadran.payment import automatic, rules
from cadran.payment.ports import ProviderRefused, ProviderUncertain
from cadran.policy import queries as policy
from cadran.policy.terms import Terms
from cadran.units import clause, period
from cadran.web.views.customer import for_customers

log = structlog.get_logger()


@clause.carries("IPP-9.2-top-up-amounts", "IPP-9.2-100-a-month")
@require_http_methods(["GET", "HEAD", "POST"])
@for_customers
def choose(request: HttpRequest, customer: party.Customer) -> HttpResponse:
    """The wish: threshold, amount, monthly cap, with the agreement to be charged; back from the provider's page, it is asked."""
    at = settings.CIVIL_CLOCK.now()
    terms = policy.governing_terms(customer.terms, at)
    problem, status = "", 200
    if request.method == "POST":
        if "end" in request.POST:
            automatic.end(account=customer.account, at=at)
            messages.success(request, _("Le rechargement automatique est arrêté, et la carte est oubliée."))
            return redirect("automatic_topup")
        try:
            return _agree(request, customer, terms)
        except automatic.InvalidWish:
            problem, status = _("Choisissez un seuil, un montant et un plafond parmi ceux proposés."), 422
        except (ProviderUncertain, ProviderRefused) as error:
            log.warning("card-page-not-opened", account=customer.account, error=error.error_id)
            problem, status = _("Le prestataire de paiement ne répond pas. Réessayez dans un instant."), 503
    wish = journey.refresh_card(account=customer.account, provider=credit.card_provider(), at=at)
    shown = wish if wish is not None and wish.state is not automatic.State.ENDED else None
    amounts = _amounts(customer, terms)
    context = {
        "customer": customer,
        "problem": problem,
        "wish": shown,
        "state": shown.state.value if shown else "",
        "thresholds": terms.integers("topup.automatic_thresholds_micros"),
        "amounts": amounts,
        "caps": amounts,
        "limit_micros": terms.integer("topup.monthly_card_limit_micros"),
        "terms": terms,
    }
    return render(request, "web/automatic.html", context, status=status)


def _amounts(customer: party.Customer, terms: Terms) -> tuple[int, ...]:
    """The amounts on offer that a card may pay within a month."""
    zone, at = terms.text("topup.zone"), settings.CIVIL_CLOCK.now()
    days = (period.civil_day(at, zone) - period.civil_day(customer.created_at, zone)).days
    limit = terms.integer("topup.monthly_card_limit_micros")
    return tuple(amount for amount in rules.offered_amounts(terms, seniority_days=days) if amount <= limit)


def _agree(request: HttpRequest, customer: party.Customer, terms: Terms) -> HttpResponse:
    if request.POST.get("agree") != "on":
        raise automatic.InvalidWish("the agreement to be charged is ticked")
    zone, at = terms.text("topup.zone"), settings.CIVIL_CLOCK.now()
    wish = automatic.agree(
        account=customer.account,
        brand=customer.brand,
        terms=terms,
        threshold_micros=_micros(request, "threshold"),
        amount_micros=_micros(request, "amount"),
        cap_micros=_micros(request, "cap"),
        seniority_days=(period.civil_day(at, zone) - period.civil_day(customer.created_at, zone)).days,
        at=at,
    )
    if wish.card_token and "other_card" not in request.POST and wish.state is automatic.State.ACTIVE:
        messages.success(request, _("Votre rechargement automatique est à jour."))
        return redirect("automatic_topup")
    url = journey.open_card_page(
        account=customer.account,
        currency=customer.currency,
        return_url=mails.site_url(customer.brand) + reverse("automatic_topup"),
        provider=credit.card_provider(),
    )
    return redirect(url)


def _micros(request: HttpRequest, name: str) -> int:
    typed = request.POST.get(name, "")
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) <= 15 else 0
