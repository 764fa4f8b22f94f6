"""Words of the pages on calls charged again and on decks, in the language of the page."""

from __future__ import annotations

from babel import Locale
from django import template
from django.utils.translation import get_language
from django.utils.translation import gettext as _

register = template.Library()


@register.filter
def verdict(code: str) -> str:
    """Why a call keeps its price."""
    names = {
        "same": _("coûtent pareil"),
        "no-price": _("sans prix dans cette grille"),
        "out-of-time": _("hors délai"),
        "not-agreed": _("conditions qui ne le prévoient pas"),
        "disputed": _("contestés, et qui deviendraient plus chers"),
        "closed": _("comptes fermés"),
    }
    return names.get(str(code), str(code))


@register.filter
def run_state(run: object) -> str:
    """How a re-rating stands."""
    asked = str(getattr(run, "proposal").state)  # noqa: B009 - a page gives any object
    state = str(getattr(run, "state"))  # noqa: B009
    names = {
        "proposed": _("à approuver"),
        "refused": _("refusé"),
        "withdrawn": _("retiré"),
        "expired": _("expiré"),
        "waiting": _("approuvé"),
        "running": _("en cours"),
        "telling": _("prévient les clients"),
        "done": _("fait"),
        "stopped": _("interrompu"),
    }
    return names.get(asked, names.get(state, state))


@register.filter
def run_mood(run: object) -> str:
    """The class of its tag."""
    asked, state = str(getattr(run, "proposal").state), str(getattr(run, "state"))  # noqa: B009
    moods = {"proposed": "warn", "refused": "bad", "done": "good", "stopped": "bad"}
    return moods.get(asked if asked in ("proposed", "refused") else state, "")


@register.filter
def finding(code: str) -> str:
    """What was found in a deck."""
    names = {
        "no-price": _("Pays sans prix"),
        "ended": _("Prix finis, sans suite"),
        "ending": _("Prix qui vont finir, sans suite"),
        "pause": _("Trous entre deux prix"),
        "overlap": _("Dates qui se chevauchent"),
        "outlier-high": _("Bien plus chers que leurs voisins"),
        "outlier-low": _("Bien moins chers que leurs voisins"),
        "shadowed": _("Jamais atteints : chaque chiffre suivant a son propre prix"),
    }
    return names.get(str(code), str(code))


@register.filter
def finding_mood(code: str) -> str:
    """The class of its tag."""
    return {"no-price": "bad", "overlap": "bad", "ended": "warn", "pause": "warn", "ending": "warn"}.get(str(code), "")


@register.filter
def line_kind(code: str) -> str:
    """`fixed` or `mobile`."""
    return {"fixed": _("fixe"), "mobile": _("mobile")}.get(str(code), str(code))


@register.filter
def country(code: str) -> str:
    """A country of ISO 3166 by its name."""
    language = "fr" if (get_language() or "fr")[:2] == "fr" else "en"
    return str(Locale(language).territories.get(str(code), code))
