"""Forms of the site. They check the shape of what was typed and leave every decision to the rooms below."""

from __future__ import annotations

import unicodedata
from typing import Any

from babel import Locale
from django import forms
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from cadran.party import operations as party_operations
from cadran.party import rules as party_rules
from cadran.party import sign_ins
from cadran.units.errors import CadranError
from cadran.web import wording

Document = party_rules.Document
DOCUMENT_LABELS = {
    Document.TERMS: _("les conditions générales"),
    Document.LEGAL: _("les mentions légales"),
    Document.SPECIAL: _("les conditions particulières"),
    Document.DESCRIPTIONS: _("le descriptif des services"),
    Document.PRICES: _("les tarifs"),
    Document.OFFERS: _("les offres"),
}


def language() -> str:
    """The language of the page: fr, or en where the visitor chose it."""
    code = (get_language() or "fr")[:2]
    return code if code in dict(settings.LANGUAGES) else "fr"


def countries() -> list[tuple[str, str]]:
    """Countries that a customer may live in, in the language of the page, in alphabetical order."""
    names = Locale(language()).territories
    found = [(code, str(name)) for code, name in names.items() if party_rules.is_country(code)]
    return sorted(found, key=lambda pair: unicodedata.normalize("NFD", pair[1]).casefold())


class Tick(forms.CheckboxInput):
    """A tick box that sends the token of what was shown, and nothing when it is not ticked."""

    def format_value(self, value: Any) -> None:
        return None

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        return data.get(name) or None


class SipPasswordForm(forms.Form):
    """A new SIP password for one of the customer's SIP users."""

    sip_password = forms.CharField(
        label=_("Nouveau mot de passe SIP"),
        max_length=64,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false", "data-proposal": ""}
        ),
    )

    def set_password(self, *, username: str) -> bool:
        """Whether the password was changed; otherwise the field says why."""
        try:
            party_operations.set_sip_password(
                username=username, password=self.cleaned_data["sip_password"], at=settings.CIVIL_CLOCK.now()
            )
        except CadranError as error:
            self.add_error("sip_password", wording.of(error))
            return False
        return True


def client_ip(request: HttpRequest) -> str:
    """The visitor's address as allauth reads it, with its settings for trusted proxies."""
    from allauth.account.adapter import get_adapter

    return str(get_adapter(request).get_client_ip(request))


def client_network(request: HttpRequest | None) -> str:
    """The visitor's network for a line of log, shortened as `party.sign_ins` keeps it; "" where it cannot be told."""
    if request is None:
        return ""
    try:
        return sign_ins.short_address(client_ip(request))
    except PermissionDenied:  # no address at all: a line of log must not refuse anybody
        return ""
