"""Partners set up from the screen: carriers, card provider, mail server. Secrets go in and never come out; each can be tested."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from cadran.journeys import partner_checks, partner_list
from cadran.party import partners
from cadran.party.partners import PartnerKind
from cadran.party.queries import Staff
from cadran.party.staff import Permission
from cadran.policy import queries as policy
from cadran.units.errors import CadranError
from cadran.web.office.desk.speech import sentence
from cadran.web.office.gate import for_staff
from cadran.web.office.pages import page, refused, seen


@require_safe
@for_staff(Permission.SEE_PARTNERS)
def listed(request: HttpRequest, staff: Staff) -> HttpResponse:
    """All partners, where each setting comes from, and who changed what."""
    return _list(request, staff)


@require_POST
@for_staff(Permission.EDIT_PARTNERS)
def save(request: HttpRequest, staff: Staff, kind: str) -> HttpResponse:
    """Keep a partner; running processes take it up within seconds."""
    of, form = _kind(kind), request.POST
    brand, name = "", ""
    if of is PartnerKind.CARRIER:
        brand, name = _brand(staff, form.get("brand", "")), form.get("name", "").strip()
    elif not partners.reached_by(of, staff.brands):
        return refused(request, staff)
    typed = {key: form.get(key, "") for key in partners.FIELDS[of]}
    try:
        partners.set_up(
            kind=of,
            brand=brand,
            name=name,
            stated=typed,
            secrets={key: form.get(key, "") for key in partners.SECRETS[of]},
            enabled=form.get("enabled") == "on",
            by_id=staff.user_id,
            by_name=staff.user_name,
            at=settings.CIVIL_CLOCK.now(),
        )
    except CadranError as error:
        problem = _problem(error)
        return _list(request, staff, status=422, problem=problem, wrong=kind, typed=typed | {"name": name})
    seen(request, staff, page="desk-partners", subject=f"{kind}/{brand}/{name}"[:64], kind="partner-change")
    messages.success(request, _("Enregistré. Les processus en marche s’en servent dans les secondes qui suivent."))
    return redirect("office:partners")


@require_POST
@for_staff(Permission.EDIT_PARTNERS)
def test(request: HttpRequest, staff: Staff, kind: str) -> HttpResponse:
    """Reach the partner as it is set up now, and tell what it said."""
    of = _kind(kind)
    brand, name = "", request.POST.get("name", "")[:40]
    if of is PartnerKind.CARRIER:
        brand = _brand(staff, request.POST.get("brand", ""))
    seen(request, staff, page="desk-partners", subject=f"{kind}/{brand}/{name}"[:64], kind="partner-test")
    try:
        if of is PartnerKind.CARRIER:
            said = partner_checks.carrier(brand=brand, name=name)
        elif of is PartnerKind.CARD:
            said = partner_checks.card()
        else:
            said = partner_checks.mail(
                to=staff.email,
                subject=_("Essai du serveur de courrier"),
                text=_("Ce message est un essai demandé depuis le back-office. Il est bien arrivé."),
                at=settings.CIVIL_CLOCK.now(),
            )
    except CadranError as error:
        messages.error(request, _("Essai manqué : %(why)s") % {"why": _problem(error)})
    else:
        messages.success(request, _("Essai réussi : %(said)s") % {"said": said[:200]})
    return redirect("office:partners")


def _list(request: HttpRequest, staff: Staff, *, status: int = 200, **more: object) -> HttpResponse:
    brands = [brand for brand in policy.brands() if staff.serves(brand.key)]
    card, mail = partners.partner(PartnerKind.CARD), partners.partner(PartnerKind.MAIL)
    context = {
        "carriers": [(brand, partner_list.carriers(brand.key), brand.key == settings.BRAND) for brand in brands],
        "card": card,
        "card_base": card.stated["api_base"] if card else "",
        "card_default": settings.CARD_API_BASE,
        "card_has": sorted(card.secrets) if card else [],
        "card_source": partner_list.source(PartnerKind.CARD),
        "webhook_url": f"{settings.PUBLIC_URL}/payments/webhooks/card",
        "mail": mail,
        "mail_default": f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}",
        "mail_has": sorted(mail.secrets) if mail else [],
        "mail_source": partner_list.source(PartnerKind.MAIL),
        "history": [one for one in partners.history() if not one.brand or staff.serves(one.brand)],
        "may_edit": staff.may(Permission.EDIT_PARTNERS),
        "may_edit_all": staff.may(Permission.EDIT_PARTNERS) and partners.reached_by(PartnerKind.MAIL, staff.brands),
        "variables": {
            kind.value: ", ".join(partners.stated_by_environment(kind)) for kind in (PartnerKind.CARD, PartnerKind.MAIL)
        },
        "typed": {},
        **more,
    }
    return page(request, staff, "desk_partners.html", context, crumbs=(("", _("Partenaires")),), status=status)


def _problem(error: CadranError) -> str:
    if isinstance(error, partners.InvalidPartner):
        return _fields().get(str(error.details.get("field")), error.message)
    return sentence(error)


def _fields() -> dict[str, str]:
    return {
        "host": _("Donnez un nom d’hôte connu ou une adresse IP."),
        "port": _("Donnez un port de 1 à 65535."),
        "name": _("Un nom d’opérateur est fait de minuscules, de chiffres et de tirets."),
        "priority": _("La priorité est un nombre entier ; le plus petit est essayé d’abord."),
        "prefixes": _("Écrivez les préfixes en chiffres, séparés par des virgules, comme 33,44."),
        "security": _("La sécurité est none, starttls ou tls."),
        "sender": _("Donnez l’adresse de l’expéditeur."),
        "api_base": _("Écrivez une adresse comme https://api.prestataire.example, ou rien pour Stripe."),
    }


def _kind(text: str) -> PartnerKind:
    try:
        return PartnerKind(text)
    except ValueError:
        raise Http404 from None


def _brand(staff: Staff, key: str) -> str:
    if key not in policy.brand_keys() or not staff.serves(key):
        raise Http404
    return key
