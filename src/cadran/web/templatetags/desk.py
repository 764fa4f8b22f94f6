"""Filters of the pages of deeds: names of what is asked and of how it stands."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django import template
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from cadran.policy import drafting
from cadran.policy.terms import Content

register = template.Library()


@register.filter
def proposal_kind(code: str) -> str:
    """What is asked."""
    names = {
        "give-credit": _("Offrir du crédit"),
        "take-credit": _("Reprendre du crédit"),
        "refund": _("Rembourser un paiement"),
        "terms": _("Publier des conditions"),
        "re-rating": _("Recalculer des appels"),
        "vouchers": _("Faire des tickets"),
    }
    return names.get(str(code), str(code))


@register.filter
def proposal_help(code: str) -> str:
    """What it does, in a sentence."""
    names = {
        "give-credit": _("Un crédit à part, sans paiement, valable comme un achat ; il ne prolonge rien."),
        "take-credit": _("Reprend du crédit libre, ce qui expire d’abord ; jamais sous zéro."),
        "refund": _("Rend l’argent sur la carte, après reprise du crédit de ce paiement."),
    }
    return names.get(str(code), "")


@register.filter
def proposal_state(code: str) -> str:
    """How it stands."""
    names = {
        "proposed": _("à approuver"),
        "approved": _("approuvé"),
        "refused": _("refusé"),
        "withdrawn": _("retiré"),
        "expired": _("expiré"),
        "done": _("fait"),
        "failed": _("impossible"),
    }
    return names.get(str(code), str(code))


@register.filter
def proposal_mood(code: str) -> str:
    """The class of its tag."""
    moods = {"proposed": "warn", "done": "good", "refused": "bad", "failed": "bad"}
    return moods.get(str(code), "")


@register.filter
def batch_state(code: str) -> str:
    """How a batch of vouchers stands."""
    names = {
        "proposed": _("à approuver"),
        "making": _("en fabrication"),
        "ready": _("planches à prendre"),
        "taken": _("planches prises"),
        "dropped": _("abandonné"),
    }
    return names.get(str(code), str(code))


@register.filter
def voucher_state(code: str) -> str:
    """How a voucher stands, and what was done to it."""
    names = {
        "made": _("pas encore en circulation"),
        "issued": _("en circulation"),
        "claimed": _("en cours de crédit"),
        "redeemed": _("utilisé"),
        "blocked": _("bloqué"),
        "expired": _("périmé"),
    }
    return names.get(str(code), str(code))


@register.filter
def voucher_mood(code: str) -> str:
    """The class of its tag."""
    moods = {
        "issued": "good",
        "taken": "good",
        "claimed": "warn",
        "proposed": "warn",
        "ready": "warn",
        "blocked": "bad",
    }
    return moods.get(str(code), "")


@register.filter
def voucher_outcome(code: str) -> str:
    """What became of a code that was given, and for staff why."""
    names = {
        "mistyped": _("mal saisi"),
        "unknown": _("inconnu"),
        "used": _("déjà utilisé par ce compte"),
        "expired": _("périmé"),
        "blocked": _("bloqué"),
        "no-voucher": _("aucun ticket ne l’a"),
        "not-issued": _("ticket pas en circulation"),
        "used-elsewhere": _("utilisé par un autre compte"),
        "other-brand": _("ticket d’une autre marque"),
    }
    return names.get(str(code), str(code))


@register.filter
def content(value: Content | None, unit: str) -> str:
    """A value of some terms as it is typed; a dash for none."""
    return "—" if value is None else drafting.typed(value, unit)


@register.filter
def at(mapping: Mapping[str, object], key: str) -> object:
    """What a mapping holds under a key."""
    return mapping.get(key, "")


@register.filter
def instant(text: str) -> datetime:
    """An instant kept as text."""
    return datetime.fromisoformat(str(text))


@register.filter
def act_name(code: str) -> str:
    """What fell due."""
    names = {
        "registration-lapse": _("Inscriptions non confirmées, closes"),
        "transfer-lapse": _("Virements attendus en vain, commandes closes"),
        "proposal-expiry": _("Demandes sans décision, expirées"),
        "credit-expiry": _("Crédit arrivé au terme de sa validité"),
    }
    return names.get(str(code), str(code))


@register.filter
def deck_state(code: str) -> str:
    """How a version of a deck stands."""
    return {"draft": _("brouillon"), "activated": _("activée")}.get(str(code), str(code))


@register.filter
def price_form(code: str) -> str:
    """The form of a price list of another program."""
    names = {"csv": _("tableau CSV"), "xlsx": _("classeur XLSX")}
    return names.get(
        code, {"astpp": "ASTPP", "magnusbilling": "MagnusBilling", "a2billing": "A2Billing"}.get(code, code)
    )


@register.filter
def tax_basis(code: str) -> str:
    """Whether prices hold the tax."""
    names = {"included": _("comprises"), "excluded": _("en sus"), "not stated": _("non précisé")}
    return names.get(str(code), str(code))


@register.filter
def setting_source(code: str) -> str:
    """Where a setting comes from."""
    names = {
        "environment": _("environnement"),
        "screen": _("cet écran"),
        "file": _("fichier de la marque"),
        "default": _("par défaut"),
    }
    return names.get(str(code), str(code))


@register.filter
def partner_kind(code: str) -> str:
    """What kind of partner."""
    names = {"carrier": _("opérateur"), "card": _("prestataire de cartes"), "mail": _("serveur de courrier")}
    return names.get(str(code), str(code))


@register.filter
def mail_security(code: str) -> str:
    """How mails are carried."""
    names = {"starttls": _("STARTTLS, port 587"), "tls": _("TLS d’emblée, port 465"), "none": _("aucun")}
    return names.get(str(code), str(code))


@register.filter
def words(text: str) -> list[str]:
    """The words of a text."""
    return str(text).split()


@register.filter
def recording_origin(code: str) -> str:
    """Whose recording callers hear."""
    names = {
        "operator": _("déposé"),
        "brand": _("de la marque"),
        "shipped": _("de Cadran"),
        "missing": _("manque"),
    }
    return names.get(str(code), str(code))


@register.filter
def spoken_language(code: str) -> str:
    """A language of recordings."""
    return {"fr": _("français"), "en": _("anglais")}.get(str(code), str(code))


@register.filter
def in_language(texts: Mapping[str, str]) -> str:
    """The text in the language of the page, else the first there is."""
    return texts.get((get_language() or "fr")[:2]) or next(iter(texts.values()), "")
