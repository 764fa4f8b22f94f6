"""Where things are in the account: the six entries of its navigation, and the pages that its hub leads to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from cadran.policy.terms import Terms
from cadran.units.clause import carries


@dataclass(frozen=True, slots=True)
class Place:
    """One entry: its page by URL name, what it is called, the beginnings of the paths that belong to it, and which part of the
    dashboard (`dashboard.parts` of the terms) it opens; empty where it is always there."""

    name: str
    title: object
    icon: str
    paths: tuple[str, ...]
    part: str = ""

    @property
    def url(self) -> str:
        return reverse(self.name)


NAVIGATION = (
    Place("dashboard", _("Accueil"), "home", ("/dashboard/",)),
    Place("calls", _("Appels"), "list", ("/calls/",), "consumption"),
    Place("payments", _("Paiements"), "wallet", ("/payments/", "/topup/", "/statement/"), "credit"),
    Place("sip", _("Téléphone"), "phone", ("/sip/",), "services"),
    Place("numbers", _("Numéros"), "hash", ("/numbers/",), "features"),
    Place("account", _("Compte"), "person", ("/account/", "/preferences/"), "personal"),
)


@carries("IPP-1d-dashboard")
def navigation(terms: Terms) -> tuple[Place, ...]:
    """The entries that the customer's terms open; all of them under terms that do not say."""
    if "dashboard.parts" not in terms.values:
        return NAVIGATION
    return tuple(place for place in NAVIGATION if place.part in ("", *terms.texts("dashboard.parts")))


def parts(terms: Terms) -> frozenset[str]:
    """The parts of the dashboard that the customer's terms open."""
    return frozenset(place.part for place in navigation(terms))


def current(path: str) -> str:
    """The name of the entry that a path belongs to, or empty."""
    return next((place.name for place in NAVIGATION if path.startswith(place.paths)), "")


@dataclass(frozen=True, slots=True)
class Card:
    """A page of the account's hub: shown where its URL name exists. `names`: the first that exists is the one."""

    names: tuple[str, ...]
    title: object
    text: object
    icon: str
    url: str = ""


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
        _("Sécurité"),
        (
            Card(
                ("account_change_password",),
                _("Mot de passe du site"),
                _("Celui qui ouvre cet espace."),
                "key",
            ),
            Card(("sip",), _("Mot de passe SIP"), _("Celui que vos téléphones connaissent."), "phone"),
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


def hub() -> Iterator[tuple[object, list[Card]]]:
    """The groups of the account's hub with the pages that exist."""
    for title, cards in _GROUPS:
        found = [Card(card.names, card.title, card.text, card.icon, url) for card in cards if (url := _url(card))]
        if found:
            yield title, found


def _url(card: Card) -> str:
    for name in card.names:
        try:
            return reverse(name)
        except NoReverseMatch:
            continue
    return ""
