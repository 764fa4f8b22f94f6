"""Amounts, days, rows and buttons of mails. No float ever."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from babel import numbers
from django import template
from django.template import Context
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

register = template.Library()

# What the rooms above call by a code, in words. A code that has none here is shown as it is.
REFUSALS = {
    "unreadable": gettext_lazy("On ne peut pas tout lire : l’image est floue, sombre ou coupée."),
    "side-missing": gettext_lazy("Il manque un côté du document."),
    "expired": gettext_lazy("Le document n’est plus valable."),
    "name-differs": gettext_lazy("Le nom n’est pas celui de votre inscription."),
    "not-an-identity-document": gettext_lazy("Ce n’est pas une carte d’identité, un passeport ou un titre de séjour."),
    "under-age": gettext_lazy("Le service est réservé aux personnes majeures."),
    "bad-faith": gettext_lazy("Le document ne paraît pas authentique."),
}
CASES = {
    "lost-codes": gettext_lazy("Codes perdus ou volés"),
    "abuse": gettext_lazy("Usage abusif de votre compte"),
    "data-access": gettext_lazy("Accès à vos données"),
    "data-erasure": gettext_lazy("Effacement de vos données"),
    "billing": gettext_lazy("Facturation et crédit"),
    "other": gettext_lazy("Autre demande"),
}
BLOCKED = {
    "site": gettext_lazy("site"),
    "sip": gettext_lazy("téléphone"),
    "factor": gettext_lazy("clés d’accès"),
    "account": gettext_lazy("compte"),
}


@register.filter
def money(micros: int, currency: str = "EUR") -> str:
    """Two decimals at least, six at most: 10000000 -> `10,00 €`."""
    french = (get_language() or "fr")[:2] == "fr"
    pattern = "#,##0.00####\u00a0¤" if french else "¤#,##0.00####"
    amount = Decimal(int(micros)).scaleb(-6)
    return str(
        numbers.format_currency(amount, currency, pattern, locale="fr" if french else "en", currency_digits=False)
    )


@register.filter
def day(at: datetime) -> str:
    """The civil day of an instant, in the brand's zone: `22 novembre 2026`."""
    return formats.date_format(timezone.localtime(at), "DATE_FORMAT")


@register.filter
def last_day(until: datetime) -> str:
    """The last civil day of something valid until an instant (excluded)."""
    return day(until - timedelta(seconds=1))


@register.filter
def moment(at: datetime) -> str:
    """Day, hour and zone of an instant: `22 novembre 2026 11:02 (CET)`."""
    local = timezone.localtime(at)
    return f"{formats.date_format(local, 'DATETIME_FORMAT')} ({local:%Z})"


@register.filter
def means(code: str) -> str:
    """How an order is paid."""
    return {"card": _("Carte bancaire"), "transfer": _("Virement bancaire")}.get(str(code), str(code))


@register.filter
def refusal(code: str) -> str:
    """Why a document was refused."""
    return str(REFUSALS.get(code, code))


@register.filter
def case(code: str) -> str:
    """What a case is about."""
    return str(CASES.get(code, code))


@register.filter
def blocked(codes: Collection[str]) -> str:
    """What is blocked while a case is looked at."""
    return ", ".join(str(BLOCKED.get(code, code)) for code in codes)


@register.filter
def credit(micros: int, currency: str = "EUR") -> str:
    """To the cent, rounded down: nobody is told of more than there is."""
    return money(int(micros) // 10_000 * 10_000, currency)


@register.simple_tag(takes_context=True)
def row(context: Context, label: str, value: Any) -> SafeString:
    """A row of a table of facts; none where there is no value."""
    if value in (None, ""):
        return SafeString("")
    styles = context["styles"]
    return format_html(
        '<tr><th scope="row" class="soft line" style="{}">{}</th><td class="ink line" style="{}">{}</td></tr>',
        styles["th"],
        label,
        styles["td"],
        value,
    )


@register.simple_tag
def line(label: str, value: Any) -> str:
    """The same fact in plain text."""
    colon = "\u00a0:" if (get_language() or "fr")[:2] == "fr" else ":"
    return f"{label}{colon} {value}\n" if value not in (None, "") else ""


@register.simple_tag(takes_context=True)
def button(context: Context, address: str, label: str) -> SafeString:
    """A link that looks like a button, followed by its address for those who print or copy it."""
    styles = context["styles"]
    return format_html(
        '<p class="no-print" style="margin:0 0 14px"><a href="{}" style="{}">{}</a></p>'
        '<p class="soft" style="{};word-break:break-all">{}</p>',
        address,
        styles["button"],
        label,
        styles["soft"],
        address,
    )
