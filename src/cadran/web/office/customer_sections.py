"""The parts of a customer's page that other rooms fill. Each is read only for who may see it, and has a template of its own in
templates/office/sections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from cadran.compliance import queries as compliance
from cadran.invoicing import queries as invoicing
from cadran.messaging import queries as messaging
from cadran.party import sign_ins
from cadran.party.documents import queries as documents
from cadran.party.keys import queries as keys
from cadran.party.queries import Customer, Staff
from cadran.party.staff import Permission
from cadran.policy.proof import queries as proof


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page: anchor and template name, heading, and what it lists."""

    name: str
    heading: str | Promise
    rows: object

    @property
    def template(self) -> str:
        return f"office/sections/{self.name}.html"


Reader = Callable[[Customer], object]
SECTIONS: tuple[tuple[Permission, str, str | Promise, Reader], ...] = (
    (
        Permission.SEE_MONEY,
        "receipts",
        _("Reçus de paiement"),
        lambda one: invoicing.receipts(account=one.account, limit=10),
    ),
    (Permission.SEE_PERSONAL_DATA, "mails", _("Courriels"), lambda one: messaging.mails(account=one.account, limit=15)),
    (
        Permission.REVIEW_DOCUMENTS,
        "documents",
        _("Pièces d’identité"),
        lambda one: documents.documents_of(customer_id=one.id),
    ),
    (Permission.SEE_CASES, "cases", _("Dossiers"), lambda one: compliance.cases(account=one.account, limit=20)),
    (Permission.SEE_PERSONAL_DATA, "sign_ins", _("Connexions"), lambda one: sign_ins.of_user(one.user_id)),
    (Permission.SEE_EVIDENCE, "proof", _("Preuves"), lambda one: proof.entries(subject=one.account, limit=10)),
    (Permission.MANAGE_API_KEYS, "keys", _("Clés d’API"), lambda one: keys.keys_of(one.account, limit=20)),
)


def of(customer: Customer, staff: Staff) -> tuple[Section, ...]:
    """The sections that this member of staff may see, filled."""
    return tuple(
        Section(name, heading, read(customer)) for permission, name, heading, read in SECTIONS if staff.may(permission)
    )
