"""What scopes and groups of operations are called on pages."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext, gettext_noop

from cadran.party.keys.rules import Scope

_ = gettext_noop
_SCOPES = {
    Scope.READ_ACCOUNT: _("Lire le compte : solde, lignes, numéros, choix"),
    Scope.READ_CALLS: _("Lire les appels et leur pourquoi"),
    Scope.READ_LEDGER: _("Lire le relevé et les commandes"),
    Scope.WRITE_TOPUP: _("Commander du crédit"),
    Scope.WRITE_SIP: _("Changer les mots de passe SIP"),
    Scope.WRITE_PREFERENCES: _("Changer les préférences"),
    Scope.READ_WEBHOOKS: _("Lire les webhooks et leur journal"),
    Scope.WRITE_WEBHOOKS: _("Régler et rejouer les webhooks"),
    Scope.STAFF_READ_CUSTOMERS: _("Lire les clients, noms masqués"),
    Scope.STAFF_READ_PERSONAL: _("Voir les données personnelles"),
    Scope.STAFF_WRITE_CUSTOMERS: _("Agir sur les clients"),
    Scope.STAFF_READ_CALLS: _("Lire les appels de la marque"),
    Scope.STAFF_WRITE_CALLS: _("Couper des appels"),
    Scope.STAFF_READ_LEDGER: _("Lire l’argent : sommes, reçus, demandes"),
    Scope.STAFF_WRITE_CREDIT: _("Proposer crédits et remboursements"),
    Scope.STAFF_READ_EVIDENCE: _("Lire la preuve"),
    Scope.STAFF_READ_WEBHOOKS: _("Lire les webhooks de la marque"),
    Scope.STAFF_WRITE_WEBHOOKS: _("Régler et rejouer les webhooks de la marque"),
}
_TAGS = {
    "public": _("Public"),
    "account": _("Le compte"),
    "credit": _("Le crédit"),
    "webhooks": _("Webhooks"),
    "staff": _("Back-office"),
}
DELIVERY_STATES = {
    "waiting": _("en attente"),
    "delivered": _("remis"),
    "given-up": _("non remis"),
}
ENDPOINT_STATES = {
    "enabled": _("en service"),
    "disabled": _("arrêtée"),
    "suspended": _("suspendue"),
}


@dataclass(frozen=True, slots=True)
class Told:
    """A scope with its words."""

    scope: Scope
    label: str

    @property
    def value(self) -> str:
        return self.scope.value


def scopes() -> list[Told]:
    """Every scope, in the language of the page."""
    return [Told(scope, gettext(label)) for scope, label in _SCOPES.items()]


def tag(name: str) -> str:
    """What a group of operations is called."""
    return gettext(_TAGS[name])


def delivery_state(name: str) -> str:
    return gettext(DELIVERY_STATES[name])


def endpoint_state(name: str) -> str:
    return gettext(ENDPOINT_STATES[name])
