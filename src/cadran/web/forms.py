"""Forms of the site. They check the shape of what was typed and leave every decision to the rooms below."""

from __future__ import annotations

import unicodedata
from typing import Any

from allauth.account import forms as allauth_forms
from babel import Locale
from django import forms
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from cadran.journeys import registration
from cadran.party import operations as party_operations
from cadran.party import rules as party_rules
from cadran.party import vault
from cadran.policy import queries as policy
from cadran.units.errors import CadranError
from cadran.web import serving, wording

Document = party_rules.Document
DOCUMENT_LABELS = {
    Document.TERMS: _("les conditions générales"),
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


class SignupForm(allauth_forms.SignupForm):  # type: ignore[misc]
    """Registration: who, how to sign in, how phones sign in, and the four ticks, each naming the text that was shown."""

    kind = forms.ChoiceField(
        label=_("Vous êtes"),
        choices=[("person", _("Un particulier")), ("company", _("Une entreprise, une association, un organisme"))],
        initial="person",
        widget=forms.RadioSelect,
    )
    company = forms.CharField(label=_("Raison sociale"), max_length=80, required=False)
    first_names = forms.CharField(label=_("Prénoms"), max_length=80)
    name = forms.CharField(label=_("Nom"), max_length=80)
    country = forms.ChoiceField(label=_("Pays de résidence"), choices=countries, initial="FR")
    sip_password = forms.CharField(
        label=_("Mot de passe SIP"),
        max_length=64,
        help_text=_("Celui que vous taperez dans votre téléphone. Gardez notre proposition ou choisissez le vôtre."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false", "data-proposal": ""}
        ),
    )
    adult = forms.BooleanField(
        error_messages={"required": _("Certifiez votre âge ou votre habilitation pour continuer.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.brand = policy.brand(serving.brand_key())
        self.offered = registration.documents(brand=self.brand.key, language=language(), at=settings.CIVIL_CLOCK.now())
        age = policy.terms_in_force(self.brand.key, settings.CIVIL_CLOCK.now()).integer("account.minimum_age")
        self.fields["adult"].label = gettext(
            "Je certifie avoir %(age)s ans ou plus, ou être habilité à engager l’organisme que je représente."
        ) % {"age": age}
        self.fields["email"].label = _("Adresse e-mail")
        self.fields["email"].help_text = _("Elle identifie votre compte : un lien de confirmation y est envoyé.")
        self.fields["username"].label = _("Nom d’utilisateur")
        self.fields["username"].help_text = _(
            "Pour vous connecter ici, et le nom de votre ligne SIP. Lettres et chiffres."
        )
        self.fields["password1"].label = _("Mot de passe du site")
        self.fields["password1"].help_text = _("10 caractères au moins, lettres et chiffres mêlés.")
        self.fields["sip_password"].initial = vault.propose_sip_password()
        for field in ("username", "email", "password1"):
            self.fields[field].widget.attrs.pop("placeholder", None)
        self.fields["username"].widget.attrs |= {"autocapitalize": "none", "spellcheck": "false"}
        self.fields["first_names"].widget.attrs["autocomplete"] = "given-name"
        self.fields["name"].widget.attrs["autocomplete"] = "family-name"
        self.fields["company"].widget.attrs["autocomplete"] = "organization"
        self.fields["country"].widget.attrs["autocomplete"] = "country"
        if not self.brand.legal_entities:
            self.fields["kind"].choices = [("person", _("Un particulier"))]
        for offered in self.offered:
            self.fields[f"accept_{offered.document.value}"] = forms.CharField(
                label=DOCUMENT_LABELS[offered.document],
                widget=Tick(attrs={"value": offered.token}),
                error_messages={"required": _("Cochez cette case après avoir lu le document.")},
            )

    def ticks(self) -> list[tuple[registration.Offered, forms.BoundField]]:
        """Each document with its tick box, for the page."""
        return [(offered, self[f"accept_{offered.document.value}"]) for offered in self.offered]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        kind = party_rules.CustomerKind(data.get("kind") or "person")
        if kind is party_rules.CustomerKind.COMPANY:
            self._check("company", lambda: party_rules.checked_name(data.get("company") or "", kind=kind))
        for field in ("first_names", "name"):
            if field in data:
                self._check(field, lambda field=field: party_rules.checked_name(data[field]))
        if "sip_password" in data:
            user_name = data.get("username") or "\0"
            site_password = data.get("password1")
            self._check(
                "sip_password",
                lambda: party_rules.checked_sip_password(
                    data["sip_password"], user_name=user_name, site_password=site_password
                ),
            )
        for offered, _field in self.ticks():
            name = f"accept_{offered.document.value}"
            if name in data and data[name] != offered.token:
                self.add_error(name, wording.of(registration.DocumentChanged("")))
        return data

    def _check(self, field: str, rule: Any) -> None:
        try:
            self.cleaned_data[field] = rule()
        except CadranError as error:
            self.add_error(field, wording.of(error))

    def try_save(self, request: HttpRequest) -> Any:
        """As slow for an address that has an account as for a new one, whose password is hashed: the time tells nothing."""
        if self.account_already_exists:
            make_password(self.cleaned_data["password1"])
        return super().try_save(request)

    def save(self, request: HttpRequest) -> Any:
        """Register through the journey. Called by try_save when no account has the address; see allauth's SignupForm."""
        data = self.cleaned_data
        wish = registration.Wish(
            email=data["email"],
            user_name=data["username"],
            password=data["password1"],
            sip_password=data["sip_password"],
            name=data["name"],
            first_names=data["first_names"],
            company=data.get("company") or "",
            kind=party_rules.CustomerKind(data["kind"]),
            language=language(),
            country=data["country"],
            adult=data["adult"],
            ticked={offered.document: data[f"accept_{offered.document.value}"] for offered in self.offered},
            ip=client_ip(request),
        )
        customer = registration.register(brand=self.brand.key, wish=wish, at=settings.CIVIL_CLOCK.now())
        return get_user_model().objects.get(pk=customer.user_id)


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
