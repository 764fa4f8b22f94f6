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
    Scope.WRITE_CALLS: _("Se faire rappeler, préparer des appels"),
    Scope.WRITE_TOPUP: _("Commander du crédit"),
    Scope.WRITE_SIP: _("Changer les mots de passe SIP"),
    Scope.WRITE_PREFERENCES: _("Changer les préférences"),
    Scope.READ_EXPORT: _("Télécharger toutes les données du compte"),
    Scope.WRITE_ACCOUNT: _("Signaler, écrire à l’opérateur, accepter les conditions"),
    Scope.WRITE_SECURITY: _("Changer l’adresse et le mot de passe, déconnecter, fermer le compte"),
    Scope.READ_WEBHOOKS: _("Lire les webhooks et leur journal"),
    Scope.WRITE_WEBHOOKS: _("Régler et rejouer les webhooks"),
    Scope.STAFF_READ_CUSTOMERS: _("Lire les clients, noms masqués"),
    Scope.STAFF_READ_PERSONAL: _("Voir les données personnelles"),
    Scope.STAFF_WRITE_CUSTOMERS: _("Agir sur les clients"),
    Scope.STAFF_READ_CALLS: _("Lire les appels de la marque"),
    Scope.STAFF_WRITE_CALLS: _("Couper des appels"),
    Scope.STAFF_READ_LEDGER: _("Lire l’argent : sommes, reçus, demandes"),
    Scope.STAFF_WRITE_CREDIT: _("Proposer des crédits et des reprises"),
    Scope.STAFF_READ_EVIDENCE: _("Lire la preuve"),
    Scope.STAFF_READ_WEBHOOKS: _("Lire les webhooks de la marque"),
    Scope.STAFF_WRITE_WEBHOOKS: _("Régler et rejouer les webhooks de la marque"),
    Scope.STAFF_WRITE_REGISTRATIONS: _("Inscrire des clients depuis votre propre site"),
    Scope.STAFF_REVIEW_DOCUMENTS: _("Vérifier les pièces d’identité"),
    Scope.STAFF_READ_CASES: _("Lire les dossiers"),
    Scope.STAFF_WRITE_CASES: _("Répondre aux dossiers et les clore"),
    Scope.STAFF_WRITE_REFUNDS: _("Proposer des remboursements"),
    Scope.STAFF_APPROVE_CREDIT: _("Approuver les demandes d’un collègue"),
    Scope.STAFF_EXPORT_EVIDENCE: _("Vérifier et exporter la preuve"),
    Scope.STAFF_READ_TERMS: _("Lire les conditions et leurs demandes de publication"),
    Scope.STAFF_WRITE_TERMS: _("Rédiger et publier des conditions"),
    Scope.STAFF_READ_PRICES: _("Lire les grilles de tarifs"),
    Scope.STAFF_WRITE_PRICES: _("Importer et activer des tarifs"),
    Scope.STAFF_READ_PROMPTS: _("Entendre les annonces"),
    Scope.STAFF_WRITE_PROMPTS: _("Remplacer les annonces"),
    Scope.STAFF_READ_PARTNERS: _("Lire les réglages des partenaires"),
    Scope.STAFF_WRITE_PARTNERS: _("Régler et essayer les partenaires"),
    Scope.STAFF_READ_VIEWS: _("Lire le journal des consultations"),
    Scope.STAFF_READ_STAFF: _("Lire le personnel et ses rôles"),
    Scope.STAFF_READ_VOUCHERS: _("Lire les lots de tickets et leurs chiffres"),
    Scope.STAFF_WRITE_VOUCHERS: _("Demander des lots de tickets et les émettre"),
    Scope.STAFF_BLOCK_VOUCHERS: _("Bloquer des tickets"),
}
_TAGS = {
    "public": _("Public"),
    "registration": _("L’inscription"),
    "account": _("Le compte"),
    "credit": _("Le crédit"),
    "calling": _("Numéros d’accès"),
    "contacts": _("Contacts"),
    "webhooks": _("Webhooks"),
    "staff": _("Back-office"),
}
DELIVERY_STATES = {
    "waiting": _("en attente"),
    "delivered": _("remis"),
    "given-up": _("non remis"),
}
NOTICES = {
    "call": _("Appels"),
    "payment": _("Paiements"),
    "receipt": _("Reçus de paiement"),
    "automatic-topup": _("Rechargement automatique"),
    "voucher": _("Tickets de recharge"),
    "credit": _("Crédit"),
    "customer": _("Inscription et clôture"),
    "account": _("Sécurité du compte"),
    "document": _("Pièces d’identité"),
    "case": _("Dossiers"),
    "sip": _("Lignes SIP"),
    "key": _("Clés de l’API"),
    "terms": _("Conditions"),
    "prices": _("Tarifs"),
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


def notices(subject: str) -> str:
    """What the notices of one subject are called."""
    return gettext(NOTICES[subject])


def endpoint_state(name: str) -> str:
    return gettext(ENDPOINT_STATES[name])
