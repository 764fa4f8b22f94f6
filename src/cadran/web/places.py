"""Where things are in the account: the six entries of its navigation, and the pages that its hub leads to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from cadran.numbering.access import queries as access
from cadran.policy import queries as policy
from cadran.policy.terms import Terms
from cadran.units.clause import carries


@dataclass(frozen=True, slots=True)
class Place:
    """One entry: its page by URL name, what it is called, the beginnings of the paths that belong to it, and which part of the
    dashboard (`dashboard.parts` of the terms) it opens; empty where it is always there. service: of the brand, without which it is
    not there."""

    name: str
    title: object
    icon: str
    paths: tuple[str, ...]
    part: str = ""
    service: str = ""

    @property
    def url(self) -> str:
        return reverse(self.name)


NAVIGATION = (
    Place("dashboard", _("Accueil"), "home", ("/dashboard/",)),
    Place("calls", _("Appels"), "list", ("/calls/",), "consumption"),
    Place("payments", _("Paiements"), "wallet", ("/payments/", "/topup/", "/statement/"), "credit"),
    Place("sip", _("Téléphone"), "phone", ("/sip/",), "services", "voip"),
    Place("numbers", _("Numéros"), "hash", ("/numbers/",), "features", "voip"),
    Place(
        "calling",
        _("Appeler"),
        "phone",
        ("/calling/", "/easydialer/", "/callers/", "/pin/", "/access/"),
        "",
        "calling-card",
    ),
    Place("contacts", _("Contacts"), "people", ("/contacts/",), "", "calling-card"),
    Place("account", _("Compte"), "person", ("/account/", "/preferences/"), "personal"),
)


@carries("IPP-1d-dashboard")
def navigation(terms: Terms) -> tuple[Place, ...]:
    """The entries that the brand's services and the customer's terms open; all of its services under terms that do not say."""
    services = policy.brand(terms.brand).services
    found = tuple(place for place in NAVIGATION if place.service in ("", *services))
    if "dashboard.parts" not in terms.values:
        return found
    return tuple(place for place in found if place.part in ("", *terms.texts("dashboard.parts")))


def parts(terms: Terms) -> frozenset[str]:
    """The parts of the dashboard that the customer's terms open."""
    return frozenset(place.part for place in navigation(terms))


def current(path: str) -> str:
    """The name of the entry that a path belongs to, or empty."""
    return next((place.name for place in NAVIGATION if path.startswith(place.paths)), "")


@dataclass(frozen=True, slots=True)
class Card:
    """A page of the account's hub: shown where its URL name exists. `names`: the first that exists is the one. needs: what the brand
    must have for it, `voip` (a service) or ACCESS (an access number)."""

    names: tuple[str, ...]
    title: object
    text: object
    icon: str
    url: str = ""
    needs: str = ""


ACCESS = "access-numbers"
_GROUPS: tuple[tuple[object, tuple[Card, ...]], ...] = (
    (
        _("Vous"),
        (
            Card(
                ("preferences",),
                _("Profil et préférences"),
                _("Vos informations, la langue, la durée des appels."),
                "person",
            ),
            Card(("change_email",), _("Adresse e-mail"), _("La changer, avec un lien de confirmation."), "mail"),
            Card(
                ("identity_documents", "account_identity", "documents"),
                _("Pièces d’identité"),
                _("Déposer une pièce, voir où en est sa vérification."),
                "badge",
            ),
        ),
    ),
    (
        _("Numéros d’accès"),
        (
            Card(
                ("calling",),
                _("Appeler"),
                _("Le numéro à composer, vos touches abrégées, vos choix."),
                "phone",
                needs=ACCESS,
            ),
            Card(
                ("calling_numbers",),
                _("Mes numéros d’appel"),
                _("Les téléphones par lesquels vous êtes reconnu."),
                "badge",
                needs=ACCESS,
            ),
            Card(
                ("contacts",),
                _("Contacts"),
                _("Ceux que vous appelez, et ce que chacun vous coûte."),
                "people",
                needs=ACCESS,
            ),
            Card(
                ("pin",),
                _("Code secret"),
                _("Demandé au téléphone quand votre numéro n’est pas garanti."),
                "key",
                needs=ACCESS,
            ),
        ),
    ),
    (
        _("Sécurité"),
        (
            Card(
                ("account_change_password",),
                _("Mot de passe du site"),
                _("Celui qui ouvre cet espace."),
                "key",
            ),
            Card(("sip",), _("Mot de passe SIP"), _("Celui que vos téléphones connaissent."), "phone", needs="voip"),
            Card(
                ("mfa_index",),
                _("Sécurité du compte"),
                _("Second facteur, clés d’accès, où votre espace est ouvert."),
                "shield",
            ),
            Card(
                ("security",),
                _("Appareils connectés"),
                _("Où votre espace est ouvert ; tout fermer d’un geste."),
                "screen",
            ),
            Card(("api_keys",), _("Clés de l’API"), _("Laisser vos programmes lire et agir à votre place."), "key"),
            Card(("webhooks",), "Webhooks", _("Prévenir vos programmes de ce qui arrive."), "globe"),
            Card(
                ("report",),
                _("Codes perdus ou abus"),
                _("Bloquer, signaler, suivre votre dossier."),
                "alert",
            ),
        ),
    ),
    (
        _("Contrat et données"),
        (
            Card(
                ("accepted_terms",), _("Conditions générales"), _("La version en vigueur et les précédentes."), "scale"
            ),
            Card(
                ("own_data",),
                _("Vos données"),
                _("Recevoir une copie de tout ce que nous gardons de vous."),
                "download",
            ),
            Card(("close_account",), _("Fermer le compte"), _("Ce que vous perdez, puis la confirmation."), "door"),
        ),
    ),
)


def hub(brand: str, at: datetime) -> Iterator[tuple[object, list[Card]]]:
    """The groups of the account's hub with the pages that exist for that brand."""
    has = {"", *policy.brand(brand).services, *([ACCESS] if access.access_numbers(brand, at) else [])}
    for title, cards in _GROUPS:
        found = [
            Card(card.names, card.title, card.text, card.icon, url)
            for card in cards
            if card.needs in has and (url := _url(card))
        ]
        if found:
            yield title, found


def _url(card: Card) -> str:
    for name in card.names:
        try:
            return reverse(name)
        except NoReverseMatch:
            continue
    return ""
