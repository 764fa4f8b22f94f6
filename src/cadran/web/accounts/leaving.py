"""One's own data as an archive, and closing the account. Both ask who it is again."""

from __future__ import annotations

from collections.abc import Iterator

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy, override
from django.views.decorators.http import require_http_methods

from cadran.journeys import closing
from cadran.journeys import own_data as own
from cadran.party import queries as party
from cadran.units.clause import carries
from cadran.web import forms
from cadran.web.accounts import again
from cadran.web.accounts.limits import at_most
from cadran.web.views.customer import for_customers

PURPOSES = {
    closing.IDENTITY: gettext_lazy("Votre identité : nom, nom d’utilisateur, adresse e-mail"),
    closing.SUBSCRIPTION: gettext_lazy("Votre contrat : dates et documents acceptés"),
    closing.TRAFFIC: gettext_lazy("Les données techniques de vos appels"),
    closing.INVOICES: gettext_lazy("Vos factures et reçus"),
    closing.EVIDENCE: gettext_lazy("Les preuves : commandes, paiements, accords, courriels envoyés"),
}
CONFIRMATION = {"fr": "FERMER", "en": "CLOSE"}


@carries("KRY-2.5-privacy")
@require_http_methods(["GET", "HEAD", "POST"])
@at_most(6, 3600, "own-data")
@for_customers
@again.asked_again
def own_data(request: HttpRequest, customer: party.Customer) -> HttpResponseBase:
    """All that is kept of the customer, in one archive, streamed while it is made."""
    if request.method != "POST":
        return render(request, "accounts/own_data.html", {"customer": customer})
    at = settings.CIVIL_CLOCK.now()
    language = forms.language()

    def pieces() -> Iterator[bytes]:
        with override(language):
            yield from own.archive(customer=customer, at=at)

    response = StreamingHttpResponse(pieces(), content_type="application/zip")
    name = f"cadran-{customer.account}-{at:%Y%m%d}.zip"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


@carries("KRY-4.2.3-erasure")
@require_http_methods(["GET", "HEAD", "POST"])
@at_most(10, 3600, "close-account")
@for_customers
@again.asked_again
def close(request: HttpRequest, customer: party.Customer) -> HttpResponse:
    """What closing means; then, with a word typed to confirm, the closing."""
    at = settings.CIVIL_CLOCK.now()
    word, wrong, status = CONFIRMATION[forms.language()], False, 200
    if request.method == "POST":
        if request.POST.get("word", "").strip().upper() != word:
            wrong, status = True, 422
        else:
            try:
                kept = closing.close(user_id=customer.user_id, at=at)
            except closing.UnableToClose:
                status = 409
            else:
                get_adapter().logout(request)
                return render(request, "accounts/closed.html", {"keeping": _named(kept), "email": customer.email})
    what = closing.consequences(customer=customer, at=at)
    context = {"what": what, "keeping": _named(what.keeping), "word": word, "wrong": wrong, "customer": customer}
    return render(request, "accounts/close.html", context, status=status)


def _named(keeping: tuple[closing.Keeping, ...]) -> list[tuple[object, closing.Keeping]]:
    return [(PURPOSES[one.purpose], one) for one in keeping]
