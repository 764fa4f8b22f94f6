"""A customer's webhooks: which addresses are told what, their secrets, and what was sent to each, with every attempt."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from cadran.messaging.webhooks import kinds, operations, queries, rules
from cadran.messaging.webhooks.operations import Made, TooManyEndpoints
from cadran.party import queries as party
from cadran.units.errors import CadranError
from cadran.web.accounts.again import asked_again
from cadran.web.api import words
from cadran.web.views.customer import for_customers

ROWS = 20
MOST_TICKED = 60
Groups = list[tuple[str, list[tuple[str, str, bool]], bool]]


@dataclass(frozen=True, slots=True)
class Shown:
    """An endpoint with the words of its state and what was sent to it last."""

    endpoint: queries.Endpoint
    label: str
    groups: Groups
    deliveries: list[tuple[queries.Delivery, str]]


@require_http_methods(["GET", "HEAD", "POST"])
@for_customers
@asked_again
def customer_webhooks(request: HttpRequest, customer: party.Customer) -> HttpResponse:
    """The customer's endpoints: add one, whose secret is shown once; try it, change it, send something again, remove it."""
    owner = queries.Owner(customer.brand, customer.account)
    made, wrong = None, ""
    if request.method == "POST":
        try:
            made = _done(request, owner, customer.username)
        except queries.NotFound:
            raise Http404 from None
        except CadranError as error:
            wrong = told(error)
        if made is None and not wrong:
            return redirect("webhooks")
    ticked = request.POST.getlist("kinds")[:MOST_TICKED] if "add" in request.POST and wrong else []
    context = {
        "customer": customer,
        "made": made,
        "wrong": wrong,
        "typed": request.POST if wrong else {},
        "groups": _groups(owner, ticked),
        "endpoints": [_shown(one, owner) for one in queries.endpoints(owner)],
        "attempts": rules.MOST_ATTEMPTS,
        "most": rules.MOST_ENDPOINTS,
    }
    return render(request, "api/webhooks.html", context, status=422 if wrong else 200)


def _done(request: HttpRequest, owner: queries.Owner, by: str) -> Made | None:
    """Do what the pressed button says; a fresh secret comes back to be shown. Raises NotFound and what the operations raise."""
    form, at = request.POST, settings.CIVIL_CLOCK.now()
    if "add" in form:
        return operations.add_endpoint(
            owner=owner,
            url=form.get("url", "").strip(),
            kinds=form.getlist("kinds")[:MOST_TICKED],
            description=form.get("description", ""),
            by=by,
            at=at,
        )
    if "replay" in form:
        operations.replay(owner=owner, delivery_id=form["replay"], by=by, at=at)
        messages.success(request, _("L’avis part de nouveau."))
        return None
    endpoint_id = form.get("endpoint", "")
    match form.get("deed", ""):
        case "ping":
            operations.ping(owner=owner, endpoint_id=endpoint_id, at=at)
            messages.success(request, _("Un avis d’essai part : rechargez dans un instant pour voir la réponse."))
        case "rotate":
            return operations.rotate_secret(owner=owner, endpoint_id=endpoint_id, by=by, at=at)
        case "enable" | "disable" as deed:
            operations.change_endpoint(owner=owner, endpoint_id=endpoint_id, enabled=deed == "enable", by=by, at=at)
        case "kinds":
            wanted = form.getlist("kinds")[:MOST_TICKED]
            operations.change_endpoint(owner=owner, endpoint_id=endpoint_id, kinds=wanted, by=by, at=at)
            messages.success(request, _("Les avis voulus sont enregistrés."))
        case "remove":
            operations.remove_endpoint(owner=owner, endpoint_id=endpoint_id, by=by, at=at)
            messages.success(request, _("L’adresse est retirée : rien ne lui est plus envoyé."))
        case _:
            raise Http404
    return None


def told(error: CadranError) -> str:
    """Why nothing was kept, in the language of the page."""
    if isinstance(error, TooManyEndpoints):
        return _("Vous avez déjà dix adresses : retirez-en une d’abord.")
    if isinstance(error, rules.AddressRefused):
        return _("Donnez une adresse https que l’Internet connaît, sans mot de passe ni fragment.")
    if error.details.get("field") == "kinds":
        return _("Cochez au moins un avis.")
    return _("Cette demande n’a pas pu être lue : vérifiez-la et recommencez.")


def _shown(one: queries.Endpoint, owner: queries.Owner) -> Shown:
    sent = [found for _place, found in queries.deliveries(one.endpoint_id, owner, limit=ROWS)]
    return Shown(
        endpoint=one,
        label=words.endpoint_state(one.state),
        groups=_groups(owner, one.kinds),
        deliveries=[(found, words.delivery_state(found.state)) for found in sent],
    )


def _groups(owner: queries.Owner, ticked: tuple[str, ...] | list[str]) -> Groups:
    """The kinds that a customer may want, by their first word: name, sentence, whether it is ticked. Open: the first group, and those
    with a tick."""
    groups: dict[str, list[tuple[str, str, bool]]] = {}
    for name in rules.kinds_of(owner.account):
        kind = kinds.KINDS[name]
        sentence = kind.fr if get_language() == "fr" else kind.en
        groups.setdefault(words.notices(name.partition(".")[0]), []).append((name, sentence, name in ticked))
    return [(title, rows, not at or any(on for *_, on in rows)) for at, (title, rows) in enumerate(groups.items())]
