"""What the pages of deeds say of failures, in the language of the page, and who acts."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _

from cadran.journeys.proposals.rules import Person
from cadran.party.queries import Staff
from cadran.units.errors import CadranError


def person(staff: Staff) -> Person:
    """The member of staff as journeys know it."""
    return Person(user_id=staff.user_id, name=staff.user_name, email=staff.email)


def sentence(error: CadranError) -> str:
    """The failure in the language of the page; its own words where there is no other sentence."""
    return _sentences().get(error.error_id, error.message)


def _sentences() -> Mapping[str, str]:
    return {
        "journeys-proposal-same-person": _(
            "Personne ne décide de sa propre demande ni de son propre compte : demandez à un collègue."
        ),
        "journeys-proposal-not-pending": _("Cette demande a déjà été traitée, ou son délai est passé."),
        "journeys-proposal-conflict": _("Ce formulaire a déjà servi avec un autre contenu : ouvrez-le à nouveau."),
        "journeys-draft-moved": _("Ce brouillon a changé entre-temps : relisez-le."),
        "journeys-draft-too-many": _("Trop de brouillons ouverts : abandonnez ceux qui ne servent plus."),
        "party-customer-unknown": _("Aucun client sous ce compte."),
        "payment-order-unknown": _("Aucun paiement de ce compte sous ce numéro."),
        "charging-unavailable": _(
            "La facturation ne répond pas. La demande est approuvée et sera exécutée dès son retour."
        ),
        "policy-version-too-late": _("Des conditions prennent effet après aujourd’hui."),
        "policy-version-published": _("Cette version est déjà publiée : une version publiée ne change jamais."),
        "catalog-deck-version-taken": _("Cette version existe avec d’autres prix : donnez-en une nouvelle."),
        "catalog-deck-name": _("Un nom ou une version tient en 1 à 40 caractères parmi a-z 0-9 . _ -"),
        "units-clock-moved-back": _("L’horloge ne recule jamais : choisissez un instant à venir."),
        "clock-invalid-step": _("Choisissez un instant à venir, à vingt ans au plus."),
        "partners-address-forbidden": _(
            "Cette adresse est interdite : un partenaire se joint en https, hors des réseaux privés."
        ),
        "vouchers-sheets-taken": _(
            "Ces planches ont déjà été prises, et leurs codes ne sont gardés nulle part : bloquez le lot et demandez-en un autre."
        ),
        "vouchers-batch-not-ready": _("Ce lot n’en est pas là : rechargez la page."),
        "vouchers-nothing-done": _("Aucun de ces tickets n’est dans un état que cela change."),
        "vouchers-same-hands": _("Vous avez pris ces planches : un collègue met les tickets en circulation."),
        "vouchers-batch-invalid": _("Nommez des tickets de ce lot, du premier au dernier."),
        "vouchers-serial-invalid": _("Ce n’est pas un numéro de série de ce lot."),
        "units-key-invalid": _("Ce formulaire est incomplet : ouvrez-le à nouveau."),
    }
