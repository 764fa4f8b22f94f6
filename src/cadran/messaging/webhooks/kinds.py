"""The kinds of notices: of which events of the rooms each comes, what it tells, and to whom. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto


class Audience(Enum):
    """Who is told: the account concerned and the brand's staff; every account of the brand and its staff; staff alone."""

    CONCERNED = auto()
    EVERYBODY = auto()
    STAFF = auto()


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of notice: of which events of the rooms it comes, and the fields of theirs that it tells. Nothing else leaves: no name,
    no address, no number, no reason in anybody's own words."""

    events: tuple[str, ...]
    fields: tuple[str, ...]
    en: str
    fr: str
    audience: Audience = Audience.CONCERNED


KINDS: Mapping[str, Kind] = {
    "call.ended": Kind(
        (),
        ("call", "account", "direction", "disposition", "charged_s", "charge_micros", "currency", "corrects"),
        "A call is over, was refused, or was corrected: its record is there.",
        "Un appel est terminé, refusé ou corrigé : son enregistrement est là.",
    ),
    "payment.received": Kind(
        ("payment.received",),
        ("order", "account", "amount_micros", "currency", "means"),
        "An order of credit is paid.",
        "Une commande de crédit est payée.",
    ),
    "payment.transfer-awaited": Kind(
        ("payment.transfer-awaited",),
        ("order", "account", "amount_micros", "currency", "reference"),
        "An order waits for its bank transfer.",
        "Une commande attend son virement.",
    ),
    "payment.transfer-lapsed": Kind(
        ("payment.transfer-lapsed",),
        ("order", "account", "amount_micros", "currency"),
        "The bank transfer of an order did not come in time: the order is over.",
        "Le virement d’une commande n’est pas venu à temps : la commande est close.",
    ),
    "payment.review-needed": Kind(
        ("payment.review-needed",),
        ("order", "account", "amount_micros", "currency", "paid_micros"),
        "What was paid is not what was ordered: staff look at it.",
        "Le montant payé n’est pas celui de la commande : l’opérateur l’examine.",
    ),
    "payment.refunded": Kind(
        ("payment.refunded",),
        ("refund", "order", "account", "amount_micros", "currency", "means"),
        "A payment is refunded.",
        "Un paiement est remboursé.",
    ),
    "payment.refund-refused": Kind(
        ("payment.refund-refused",),
        ("refund", "order", "account", "amount_micros", "currency"),
        "A refund could not be made.",
        "Un remboursement n’a pas pu être fait.",
    ),
    "receipt.issued": Kind(
        ("invoicing.receipt-issued",),
        ("receipt", "kind", "account", "order", "amount_micros", "vat_micros", "currency"),
        "A receipt is there, of a payment or of a refund.",
        "Un reçu est là, d’un paiement ou d’un remboursement.",
    ),
    "voucher.redeemed": Kind(
        ("payment.voucher-redeemed",),
        ("redemption", "account", "serial", "amount_micros", "currency", "balance_micros", "expires_at"),
        "A voucher became credit.",
        "Un ticket est devenu du crédit.",
    ),
    "voucher.changed": Kind(
        ("payment.vouchers-issued", "payment.vouchers-blocked", "payment.vouchers-expired"),
        ("deed", "batch", "brand", "first", "last", "count", "micros", "currency"),
        "Vouchers of a batch were issued, blocked or expired.",
        "Des tickets d’un lot furent émis, bloqués ou ont expiré.",
        Audience.STAFF,
    ),
    "automatic-topup.refused": Kind(
        ("payment.automatic-refused",),
        ("account", "amount_micros"),
        "The card refused an automatic top-up.",
        "La carte a refusé un rechargement automatique.",
    ),
    "automatic-topup.held-back": Kind(
        ("payment.automatic-held-back",),
        ("account", "amount_micros", "cap_micros"),
        "An automatic top-up waits: the cap or the limit of the month is reached.",
        "Un rechargement automatique attend : le plafond ou la limite du mois est atteint.",
    ),
    "credit.low": Kind(
        ("journeys.low-credit",),
        ("account", "balance_micros", "threshold_micros", "currency"),
        "The credit fell below the customer's threshold; once for each purchase.",
        "Le crédit est passé sous le seuil du client ; une fois par achat.",
    ),
    "credit.expiring": Kind(
        ("journeys.credit-expiring",),
        ("account", "amount_micros", "currency", "expires_at", "days"),
        "Credit ends in so many days.",
        "Du crédit arrive à échéance dans ce nombre de jours.",
    ),
    "customer.registered": Kind(
        ("party.customer-registered",),
        ("account", "brand"),
        "A customer registered: nothing is open yet.",
        "Un client s’est inscrit : rien n’est encore ouvert.",
        Audience.STAFF,
    ),
    "customer.validated": Kind(
        ("party.customer-validated",),
        ("account", "brand"),
        "A customer is validated: the services are open.",
        "Un client est validé : ses services sont ouverts.",
    ),
    "customer.closed": Kind(
        ("party.customer-ended",),
        ("account", "brand"),
        "A customer closed the account.",
        "Un client a fermé son compte.",
    ),
    "account.blocked": Kind(
        ("party.customer-blocked",),
        ("account", "brand"),
        "The operator blocked an account: nothing of it works.",
        "L’opérateur a bloqué un compte : rien n’en marche.",
    ),
    "account.unblocked": Kind(
        ("party.customer-unblocked",),
        ("account", "brand"),
        "A blocked account is open again.",
        "Un compte bloqué est rouvert.",
    ),
    "account.locked": Kind(
        ("party.sign-in-locked",),
        ("account", "reason"),
        "Codes were reported lost or abused: nobody signs in before a new password is chosen.",
        "Des codes sont signalés perdus ou détournés : nul ne se connecte avant un nouveau mot de passe.",
    ),
    "account.change-required": Kind(
        ("party.change-required",),
        ("account", "site", "sip"),
        "New codes are required, of the site, of the phone, or both.",
        "De nouveaux codes sont exigés, du site, du téléphone, ou des deux.",
    ),
    "account.email-changed": Kind(
        ("party.email-changed",),
        ("account",),
        "The e-mail address of an account is another.",
        "L’adresse e-mail d’un compte a changé.",
    ),
    "document.submitted": Kind(
        ("party.documents-submitted",),
        ("document", "account"),
        "An identity document waits for its review.",
        "Une pièce d’identité attend sa vérification.",
    ),
    "document.accepted": Kind(
        ("party.documents-accepted",),
        ("document", "account"),
        "An identity document is accepted.",
        "Une pièce d’identité est acceptée.",
    ),
    "document.refused": Kind(
        ("party.document-refused",),
        ("document", "account", "reason"),
        "An identity document is refused, for that reason: another may be given.",
        "Une pièce d’identité est refusée, pour cette raison : une autre peut être donnée.",
    ),
    "case.opened": Kind(
        ("compliance.case-opened",),
        ("number", "kind", "state", "account", "due_at"),
        "A case is open: a report, a question, a request.",
        "Un dossier est ouvert : signalement, question, demande.",
    ),
    "case.answered": Kind(
        ("compliance.case-answered",),
        ("number", "kind", "state", "account"),
        "The operator answered in a case.",
        "L’opérateur a répondu dans un dossier.",
    ),
    "case.closed": Kind(
        ("compliance.case-closed",),
        ("number", "kind", "state", "account"),
        "A case is closed.",
        "Un dossier est clos.",
    ),
    "sip.password-changed": Kind(
        ("party.sip-password-changed",),
        ("sip_user", "account"),
        "The password of a SIP user was changed.",
        "Le mot de passe d’un utilisateur SIP a changé.",
    ),
    "sip.blocked": Kind(
        ("party.sip-user-blocked",),
        ("sip_user", "account"),
        "A SIP user is blocked: no phone registers with it.",
        "Un utilisateur SIP est bloqué : aucun téléphone ne s’enregistre.",
    ),
    "key.made": Kind(
        ("party.api-key-made",),
        ("prefix", "account", "scopes", "test"),
        "A key of the API was made.",
        "Une clé de l’API a été créée.",
    ),
    "key.revoked": Kind(
        ("party.api-key-revoked",),
        ("prefix", "account", "test"),
        "A key of the API was revoked.",
        "Une clé de l’API a été révoquée.",
    ),
    "terms.published": Kind(
        ("policy.terms-published",),
        ("terms", "effective_from", "sha256"),
        "A version of the terms is published, in force from that day on.",
        "Une version des conditions est publiée, en vigueur à partir de ce jour.",
        Audience.EVERYBODY,
    ),
    "prices.activated": Kind(
        ("catalog.deck-activated",),
        ("brand", "effective_from"),
        "Other prices hold from that instant on.",
        "D’autres prix valent à partir de cet instant.",
        Audience.EVERYBODY,
    ),
    "proposal.waiting": Kind(
        ("journeys.proposal-proposed",),
        ("proposal", "kind", "account", "amount_micros", "currency"),
        "A proposal to move money or to publish terms waits for a second person.",
        "Une demande de mouvement d’argent ou de publication attend une seconde personne.",
        Audience.STAFF,
    ),
    "proposal.done": Kind(
        ("journeys.proposal-done",),
        ("proposal", "kind", "account", "amount_micros", "currency"),
        "What was proposed and approved is done.",
        "Ce qui fut demandé et approuvé est fait.",
        Audience.STAFF,
    ),
    "partner.changed": Kind(
        ("party.partner-changed",),
        ("kind", "name"),
        "A carrier was set up otherwise.",
        "Un opérateur partenaire est réglé autrement.",
        Audience.STAFF,
    ),
}
BY_EVENT: Mapping[str, str] = {event: name for name, kind in KINDS.items() for event in kind.events}
