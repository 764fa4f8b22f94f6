"""The rooms of the back office as its pages link to them. A page that is added gets a line here."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from cadran.party.queries import Staff
from cadran.party.staff import Permission


@dataclass(frozen=True, slots=True)
class Room:
    """A link of the navigation: for whom, where to (a name of office urls), what it says, its picture, and its group."""

    permission: Permission
    name: str
    label: str | Promise
    icon: str
    group: str | Promise


WATCH, PEOPLE, MONEY, PROOF, SETTINGS = (
    _("Surveiller"),
    _("Clients"),
    _("Argent"),
    _("Preuve"),
    _("Régler"),
)

ROOMS: tuple[Room, ...] = (
    Room(Permission.SEE_CALLS, "start", _("Accueil"), "home", WATCH),
    Room(Permission.SEE_CALLS, "live", _("Appels en cours"), "phone", WATCH),
    Room(Permission.SEE_CALLS, "menu_calls", _("Accueil vocal"), "speaker", WATCH),
    Room(Permission.SEE_CALLS, "calls", _("Appels"), "list", WATCH),
    Room(Permission.SEE_CUSTOMERS, "customers", _("Clients"), "person", PEOPLE),
    Room(Permission.REVIEW_DOCUMENTS, "documents", _("Pièces d’identité"), "badge", PEOPLE),
    Room(Permission.SEE_CASES, "cases", _("Dossiers"), "mail", PEOPLE),
    Room(Permission.SEE_MONEY, "orders", _("Commandes"), "receipt", MONEY),
    Room(Permission.SEE_MONEY, "journal", _("Grand livre"), "scale", MONEY),
    Room(Permission.SEE_MONEY, "money", _("Crédits et remboursements"), "wallet", MONEY),
    Room(Permission.SEE_VOUCHERS, "vouchers", _("Tickets"), "badge", MONEY),
    Room(Permission.SEE_MONEY, "reratings", _("Recalculs"), "repeat", MONEY),
    Room(Permission.SEE_CALLS, "decisions", _("Décisions"), "check", PROOF),
    Room(Permission.SEE_EVIDENCE, "evidence", _("Preuves"), "shield", PROOF),
    Room(Permission.SEE_VIEWS, "views", _("Consultations"), "eye", PROOF),
    Room(Permission.SEE_TERMS, "terms", _("Conditions"), "paper", SETTINGS),
    Room(Permission.SEE_PRICES, "decks", _("Tarifs"), "hash", SETTINGS),
    Room(Permission.SEE_PROMPTS, "prompts", _("Annonces"), "speaker", SETTINGS),
    Room(Permission.SEE_PRICES, "access_numbers", _("Numéros d’accès"), "phone", SETTINGS),
    Room(Permission.SEE_PARTNERS, "partners", _("Partenaires"), "globe", SETTINGS),
    Room(Permission.SEE_WEBHOOKS, "webhooks", "Webhooks", "right", SETTINGS),
    Room(Permission.MANAGE_API_KEYS, "api_keys", _("Clés de l’API"), "key", SETTINGS),
    *((Room(Permission.MOVE_CLOCK, "clock", _("Horloge"), "clock", SETTINGS),) if settings.SANDBOX else ()),
    Room(Permission.MANAGE_STAFF, "members", _("Personnel"), "people", SETTINGS),
)


@dataclass(frozen=True, slots=True)
class Link:
    """A link ready to be shown."""

    url: str
    label: str | Promise
    icon: str
    group: str | Promise
    current: bool


def links(request: HttpRequest, staff: Staff) -> tuple[Link, ...]:
    """What this member of staff can open, the current room marked."""
    found = []
    for room in ROOMS:
        if staff.may(room.permission):
            url = reverse(f"office:{room.name}")
            here = request.path == url if room.name == "start" else request.path.startswith(url)
            found.append(Link(url, room.label, room.icon, room.group, here))
    return tuple(found)
